"""A catalog that a worker makes up as it is asked: items of real size, after a wait like a real one's.

It stands in for a STAC API, which two cores could not serve fast enough beside the workers that ask
it: it passes the rate_limiter, waits, and gives the bytes of a page, which are decoded as those of an API
are. Whoever asks, the items are the
same: on a grid of footprints each is seen again after some days.
"""

from __future__ import annotations

import math
import random
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import shapely

from benchmarks.scaling.steps import count, timed
from floodscan.catalogs import Answer, Catalog
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import STAC_NAMES, decode_page
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimiter
from floodscan.testing.stac_items import (
    Sentinel1Frame,
    Sentinel2Scene,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.model import Search

    Json = dict[str, Any]

TAIL_SIGMA = 0.8
"""Of the logarithm of a wait: one in a hundred is 4.7 times the mean, and more."""

_MARGIN_DEGREES = 0.05  # by which neighbours overlap
_TIME = datetime(2021, 7, 15, 10, 36, tzinfo=UTC)  # of the item that all others are made after

# What is written into that one where others differ from it.
_ID, _TIME_TEXT, _CLOUD, _BOX, _RING = "@ID@", "@TIME@", "@CLOUD@", "@BOX@", "@RING@"


_DEGREES = {"sentinel-1-rtc": 2.0, "sentinel-2-l2a": 1.0, "cop-dem-glo-30": 1.0}
"""Edge of a footprint."""


class _Sight(NamedTuple):
    """A footprint, by column and row of the grid, at a time."""

    column: int
    row: int
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpCatalog:
    """A catalog that has an answer to every search.

    Attributes:
        mean_seconds: What a request takes in the mean; how long one takes is drawn from what is
            asked, so that every run waits the same.
        lean: Whether items hold only what is used, as from a server that knows ``fields``.
        every_days: Days until the same footprint is seen again.
        rate_limiter: What every request passes.
    """

    mean_seconds: float = 0.0
    lean: bool = False
    every_days: int = 3
    rate_limiter: RateLimiter = field(default_factory=LocalRateLimiter)
    location: str = "made-up"

    def describe(self, collections: Iterable[str]) -> str:
        """Tell the id."""
        del collections
        return self.location

    def search(self, search: Search) -> Answer:
        """Wait for a place and for the answer, and read it."""
        asked = time.perf_counter()
        with self.rate_limiter.enter():
            entered = time.perf_counter()
            page = self.make_page(search)
            wait = draw_seconds(search, self.mean_seconds)
            time.sleep(max(entered + wait - time.perf_counter(), 0.0))
            answered = time.perf_counter()
        count("rate_limiter", time.perf_counter() - asked - (answered - entered))
        count("catalog", answered - entered)
        count("drawn", wait)
        with timed("parse"):
            items = parse_items(
                decode_page(page).features or [], collection=search.collection, assets=search.assets
            )
        return Answer(items=items, n_requests=1, n_pages=1)

    def make_page(self, search: Search) -> bytes:
        """Write the page of all items that a search finds."""
        template = _template(search.collection, search.assets if self.lean else None)
        items = (_fill(template, search.collection, sight) for sight in self._find(search))
        return b'{"type":"FeatureCollection","links":[],"features":[' + b",".join(items) + b"]}"

    def _find(self, search: Search) -> Iterator[_Sight]:
        """List what is seen of the cells that a box touches on the days of a window."""
        degrees = _DEGREES[search.collection]
        west, south, east, north = (math.floor(edge / degrees) for edge in search.bbox)
        cells = product(range(west, east + 1), range(south, north + 1))
        if search.window is None:
            return (_Sight(*cell, _TIME) for cell in cells)
        days = range(search.window.start.toordinal(), search.window.end.toordinal() + 1)
        return (
            _Sight(*cell, datetime.fromordinal(day).replace(hour=_TIME.hour, tzinfo=UTC))
            for cell, day in product(cells, days)
            if (day + sum(cell)) % self.every_days == 0
        )


def draw_seconds(search: Search, mean_seconds: float) -> float:
    """Draw how long a search takes: log-normal, always the same for the same search."""
    if not mean_seconds:
        return 0.0
    draw = random.Random(_digest(search.collection, search.bbox, str(search.window)))  # noqa: S311 - no secret
    return draw.lognormvariate(math.log(mean_seconds) - TAIL_SIGMA**2 / 2, TAIL_SIGMA)


def _fill(template: bytes, collection: str, sight: _Sight) -> bytes:
    """Write an item: the template with an id, a time, a place and clouds of its own."""
    degrees = _DEGREES[collection]
    west, south = sight.column * degrees - _MARGIN_DEGREES, sight.row * degrees - _MARGIN_DEGREES
    east, north = west + degrees + 2 * _MARGIN_DEGREES, south + degrees + 2 * _MARGIN_DEGREES
    own = {
        _ID: f"{collection}_{sight.column}_{sight.row}_{sight.moment:%Y%m%d}",
        _TIME_TEXT: f"{sight.moment:%Y-%m-%dT%H:%M:%SZ}",
        f'"{_CLOUD}"': str(_digest(*sight) % 100),
        f'"{_BOX}"': str([west, south, east, north]),
        f'"{_RING}"': str(
            [[west, south], [east, south], [east, north], [west, north], [west, south]]
        ),
    }
    for placeholder, value in own.items():
        template = template.replace(placeholder.encode(), value.encode())
    return template


@cache
def _template(collection: str, lean_assets: tuple[str, ...] | None) -> bytes:
    """Write an item of a collection with marks where those of its own go.

    Lean: with some assets' hrefs alone.
    """
    item = _make_item(collection)
    named = str(item["id"])
    item |= {"bbox": _BOX, "geometry": {"type": "Polygon", "coordinates": [_RING]}}
    item["properties"]["datetime"] = _TIME_TEXT
    if "eo:cloud_cover" in item["properties"]:
        item["properties"]["eo:cloud_cover"] = _CLOUD
    if lean_assets is not None:
        item = {
            name: item[name]
            for name in ("id", "collection", "bbox", "geometry", "properties", "assets")
        }
        item["properties"] = {
            name: item["properties"][name] for name in STAC_NAMES if name in item["properties"]
        }
        item["assets"] = {key: {"href": item["assets"][key]["href"]} for key in lean_assets}
    return orjson.dumps(item).replace(named.encode(), _ID.encode())


def _make_item(collection: str) -> Json:
    if collection == "cop-dem-glo-30":
        return cop_dem_item(49, 5)
    if collection == "sentinel-1-rtc":
        frame = Sentinel1Frame(
            platform="S1A",
            start=_TIME,
            duration=timedelta(seconds=25),
            footprint=shapely.box(5.0, 49.0, 8.0, 51.0),
            relative_orbit=37,
            absolute_orbit=38_782,
            orbit_state="descending",
            datatake=299_850,
        )
        return sentinel_1_item(frame)
    scene = Sentinel2Scene(
        tile="31UGR",
        platform="S2A",
        start=_TIME,
        generated=_TIME + timedelta(hours=20),
        relative_orbit=8,
        absolute_orbit=31_653,
        baseline="03.01",
        cloud_cover=0.0,
    )
    return sentinel_2_item(scene) or {}


def _digest(*facts: object) -> int:
    return zlib.crc32(repr(facts).encode())


_: type[Catalog] = MadeUpCatalog
