"""Products of Sentinel-1 for tests: those that the scenes of other generators are made of."""

from __future__ import annotations

from typing import Any

import shapely

PRODUCTS = "sentinel-1-grd"
SCENES = "sentinel-1-rtc"

Item = dict[str, Any]


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
