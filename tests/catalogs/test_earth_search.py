"""Earth Search: other names of bands and tiles, and several processings of one acquisition."""

from __future__ import annotations

import copy
import json
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from floodscan import Sensor, scan
from floodscan.catalogs.archive import CATALOG_KEY
from floodscan.inputs.recipe_files import parse_recipe
from floodscan.model import Phase
from floodscan.testing.build_demo import build_items
from floodscan.testing.fake_catalog import ItemsInMemory
from tests.catalogs.archive.layouts import LAYOUTS, OPTICAL
from tests.documents import GUIDE, read_blocks
from tests.runs import result_bytes
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan import Event, Recipe
    from floodscan.result import ScanResult

    Item = dict[str, Any]

BANDS = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1",
    "B06": "rededge2", "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09",
    "B11": "swir16", "B12": "swir22",
}  # fmt: skip
OLD, NEW = "02.14", "05.00"


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The recipe in the guide, for Sentinel-2 alone."""
    (text,) = [b.text for b in read_blocks(GUIDE / "catalogs.md") if b.file == "earth-search.toml"]
    whole = parse_recipe(tomllib.loads(text), source="earth-search.toml")
    assert list(whole.sensors[Sensor.S2L2A].assets) == list(BANDS.values())
    return replace(whole, sensors={Sensor.S2L2A: whole.sensors[Sensor.S2L2A]}, sources={})


def spell(item: Item, *, sequence: int, baseline: str) -> Item:
    """Write an item of the demo as Earth Search has it."""
    spelled = copy.deepcopy(item)
    properties = spelled["properties"]
    tile = properties.pop("s2:mgrs_tile")
    day = properties["datetime"][:10].replace("-", "")
    satellite = properties["platform"][-2:].upper()
    for name in ("sat:relative_orbit", "sat:orbit_state"):
        properties.pop(name, None)
    datatake = properties["s2:datatake_id"].rpartition("_N")[0]
    return spelled | {
        "id": f"S{satellite}_{tile}_{day}_{sequence}_L2A",
        "assets": {BANDS[key]: a for key, a in spelled["assets"].items() if key in BANDS},
        "properties": properties
        | {
            "grid:code": f"MGRS-{tile}",
            "s2:sequence": str(sequence),
            "s2:processing_baseline": baseline,
            "s2:datatake_id": f"{datatake}_N{baseline}",
        },
    }


def write_mirror(path: Path, items: Sequence[Item]) -> None:
    """Write items as the mirror of Earth Search does: bbox as list, assets as JSON text."""
    table = pa.Table.from_batches(parse_stac_items_to_arrow(items))
    for layout in ("bbox as list", "assets as JSON"):
        table = LAYOUTS[layout](table)
    metadata = {CATALOG_KEY: json.dumps({"id": "items-in-memory"})}
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=50)


def scan_both(
    items: Sequence[Item], events: Sequence[Event], recipe: Recipe, folder: Path
) -> ScanResult:
    """Scan with the items in memory and in an archive, and compare the bytes."""
    write_mirror(folder / "mirror.parquet", items)
    held = ItemsInMemory.read(items, {OPTICAL: tuple(BANDS.values())})
    scan(events, catalog=str(folder / "mirror.parquet"), recipe=recipe, out=folder / "joined")
    result = scan(events, catalog=held, recipe=recipe, out=folder / "searched")
    assert result_bytes(folder / "joined") == result_bytes(folder / "searched")
    return result


def test_the_newest_processing_is_chosen(recipe: Recipe, tmp_path: Path) -> None:
    """Every scene has a twin of an older baseline, which is superseded by it."""
    scenes = build_items()[OPTICAL]
    items = [
        spell(scene, sequence=number, baseline=baseline)
        for scene in scenes
        for number, baseline in enumerate((OLD, NEW))
    ]
    items = list({item["id"]: item for item in items}.values())
    result = scan_both(items, [DEMO], recipe, tmp_path)
    found = result.candidates
    assert set(found["mgrs_tile"].str.len()) == {5}
    older = found[found["verdict"] == "superseded"]
    assert len(older) > 10
    assert set(older["processing_baseline"]) == {OLD}
    assert older["superseded_by"].tolist() == [
        name.replace("_0_L2A", "_1_L2A") for name in older["item_id"]
    ]
    chosen = found[found["selected"]]
    assert len(chosen) >= 4
    assert set(chosen["processing_baseline"]) == {NEW}


def test_two_parts_of_a_tile_stay(recipe: Recipe, tmp_path: Path) -> None:
    """Twins of one baseline are no processings of each other."""
    scenes = build_items()[OPTICAL]
    items = [spell(scene, sequence=n, baseline=NEW) for scene in scenes for n in (0, 1)]
    items = list({item["id"]: item for item in items}.values())
    found = scan_both(items, [DEMO], recipe, tmp_path).candidates
    assert "superseded" not in set(found["verdict"])
    assert found["superseded_by"].isna().all()


def test_real_items(recipe: Recipe, foreign_data: Path, tmp_path: Path) -> None:
    """24 items over Santa Fe in April 2020; one of them is processed again."""
    path = foreign_data / "earth-search" / "santa-fe_2020-04_24-items.geojson"
    items = [{**item, "links": []} for item in json.loads(path.read_text())["features"]]
    again = copy.deepcopy(next(item for item in items if "20200408" in item["id"]))
    again["id"] = again["id"].replace("_0_L2A", "_1_L2A")
    again["properties"]["s2:processing_baseline"] = NEW
    west, south, east, north = again["bbox"]
    box = ((west + east) / 2 - 0.2, south + 0.3, (west + east) / 2 + 0.2, north - 0.3)
    day = date(2020, 4, 8)
    event = replace(
        DEMO,
        event_id="santa-fe",
        aoi=shapely.box(*box),
        bbox=box,
        phase_dates={phase: day + timedelta(days=3 * n - 5) for n, phase in enumerate(Phase)},
        onset=datetime(2020, 4, 9, tzinfo=UTC),
        target_crs="EPSG:32613",
    )
    result = scan_both([*items, again], [event], recipe, tmp_path)
    found = result.candidates
    older = found[found["verdict"] == "superseded"]
    assert set(older["superseded_by"]) == {again["id"]}
    assert result.counts["filled"] >= 3
