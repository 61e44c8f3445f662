"""Products of Sentinel-1, and a catalog that lacks some of the scenes made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import shapely

from floodscan import Policy, Recipe, Sensor
from tests.servers import records
from tests.sweeps import DEMO

PRODUCTS = "sentinel-1-grd"
SCENES = "sentinel-1-rtc"
CATALOG_ID = "items-in-memory"
LOST = ("20210715T0550", "20210715T0551", "20210721T055")
"""The passes of track 37 after the onset: those whose scenes the collection lacks."""

Item = dict[str, Any]


def asking(recipe: Recipe) -> Recipe:
    """Return rules that ask for what was acquired."""
    radar = replace(recipe.sensors[Sensor.S1RTC], acquired_in=PRODUCTS)
    return replace(recipe, sensors={**recipe.sensors, Sensor.S1RTC: radar})


PLAIN = Recipe(tile_size_m=40_000)
TILED = asking(PLAIN)
ASKING = asking(Recipe())
CHANGE_DETECTION = asking(Recipe(policy=Policy.CHANGE_DETECTION))
RADAR = Recipe(sensors={Sensor.S1RTC: ASKING.sensors[Sensor.S1RTC]})


def product_of(scene: Item, *, margin: float = 0.05) -> Item:
    """Make the product of a terrain-corrected scene, as Planetary Computer describes it.

    Args:
        scene: The scene.
        margin: Degrees by which its footprint is larger: both are drawn by other means.
    """
    footprint = shapely.geometry.shape(scene["geometry"]).buffer(margin, join_style="mitre")
    product_id = scene["id"].removesuffix("_rtc")
    properties = {
        name: value
        for name, value in scene["properties"].items()
        if not name.startswith(("proj:", "floodscan:"))
    }
    return {
        **scene,
        "id": product_id,
        "collection": PRODUCTS,
        "bbox": list(footprint.bounds),
        "geometry": shapely.geometry.mapping(footprint),
        "properties": properties,
        "links": [],
        "assets": {
            key: {"href": f"https://sentinel1euwest.invalid/s1-grd/{product_id}/{key}.tiff"}
            for key in ("vv", "vh")
        },
    }


def is_lost(item: Item) -> bool:
    """Whether the catalog lacks a scene."""
    return item["collection"] == SCENES and any(start in item["id"] for start in LOST)


def demo_items() -> list[Item]:
    """The items of the demo without the lost scenes, and all products."""
    items = records.demo_items()
    products = [product_of(item) for item in items if item["collection"] == SCENES]
    return [*(item for item in items if not is_lost(item)), *products]


def lost_over(area: shapely.Geometry) -> set[str]:
    """The products of the lost scenes that cover some of an area."""
    lost = [product_of(item) for item in records.demo_items() if is_lost(item)]
    return {
        item["id"]
        for item in lost
        if shapely.geometry.shape(item["geometry"]).intersection(area).area > 0
    }


def lost_scene() -> Item:
    """A lost scene that covers the area."""
    over = lost_over(DEMO.aoi)
    lost = (item for item in records.demo_items() if is_lost(item))
    return next(item for item in lost if product_of(item)["id"] in over)


def slots_of(manifest: Item) -> dict[tuple[str, str], Item]:
    """Return what the slots of a manifest say, by target and phase."""
    found = manifest["not_in_collection"]["slots"]
    return {(slot["target_id"], slot["phase"]): slot for slot in found}
