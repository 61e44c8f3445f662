"""Items of a page are read together, and give the same rows as one by one."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from floodscan.catalogs.item_table import ItemGroup, parse_groups, parse_items
from floodscan.catalogs.page_json import GRID_FIELDS, STAC_NAMES, decode_page

ASSETS = ("vv", "vh")
ODD_VALUES: list[Any] = [
    *(None, True, 0, 5, 5.0, 37.5, 2**31, 2**70, "", "x", "EPSG:32632", "MGRS-32UMV"),
    *("2021-07-15T05:51:04Z", "2021-07-15 05:51:04+02:00", "soon", [], ["VV"], {}),
    *([5, 4], [5.0, 4.0], [5, 0], [2**31, 1], ["5", 4], [0, 0, 9, 9], [0.0, 0.5, 9.0, 9.0]),
    *([0, 0, 9, "9"], [0, 0, 9, 2**70], [10, 0, 100, 0, -20, 900], [10, 1, 100, 0, -20, 900]),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", ["VV", None], ["VV", 1]),
    *("https://h/x", "https://u:p@h/x?sig=1", "x.tif", "javascript:x", [0] * 400),
]


def make_odd_items() -> list[dict[str, Any]]:
    """Make items that differ from each other in one value."""
    place = {"proj:bbox": [0, 0, 40, 50], "proj:shape": [5, 4], "href": "https://h/y"}
    box = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    plain: dict[str, Any] = {
        "bbox": [0, 0, 1, 1],
        "geometry": {"type": "Polygon", "coordinates": box},
        "properties": {"datetime": "2021-07-15T05:51:04Z", "platform": "a"},
        "assets": {"vv": place, "vh": place},
        "links": [{"rel": "self", "href": "https://h/items/1"}],
    }
    items = [plain]
    for value in ODD_VALUES:
        names = [name for name in STAC_NAMES if name != "start_datetime"]
        items += [{**plain, "properties": {**plain["properties"], name: value}} for name in names]
        for name in ("href", *GRID_FIELDS):
            odd = {**place, name: value}
            items += [{**plain, "assets": {"vv": odd, "vh": place}}]
            items += [{**plain, "assets": {"vv": place, "vh": odd}}]
            items += [{**plain, "assets": {"vh": {}}, "properties": {name: value}}]
        items += [{**plain, name: value} for name in plain]
    return [{**item, "id": f"{number}"} for number, item in enumerate(items)]


def test_an_item_has_the_same_row_whatever_items_come_with_it() -> None:
    """Values are read together where they are alike, and one by one where one is odd."""
    items = make_odd_items()
    whole = parse(items)
    assert whole["item_id"].to_pylist() == [item["id"] for item in items]
    assert len(whole["datetime"].to_pylist()) == len(items)  # Python can read all times
    for size in (1, 2, 7):
        parts = [parse(items[start : start + size]) for start in range(0, len(items), size)]
        assert whole.equals(pa.concat_tables(parts))


def test_groups_are_read_together_as_if_alone() -> None:
    """Odd values in one group change nothing in the other."""
    items = decode_page(json.dumps({"features": make_odd_items()}).encode(), ASSETS).features or []
    groups = [ItemGroup(items[:1], "a", ("vh",)), ItemGroup(items[1:], "b", ASSETS)]
    found = parse_groups(groups, locate=lambda _: "https://h/")
    for table, group in zip(found, groups, strict=True):
        alone = parse_items(
            group.items,
            collection=group.collection,
            assets=group.assets,
            locate=lambda _: "https://h/",
        )
        assert table.equals(alone)


def parse(items: list[dict[str, Any]]) -> pa.Table:
    """Parse a page of items."""
    page = json.dumps({"features": items}).encode()  # orjson writes no number beyond 64 bits
    return parse_items(
        decode_page(page, ASSETS).features or [],
        collection="c",
        assets=ASSETS,
        locate=lambda _: "https://h/",
    )
