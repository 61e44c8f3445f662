"""The pixel grid of a scene, read from items and from archives."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
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


def test_an_archive_has_the_same_grids_as_its_items() -> None:
    """Both readers agree on every item of the demo."""
    asked = DEFAULT_SENSORS[Sensor.S2L2A]
    items = [item for item in demo_items() if item["collection"] == asked.collection]
    parsed = parse_items(decode_items(items), collection=asked.collection, assets=asked.assets)
    from floodscan.catalogs import open_catalog  # noqa: PLC0415

    catalog = open_catalog("demo")
    assert isinstance(catalog, ArchiveCatalog)
    found = catalog.search(
        Search(asked.collection, (-180.0, -90.0, 180.0, 90.0), None, asked.assets)
    ).items
    names = ["item_id", "proj_epsg", "proj_bbox"]
    keys = [("item_id", "ascending")]
    assert found.select(names).sort_by(keys).equals(parsed.select(names).sort_by(keys))
    assert found["proj_bbox"].null_count == 0
    assert isinstance(found, pa.Table)
