"""The items of the demo, and the orders and limits of policy ``reference`` over them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import shapely

from floodscan.testing.build_demo import build_items

if TYPE_CHECKING:
    from collections.abc import Callable

Item = dict[str, Any]

S1, S2, DEM = "sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30"
AOI = shapely.box(5.7333, 49.4426, 6.5282, 50.1830)
PHASES = {
    "pre_month": date(2021, 6, 15),
    "pre_event": date(2021, 7, 11),
    "event": date(2021, 7, 15),
    "post_event": date(2021, 7, 18),
}
BANDS = {"B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"}
ITEMS = build_items()
ALL = [item for members in ITEMS.values() for item in members]


def overlap(item: Item) -> float:
    """Return the share of the area that an item's footprint covers."""
    return float(shapely.geometry.shape(item["geometry"]).intersection(AOI).area / AOI.area)


def day(item: Item) -> date:
    """Return the UTC day of an item."""
    return date.fromisoformat(item["properties"]["datetime"][:10])


def near(collection: str, phase: date, days: int) -> list[Item]:
    """Return the items in a window of ``days`` either side of ``phase``."""
    return [item for item in ITEMS[collection] if abs(day(item) - phase) <= timedelta(days=days)]


def sentinel_1_order(phase: date) -> Callable[[Item], tuple[Any, ...]]:
    """Return the reference policy's order of Sentinel-1 scenes."""
    return lambda item: (
        -overlap(item),
        abs(day(item) - phase),
        item["properties"]["datetime"],
        item["id"],
    )


def sentinel_2_order(phase: date) -> Callable[[Item], tuple[Any, ...]]:
    """Return the reference policy's order of Sentinel-2 scenes."""
    return lambda item: (
        -overlap(item),
        item["properties"]["eo:cloud_cover"],
        abs(day(item) - phase),
        item["id"],
    )


def is_dual(item: Item) -> bool:
    """Tell whether a Sentinel-1 item has both polarisations, in whichever order."""
    return set(item["properties"]["sar:polarizations"]) == {"VV", "VH"} and {"vv", "vh"} <= set(
        item["assets"]
    )


def is_clear_and_whole(item: Item) -> bool:
    """Tell whether a Sentinel-2 item passes the cloud limit and has every band."""
    return item["properties"]["eo:cloud_cover"] < 25 and set(item["assets"]) >= BANDS
