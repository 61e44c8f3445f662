"""Cut a search into halves, by collection, or at the antimeridian."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from floodscan.model import TimeWindow

if TYPE_CHECKING:
    from floodscan.geometry.footprints import BBox
    from floodscan.model import Search

FLOOR_WINDOW = timedelta(hours=1)
"""Shortest window that is cut into halves, exclusive."""

FLOOR_DEGREES = 0.02
"""Shortest side of a box that is cut into halves, exclusive."""


def halve(search: Search) -> tuple[Search, ...] | None:
    """Cut a search into parts that find the same items together.

    A search of several collections is cut into one for each. Others are cut into two: the window
    first, then the box. The halves share the instant or the line where they meet, so that no item
    lies between them.

    Returns:
        The parts; None if window and box are too small for a cut.
    """
    if search.also:
        return search.split()
    window = search.window
    if window and window.end - window.start > FLOOR_WINDOW:
        middle = window.start + timedelta(seconds=(window.end - window.start).total_seconds() // 2)
        halves = TimeWindow(window.start, middle), TimeWindow(middle, window.end)
        return replace(search, window=halves[0]), replace(search, window=halves[1])
    boxes = _halve_box(search.bbox)
    return boxes and (replace(search, bbox=boxes[0]), replace(search, bbox=boxes[1]))


def split_at_antimeridian(search: Search) -> tuple[Search, ...]:
    """Cut a search at the antimeridian: servers take a box across it for the rest of the world.

    A search that does not cross it is returned as it is.
    """
    if not search.crosses_antimeridian:
        return (search,)
    west, south, east, north = search.bbox
    boxes = (west, south, 180.0, north), (-180.0, south, east, north)
    return tuple(replace(search, bbox=box) for box in boxes if box[0] < box[2])


def may_share_items(first: Search, second: Search) -> bool:
    """Return whether one item may be found by both of two searches of one collection."""
    if (
        first.window
        and second.window
        and not (
            first.window.start <= second.window.end and second.window.start <= first.window.end
        )
    ):
        return False
    return any(
        _boxes_touch(a.bbox, b.bbox)
        for a in split_at_antimeridian(first)
        for b in split_at_antimeridian(second)
    )


def _halve_box(bbox: BBox) -> tuple[BBox, BBox] | None:
    west, south, east, north = bbox
    if max(east - west, north - south) <= FLOOR_DEGREES:
        return None
    if east - west >= north - south:
        middle = (west + east) / 2
        return (west, south, middle, north), (middle, south, east, north)
    middle = (south + north) / 2
    return (west, south, east, middle), (west, middle, east, north)


def _boxes_touch(a: BBox, b: BBox) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
