"""An archive gives the bytes that its items give through the JSON of an API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from floodscan import Recipe, Sensor, scan
from floodscan.catalogs.archive import CATALOG_KEY
from floodscan.model import Phase
from floodscan.testing.fake_catalog import ItemsInMemory
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.synthetic import Region, generate_items, regions_of
from tests.catalogs.archive.layouts import ASSETS, OPTICAL
from tests.runs import result_bytes
from tests.servers.records import real_items
from tests.sweeps import make_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan import Event
    from floodscan.testing.synthetic import Box

    Item = dict[str, Any]

CATALOG_ID = "items-in-memory"
N_FLOODS = 40
FIRST, N_DAYS = date(2024, 7, 20), 10


def write_archive(folder: Path, items: Sequence[Item], *, row_group_size: int) -> None:
    """Write items with stac-geoparquet, a file for each collection."""
    folder.mkdir()
    metadata = {CATALOG_KEY: json.dumps({"id": CATALOG_ID})}
    for collection in {item["collection"] for item in items}:
        own = [item for item in items if item["collection"] == collection]
        own.sort(key=lambda item: (item["properties"]["datetime"], item["id"]))
        table = parse_stac_items_to_arrow(own).read_all().replace_schema_metadata(metadata)
        pq.write_table(table, folder / f"{collection}.parquet", row_group_size=row_group_size)


@pytest.mark.slow
def test_generated_items_of_many_floods(tmp_path: Path) -> None:
    """All sensors, with the DEM, over the whole Earth and nine years."""
    floods = read_floods()[-500 :: 500 // N_FLOODS]
    items = list(generate_items(regions_of(floods), from_first=False))
    write_events(tmp_path / "events.csv", floods)
    write_archive(tmp_path / "archive", items, row_group_size=500)
    events = str(tmp_path / "events.csv")
    scan(events, catalog=str(tmp_path / "archive"), out=tmp_path / "joined")
    result = scan(events, catalog=ItemsInMemory.read(items, ASSETS), out=tmp_path / "searched")
    assert result.counts["filled"] > N_FLOODS * 8
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")


def events_between(n: int, box: Box) -> list[Event]:
    """Make small events anywhere in a box, in half a month."""
    random = np.random.default_rng(0)
    west, south, east, north = box
    pattern = make_events(17)
    events = []
    for number in range(n):
        x, y = random.uniform(west, east - 0.5), random.uniform(south, north - 0.5)
        own = (x, y, x + random.uniform(0.02, 0.5), y + random.uniform(0.02, 0.5))
        event_id = f"event-{number:03}"
        event = replace(pattern[number % 17], event_id=event_id, aoi=shapely.box(*own), bbox=own)
        events.append(event)
    return events


def test_generated_items_of_500_events(tmp_path: Path) -> None:
    """All sensors, with the DEM, over an area in which most items serve many events."""
    box = (6.0, 49.0, 9.0, 51.0)
    start, end = datetime(2021, 5, 20, tzinfo=UTC), datetime(2021, 8, 5, tzinfo=UTC)
    items = list(generate_items([Region(box, start, end)]))
    write_archive(tmp_path / "archive", items, row_group_size=100)
    events = events_between(500, box)
    joined = scan(events, catalog=str(tmp_path / "archive"), out=tmp_path / "joined")
    scan(events, catalog=ItemsInMemory.read(items, ASSETS), out=tmp_path / "searched")
    assert joined.counts["filled"] > 500 * 6
    found = joined.candidates
    assert found["event_id"].nunique() == 500
    assert set(found["sensor"]) == {"S1RTC", "S2L2A", "DEM"}
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")


def events_over(items: Sequence[Item]) -> list[Event]:
    """Make an event for each of some tiles and days."""
    tiles = {item["properties"]["s2:mgrs_tile"]: item for item in items}
    events = []
    for number, item in enumerate(tiles.values()):
        west, south, east, north = item["bbox"]
        lon, lat = (west + east) / 2, (south + north) / 2
        box = (lon - 0.3, lat - 0.3, lon + 0.3, lat + 0.3)
        day = FIRST + timedelta(days=number % N_DAYS)
        phases = {phase: day + timedelta(days=5 * n) for n, phase in enumerate(Phase)}
        (pattern,) = make_events(1)
        events.append(
            replace(
                pattern,
                event_id=f"tile-{number:02}",
                aoi=shapely.box(*box),
                bbox=box,
                phase_dates=phases,
                target_crs="EPSG:32613",
            )
        )
    return events


def test_real_items(foreign_data: Path, tmp_path: Path) -> None:
    """1,000 items of Planetary Computer; in the archive they are as another tool wrote them."""
    items = [
        item
        for item in real_items(foreign_data)
        if item["collection"] == OPTICAL
        and "s2:mgrs_tile" in item["properties"]
        and item["properties"]["datetime"].startswith("2024")
    ]
    assert len(items) >= 1000
    path = next((foreign_data / "planetary-computer").glob("*.parquet"))
    metadata = {CATALOG_KEY: json.dumps({"id": CATALOG_ID})}
    table = pq.read_table(path).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "items.parquet", row_group_size=90)
    recipe = Recipe(sensors={Sensor.S2L2A: Recipe().sensors[Sensor.S2L2A]})
    events = events_over(items)
    held = ItemsInMemory.read(items, ASSETS)
    scan(events, catalog=str(tmp_path / "items.parquet"), recipe=recipe, out=tmp_path / "joined")
    result = scan(events, catalog=held, recipe=recipe, out=tmp_path / "searched")
    assert result.counts["filled"] > len(events)
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")
