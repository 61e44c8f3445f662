"""The reference policy against an oracle that was written from its prose and shares no code with the package."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import shapely

from floodscan.catalogs.items import parse_items
from floodscan.events import Event, Phase
from floodscan.footprints import bbox_of, bbox_polygon
from floodscan.planning import plan_event
from floodscan.recipe import Recipe
from floodscan.scoring import score
from floodscan.selection import select
from tests.oracle import Row, choose
from tests.strategies import Case, random_case

if TYPE_CHECKING:
    from datetime import date

CASES_PER_TEST = 500


def make_event(aoi: dict[str, Any] | list[float], phase_dates: dict[str, date]) -> Event:
    """Make an event of an AOI in either of its forms."""
    area = bbox_polygon(*aoi) if isinstance(aoi, list) else shapely.geometry.shape(aoi)
    dates = {Phase(name): day for name, day in phase_dates.items()}
    return Event(
        event_id="case",
        aoi=area,
        bbox=bbox_of(area),
        phase_dates=dates,
        onset=datetime.combine(dates[Phase.EVENT], time.min, UTC),
        target_crs="EPSG:32632",
    )


def floodscan_rows(items: list[dict[str, Any]], event: Event) -> list[Row]:
    """Score and select with the package, from JSON items to the oracle's rows."""
    recipe = Recipe()
    by_collection: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_collection.setdefault(item["collection"], []).append(item)
    tables = [
        parse_items(by_collection.get(asked.collection, []), collection=asked.collection, assets=asked.assets)
        for asked in recipe.sensors.values()
    ]
    scored = score(pa.concat_tables(tables), plan_event(event, recipe).slots, recipe)
    names = ("phase", "sensor", "item_id", "overlap_frac", "days_from_phase", "day_offset", "missing_assets")
    return [
        Row(**{**{name: row[name] for name in (*names, "verdict", "rank", "selected")},
               "missing_assets": tuple(row["missing_assets"])})
        for row in select(scored, recipe.policy).to_pylist()
    ]


def assert_agrees(case: Case) -> None:
    """Compare all rows of a case, their order too."""
    ours = floodscan_rows(case.items, make_event(case.aoi, case.phase_dates))
    assert ours == choose(case.items, case.aoi, case.phase_dates)


@pytest.mark.parametrize("first", range(0, 4000, CASES_PER_TEST))
def test_agrees_with_the_oracle_on_generated_items(first: int) -> None:
    """Every candidate, measure, verdict, rank and choice is the oracle's."""
    for seed in range(first, first + CASES_PER_TEST):
        assert_agrees(random_case(seed))
