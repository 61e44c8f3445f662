"""A source that makes up the items of every search, fast enough for benchmarks.

The Earth is cut into a grid of footprints per collection. Each footprint is seen again after a few
days, so the same search always finds the same items. An item has the size of a real one: it is
written once as a template, and then filled in for each footprint.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import orjson
import shapely

from floodscan.catalogs import Answer
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import STAC_NAMES, decode_page
from floodscan.testing.stac_items import (
    Sentinel1Frame,
    Sentinel2Scene,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.catalogs import Catalog
    from floodscan.model import Search
    from floodscan.testing.stac_items import Item

_FOOTPRINT_DEGREES = {"sentinel-1-rtc": 2.0, "sentinel-2-l2a": 1.0, "cop-dem-glo-30": 1.0}
_MARGIN_DEGREES = 0.05  # neighbours overlap by twice this
_TEMPLATE_TIME = datetime(2021, 7, 15, 10, 36, tzinfo=UTC)

# Placeholders in a template.
_ID, _TIME, _CLOUD, _BOX, _RING = "@ID@", "@TIME@", "@CLOUD@", "@BOX@", "@RING@"
_LEAN_MEMBERS = ("id", "collection", "bbox", "geometry", "properties", "assets")


class _Sighting(NamedTuple):
    """A footprint, by column and row of the grid, at a time."""

    column: int
    row: int
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpItems:
    """A source with items for every search in the three collections of the default recipe.

    Attributes:
        lean: True if items hold only the members that floodscan reads, as from a server that
            conforms to ``fields``.
        every_days: Days until a footprint is seen again.
        location: Name and id.
    """

    lean: bool = False
    every_days: int = 3
    location: str = "made-up"

    def describe(self, collections: Iterable[str]) -> str:
        """Accept all collections and return the id."""
        del collections
        return self.location

    def search(self, search: Search) -> Answer:
        """Find the items of one page, with one request."""
        return read_page(self.make_page(search), search)

    def make_page(self, search: Search) -> bytes:
        """Write the page with all items of a search, as a STAC API sends it."""
        template = _template(search.collection, search.assets if self.lean else None)
        items = (_fill(template, search.collection, seen) for seen in self._find(search))
        return b'{"type":"FeatureCollection","links":[],"features":[' + b",".join(items) + b"]}"

    def _find(self, search: Search) -> Iterator[_Sighting]:
        """List the footprints that the box touches, on the days of the window."""
        degrees = _FOOTPRINT_DEGREES[search.collection]
        west, south, east, north = (math.floor(edge / degrees) for edge in search.bbox)
        cells = product(range(west, east + 1), range(south, north + 1))
        if search.window is None:
            return (_Sighting(*cell, _TEMPLATE_TIME) for cell in cells)
        days = range(search.window.start.toordinal(), search.window.end.toordinal() + 1)
        return (
            _Sighting(*cell, datetime.fromordinal(day).replace(hour=10, tzinfo=UTC))
            for cell, day in product(cells, days)
            if (day + sum(cell)) % self.every_days == 0
        )


def read_page(page: bytes, search: Search) -> Answer:
    """Decode a page as the answer to the search it was made for."""
    features = decode_page(page, search.assets).features or []
    items = parse_items(features, collection=search.collection, assets=search.assets)
    return Answer(items=items, n_requests=1, n_pages=1)


def _fill(template: bytes, collection: str, seen: _Sighting) -> bytes:
    """Write an item: the template with its own id, time, place and cloud cover."""
    degrees = _FOOTPRINT_DEGREES[collection]
    west, south = seen.column * degrees - _MARGIN_DEGREES, seen.row * degrees - _MARGIN_DEGREES
    east, north = west + degrees + 2 * _MARGIN_DEGREES, south + degrees + 2 * _MARGIN_DEGREES
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    values = {
        _ID: f"{collection}_{seen.column}_{seen.row}_{seen.moment:%Y%m%d}",
        _TIME: f"{seen.moment:%Y-%m-%dT%H:%M:%SZ}",
        f'"{_CLOUD}"': str(zlib.crc32(repr(tuple(seen)).encode()) % 100),
        f'"{_BOX}"': str([west, south, east, north]),
        f'"{_RING}"': str(ring),
    }
    for placeholder, value in values.items():
        template = template.replace(placeholder.encode(), value.encode())
    return template


@cache
def _template(collection: str, lean_assets: tuple[str, ...] | None) -> bytes:
    """Write an item with placeholders; with ``lean_assets`` it has the hrefs of these alone."""
    item = _make_item(collection)
    item_id = str(item["id"])
    item |= {"bbox": _BOX, "geometry": {"type": "Polygon", "coordinates": [_RING]}}
    properties = item["properties"]
    properties["datetime"] = _TIME
    if "eo:cloud_cover" in properties:
        properties["eo:cloud_cover"] = _CLOUD
    if lean_assets is not None:
        item = {name: item[name] for name in _LEAN_MEMBERS}
        item["properties"] = {name: properties[name] for name in STAC_NAMES if name in properties}
        item["assets"] = {key: {"href": item["assets"][key]["href"]} for key in lean_assets}
    return orjson.dumps(item).replace(item_id.encode(), _ID.encode())


def _make_item(collection: str) -> Item:
    if collection == "cop-dem-glo-30":
        return cop_dem_item(49, 5)
    if collection == "sentinel-1-rtc":
        frame = Sentinel1Frame(
            platform="S1A",
            start=_TEMPLATE_TIME,
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
        start=_TEMPLATE_TIME,
        generated=_TEMPLATE_TIME + timedelta(hours=20),
        relative_orbit=8,
        absolute_orbit=31_653,
        baseline="03.01",
        cloud_cover=0.0,
    )
    return sentinel_2_item(scene) or {}


if TYPE_CHECKING:
    _SOURCE: type[Catalog] = MadeUpItems
