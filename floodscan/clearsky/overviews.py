"""Reads the overview of a scene: one request for the head of the file, rarely a second one.

In a cloud-optimised GeoTIFF the headers come first and the smallest overviews right behind them. So
128 KiB nearly always hold all that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.clearsky.files import UnreadError
from floodscan.clearsky.raster import (
    RESOLUTION_M,
    Raster,
    UnreadableRasterError,
    decode,
    find_overview,
)

if TYPE_CHECKING:
    from floodscan.clearsky.base import Scene
    from floodscan.clearsky.cache import ReadCache
    from floodscan.clearsky.files import Cost, Line

HEAD_BYTES = 2**17
_TRIES = 2


def read_overview(scene: Scene, line: Line, cost: Cost, cache: ReadCache | None) -> Raster:
    """Read the classes of a scene, or take them from the cache.

    Raises:
        UnreadError: They can't be read.
    """
    if scene.href is None:
        raise UnreadError("its item has no scene classification")
    facts = {"href": scene.href, "resolution_m": RESOLUTION_M}
    if cache and (held := cache.find_raster(facts)):
        return held
    for attempt in range(1, _TRIES + 1):
        try:
            raster = _read(scene, scene.href, line, cost)
            break
        except UnreadableRasterError as err:
            if attempt == _TRIES or cost.budget.is_spent:
                raise UnreadError(f"its file {err}") from None
            cost.budget.n_retries += 1
    if cache:
        cache.keep_raster(facts, raster)
    return raster


def _read(scene: Scene, href: str, line: Line, cost: Cost) -> Raster:
    content = line.read(href, 0, HEAD_BYTES, cost)
    place = find_overview(content)
    if place.end > len(content):
        first = max(place.first, len(content))
        rest = line.read(href, first, place.end, cost)
        content = content.ljust(first, b"\0") + rest
    return decode(content, place, scene)
