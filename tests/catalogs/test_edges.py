"""The pixel grid of a scene, read from items and from archives."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pytest

from floodscan.catalogs import open_catalog
from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.catalogs.raster_grids import find_edges
from floodscan.model import DEFAULT_SENSORS, Search, Sensor
from tests.servers.records import demo_items

SQUARE = [300000.0, 5490240.0, 409800.0, 5600040.0]


def parse(properties: dict[str, Any], edges: object) -> tuple[int | None, list[float] | None]:
    """Read the grid of one item."""
    item = {
        "id": "a",
        "properties": properties,
        "assets": {"B01": {"href": "x", "proj:bbox": edges}},
    }
    table = parse_items(decode_items([item]), collection="c", assets=["B01", "B02"])
    return table["proj_epsg"][0].as_py(), table["proj_bbox"][0].as_py()


def test_the_grid_is_read_from_code_and_first_asset() -> None:
    """Older items have a number, newer ones a code."""
    assert parse({"proj:epsg": 32632}, SQUARE) == (32632, SQUARE)
    assert parse({"proj:code": "EPSG:32632"}, [300000, 5490240, 409800, 5600040]) == (32632, SQUARE)


@pytest.mark.parametrize(
    "edges", [None, [], [1.0, 2.0], [1, 2, 3, "x"], "no", [1.0, 2.0, float("nan"), 3.0], {}]
)
def test_an_invalid_grid_is_unknown(edges: object) -> None:
    """It becomes null, not an error."""
    assert parse({"proj:code": "IAU_2015:30100"}, edges) == (None, None)


@pytest.mark.parametrize(
    ("own", "common", "edges", "shapes"),
    [
        ({"proj:shape": [5, 4]}, {"proj:shape": [9, 9]}, None, {"B01": [5, 4], "B02": [9, 9]}),
        ({}, {"proj:bbox": SQUARE, "proj:shape": [5.0, 4]}, SQUARE, {"B01": [5, 4], "B02": [5, 4]}),
        ({"proj:bbox": SQUARE}, {"proj:bbox": [0, 0, 1, 1]}, SQUARE, {}),
        (
            {"proj:shape": [5, 4], "proj:transform": [10, 0, 100, 0, -20, 900]},
            {},
            [100.0, 800.0, 140.0, 900.0],
            {"B01": [5, 4]},
        ),
        (
            {},
            {"proj:shape": [5, 4], "proj:transform": [10, 0, 100, 0, -20, 900, 0, 0, 1]},
            [100.0, 800.0, 140.0, 900.0],
            {"B01": [5, 4], "B02": [5, 4]},
        ),
    ],
)
def test_the_grid_of_an_asset_or_else_of_the_item_counts(
    own: dict[str, Any], common: dict[str, Any], edges: object, shapes: dict[str, list[int]]
) -> None:
    """Edges are given, or follow from transform and shape."""
    assets = {"B01": {"href": "x", **own}, "B02": {"href": "y"}}
    item = {"id": "a", "properties": common, "assets": assets}
    table = parse_items(decode_items([item]), collection="c", assets=["B01", "B02"])
    assert table["proj_bbox"][0].as_py() == edges
    assert dict(table["proj_shapes"][0].as_py()) == shapes


@pytest.mark.parametrize(
    "odd", [[1], [0, 5], [1.5, 2], ["1", "2"], [True, True], [-1, 4], [2**31, 1], [[[1]], 2], {}, 7]
)
def test_an_invalid_shape_is_unknown(odd: object) -> None:
    """It is left out, and gives no edges."""
    own = {"proj:shape": odd, "proj:transform": [10, 0, 100, 0, -20, 900]}
    item = {"id": "a", "assets": {"B01": {"href": "x", **own}}}
    table = parse_items(decode_items([item]), collection="c", assets=["B01"])
    assert table["proj_shapes"][0].as_py() == []
    assert table["proj_bbox"][0].as_py() is None


@pytest.mark.parametrize(
    "odd", [[10, 1, 0, 0, -10, 0], [-10, 0, 0, 0, -10, 0], [10, 0, 0, 0, 10, 0], [10, 0], "no", {}]
)
def test_a_turned_raster_has_no_edges(odd: object) -> None:
    """Nor has anything that is no transform."""
    assert find_edges(odd, (5, 4)) is None


@pytest.mark.parametrize(
    "odd", [None, [10, 1, 0, 0, -10, 0], [10, 0], [10, 0, 1e308, 0, -1e308, 1e308], [[0]] * 6, "no"]
)
def test_edges_of_many_rasters_are_those_of_each(odd: object) -> None:
    """They are found together, as for the DEM, and one by one if a raster among them has none."""
    shape = [3600, 2400]
    step = 0.0002777777777777778
    plain = [[step, 0.0, west + 0.1, 0.0, -step, 50.00013888888889] for west in range(5)]
    for transforms in (plain, [*plain, odd], [odd]):
        items = [
            {
                "id": str(number),
                "properties": {"proj:shape": shape, "proj:transform": transform},
                "assets": {"data": {"href": "x"}},
            }
            for number, transform in enumerate(transforms)
        ]
        table = parse_items(decode_items(items), collection="c", assets=["data"])
        found = [find_edges(transform, (3600, 2400)) for transform in transforms]
        expected = [edges if edges and isfinite(sum(edges)) else None for edges in found]
        assert table["proj_bbox"].to_pylist() == expected


@pytest.mark.parametrize("sensor", list(Sensor))
def test_an_archive_has_the_same_grids_as_its_items(sensor: Sensor) -> None:
    """Both readers agree on every item of the demo, and each has a whole grid."""
    asked = DEFAULT_SENSORS[sensor]
    items = [item for item in demo_items() if item["collection"] == asked.collection]
    parsed = parse_items(decode_items(items), collection=asked.collection, assets=asked.assets)
    catalog = open_catalog("demo")
    assert isinstance(catalog, ArchiveCatalog)
    found = catalog.search(
        Search(asked.collection, (-180.0, -90.0, 180.0, 90.0), None, asked.assets)
    ).items
    names = ["item_id", "proj_epsg", "proj_bbox", "proj_shapes"]
    order = found.sort_by("item_id").select(names)
    assert order.equals(parsed.sort_by("item_id").select(names))
    assert found["proj_bbox"].null_count == 0
    for shapes, assets in zip(
        *(found[n].to_pylist() for n in ("proj_shapes", "assets")), strict=True
    ):
        assert {key for key, _ in shapes} >= {key for key, _ in assets}
