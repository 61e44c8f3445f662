"""How many items searches will find, and which of them are sent first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from floodscan import Recipe
from floodscan.catalogs import StacApiCatalog
from floodscan.engine import early_searches, work
from floodscan.model import Search, SearchPrices, Sensor, TimeWindow
from floodscan.pipeline import Run
from floodscan.planning.event_list import list_events
from floodscan.planning.expected_items import expect_items, largest_first
from floodscan.planning.slots import cut_batches
from floodscan.store import RunFolder
from floodscan.threads import Begun
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan.catalogs.base import Answer, Catalog

RECIPE = Recipe(
    searches=SearchPrices(
        items_per_day={Sensor.S1RTC: 0.5, Sensor.S2L2A: 0.25, Sensor.DEM: 1.0},
        footprint_degrees={Sensor.S1RTC: 2.0, Sensor.S2L2A: 1.0, Sensor.DEM: 1.0},
    )
)
RADAR, OPTICAL, DEM = (sensor.collection for sensor in RECIPE.sensors.values())


def search(collection: str, degrees: float, days: int, *also: str) -> Search:
    """Make a search of a square; 0 days are all time."""
    start = datetime(2021, 6, 1, tzinfo=UTC)
    window = TimeWindow(start, start + timedelta(days=days)) if days else None
    more = tuple((name, ()) for name in also)
    return Search(collection, (5.0, 49.0, 5.0 + degrees, 49.0 + degrees), window, (), also=more)


ONE_DAY, TEN_DAYS, WIDE = search(RADAR, 2, 1), search(RADAR, 2, 10), search(OPTICAL, 3, 10)
BOTH, TILES = search(RADAR, 2, 10, OPTICAL), search(DEM, 2, 0)


def test_items_are_expected_by_box_days_and_collections() -> None:
    """A box that is n footprints wide and high finds (n + 1)² of them."""
    searches = [ONE_DAY, TEN_DAYS, WIDE, BOTH, TILES]
    expected = [4 * 0.5, 4 * 0.5 * 10, 16 * 0.25 * 10, 4 * 0.5 * 10 + 9 * 0.25 * 10, 9 * 1.0]
    assert expect_items(searches, RECIPE) == pytest.approx(expected)
    assert len(expect_items([], RECIPE)) == 0


def test_the_largest_search_is_the_first() -> None:
    """Equal ones keep their order."""
    equal = replace(TEN_DAYS, assets=("a",))
    found = largest_first([ONE_DAY, TEN_DAYS, TILES, WIDE, equal, BOTH], RECIPE)
    assert found == [BOTH, WIDE, TEN_DAYS, equal, TILES, ONE_DAY]
    assert largest_first([], RECIPE) == []


def test_early_searches_and_those_of_a_batch_are_sent_in_this_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In one process; a task on a cluster has some searches in the order of the events."""
    sent: list[Sequence[Search]] = []

    def send(_: Run, searches: Sequence[Search]) -> Begun[Search, Answer]:
        sent.append(searches)
        return Begun(ThreadPoolExecutor(1), searches, [])

    def send_early(_: Catalog, searches: Sequence[Search], *, at_once: int) -> None:
        sent.append(searches)
        assert at_once == 2

    monkeypatch.setattr(work, "send", send)
    monkeypatch.setattr(early_searches, "send_early", send_early)
    recipe, events = APART, list_events(make_events(20))
    catalog = StacApiCatalog("https://stac.example.org")
    run = Run(catalog=catalog, catalog_id="", recipe=recipe, folder=RunFolder(tmp_path))
    (batch,) = cut_batches(events, run_id="")
    plan = run.plan(batch)
    work.ScanWork(run).fetch(batch)
    early_searches.begin_early(catalog, recipe, events, 6)
    ordered = largest_first(plan.searches, recipe)
    assert ordered != [*plan.searches]
    assert sent == [ordered, ordered[:4]]


@pytest.mark.parametrize("degrees", [1.0, 1.5, 2.0])
def test_as_many_real_items_are_found_as_are_expected(degrees: float, foreign_data: Path) -> None:
    """Two satellites over Colorado in the summer of 2024, by the default prices."""
    path = next((foreign_data / "planetary-computer").glob("*.parquet"))
    items = pq.read_table(path, columns=["geometry", "datetime"])
    footprints = shapely.from_wkb(items["geometry"].to_numpy())
    days = np.ptp(items["datetime"].to_numpy()) / np.timedelta64(1, "D")
    west, south, east, north = shapely.total_bounds(footprints)
    lows = np.meshgrid(
        np.linspace(west + 1.2, east - 1.2 - degrees, 12),
        np.linspace(south + 1.0, north - 1.0 - degrees, 8),
    )
    x, y = (values.ravel() for values in lows)
    boxes = shapely.box(x, y, x + degrees, y + degrees)
    found = shapely.intersects(footprints[:, None], boxes).sum(axis=0)
    (expected,) = expect_items([search(OPTICAL, degrees, round(days))], Recipe())
    assert np.mean(found) == pytest.approx(expected, rel=0.2)
