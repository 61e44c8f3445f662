"""The items of a search become tables, page by page."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest

from floodscan.catalogs import cache
from floodscan.catalogs.found_items import FoundItems
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.limits import Limits
from floodscan.catalogs.page_json import decode_page, take_assets
from floodscan.model import DEFAULT_SENSORS, Search, Sensor
from floodscan.schemas import ITEMS
from tests.servers.records import demo_items

URL = "https://api.example/search"
WORLD = (-180.0, -90.0, 180.0, 90.0)
RADAR, OPTICAL, DEM = (
    DEFAULT_SENSORS[sensor] for sensor in (Sensor.S1RTC, Sensor.S2L2A, Sensor.DEM)
)
MERGED = Search(
    RADAR.collection,
    WORLD,
    None,
    RADAR.assets,
    also=((OPTICAL.collection, OPTICAL.assets), (DEM.collection, DEM.assets)),
)
ITEMS_OF_ALL = demo_items()


def items_of(collection: str) -> list[dict[str, Any]]:
    """Return the demo's items of a collection."""
    return [item for item in ITEMS_OF_ALL if item["collection"] == collection]


def write_page(items: list[Any]) -> bytes:
    """Write a page."""
    return orjson.dumps({"type": "FeatureCollection", "features": items, "links": []})


def find(search: Search, *pages: bytes, limits: Limits | None = None) -> FoundItems:
    """Read the pages of a search."""
    found = FoundItems(search, limits or Limits())
    for page in pages:
        keys = [key for assets in search.wanted.values() for key in assets]
        found.add(decode_page(page, keys).features or [], URL)
    return found


@pytest.mark.parametrize("sensor", list(Sensor))
def test_items_are_the_same_whatever_assets_are_decoded(sensor: Sensor) -> None:
    """All assets, those of the search, or more than those, in another order."""
    asked = DEFAULT_SENSORS[sensor]
    page = write_page(items_of(asked.collection))
    tables = [
        parse_items(
            decode_page(page, keys).features or [],
            collection=asked.collection,
            assets=asked.assets,
        )
        for keys in (None, asked.assets, ["other", *reversed(asked.assets), "visual", "tilejson"])
    ]
    assert len(tables[0]) == len(items_of(asked.collection))
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


@pytest.mark.parametrize("sensor", list(Sensor))
def test_edges_are_decoded_for_the_first_asset_alone(sensor: Sensor) -> None:
    """The other assets have the same edges, and the table is the same."""
    asked = DEFAULT_SENSORS[sensor]
    page = write_page(items_of(asked.collection))
    every, first = (
        decode_page(page, asked.assets, keys).features or [] for keys in (None, asked.assets[:1])
    )
    assert [hasattr(each, "edges") for each in take_assets(first[:1], asked.assets)] == [
        key == asked.assets[0] for key in asked.assets
    ]
    every_table, first_table = (
        parse_items(items, collection=asked.collection, assets=asked.assets)
        for items in (every, first)
    )
    assert first_table.equals(every_table)


def test_a_merged_search_has_the_items_of_its_parts() -> None:
    """The assets of each collection are its own."""
    found = find(MERGED, write_page(ITEMS_OF_ALL)).table()
    alone = [
        find(Search(asked.collection, WORLD, None, asked.assets), write_page(items)).table()
        for asked in (RADAR, OPTICAL, DEM)
        if (items := items_of(asked.collection))
    ]
    assert found.equals(pa.concat_tables(alone))


def test_a_page_of_a_merged_search_may_lack_a_collection() -> None:
    """The other collections have their items."""
    items = items_of(DEM.collection)
    alone = find(Search(DEM.collection, WORLD, None, DEM.assets), write_page(items)).table()
    assert len(alone) == len(items) > 0
    assert find(MERGED, write_page(items)).table().equals(alone)


@pytest.mark.parametrize("odd", [5, "x", [], {"href": 5}, {"href": None}, {"proj:shape": {}}, None])
def test_an_odd_asset_is_missing(odd: object) -> None:
    """A wanted one; one that is not wanted is not looked at."""
    first, *others = items_of(OPTICAL.collection)[:3]
    search = Search(OPTICAL.collection, WORLD, None, OPTICAL.assets)
    given = find(search, write_page([first, *others])).table()
    (missing,) = [key for key in first["assets"] if key == "B02"]
    for key, n_found in (("visual", 12), (missing, 11)):
        page = write_page([{**first, "assets": {**first["assets"], key: odd}}, *others])
        rows = find(search, page).table()
        assert rows[1:].equals(given[1:])
        assert len(rows["assets"][0].as_py()) == n_found
        assert rows.drop(["assets", "proj_shapes"]).equals(given.drop(["assets", "proj_shapes"]))


def test_items_come_once_and_in_their_order() -> None:
    """Items of earlier pages, and of the same page, are left out."""
    items = items_of(OPTICAL.collection)[:6]
    search = Search(OPTICAL.collection, WORLD, None, OPTICAL.assets)
    found = find(search, write_page(items[:4]), write_page([*items[2:], items[5]]))
    assert found.table()["item_id"].to_pylist() == [item["id"] for item in items]
    assert found.n_items == 6


def test_a_search_without_items_has_an_empty_table() -> None:
    """With all columns."""
    assert find(MERGED).table().equals(ITEMS.empty_table())


def test_the_limit_of_memory_is_exact() -> None:
    """A bound that is cheap to find decides only where it is surely enough."""
    items = items_of(OPTICAL.collection)
    search = Search(OPTICAL.collection, WORLD, None, OPTICAL.assets)
    pages = [write_page(items[start : start + 5]) for start in range(0, len(items), 5)]
    found = find(search, *pages)
    n_bytes = found.table().nbytes + sum(200 + len(item["id"]) for item in items)
    assert n_bytes < 2**20  # it is less than the usual limit
    for spare, fits in ((len(pages) * 512, True), (-len(pages) * 512, False)):
        limited = find(search, *pages, limits=Limits(max_items_bytes=n_bytes + spare))
        assert (limited.too_many is None) is fits
        assert len(limited.table()) == (len(items) if fits else 0)


def test_the_cache_has_the_same_bytes_whatever_pieces_a_table_has() -> None:
    """The same items on one page or on several, and from a file of the cache."""
    items = items_of(OPTICAL.collection)
    search = Search(OPTICAL.collection, WORLD, None, OPTICAL.assets)
    whole = find(search, write_page(items)).table()
    pages = find(search, *(write_page([item]) for item in items)).table()
    copied = pa.Table.from_pylist(whole.to_pylist(), schema=ITEMS)
    assert whole.equals(pages)
    assert len({cache._dump(table) for table in (whole, pages, copied)}) == 1


def test_a_value_out_of_range_affects_its_own_cell_only() -> None:
    """Columns of one type are made together, and one by one if that fails."""
    items = [
        {
            "id": f"{n}",
            "properties": {"sat:relative_orbit": orbit, "proj:epsg": epsg, "platform": p},
        }
        for n, (orbit, epsg, p) in enumerate(
            [(2**31, 32632, "a"), (37, 2**40, 5), (2**31 - 1, "32632", None), (None, 1, ["x"])]
        )
    ]
    table = find(Search("c", WORLD, None, ("vv",)), write_page(items)).table()
    assert table["item_id"].to_pylist() == ["0", "1", "2", "3"]
    assert table["relative_orbit"].to_pylist() == [None, 37, 2**31 - 1, None]
    assert table["proj_epsg"].to_pylist() == [32632, None, None, 1]
    assert table["platform"].to_pylist() == ["a", "5", None, None]
