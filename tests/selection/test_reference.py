"""The reference policy against an oracle.

The oracle was written from the policy's description and shares no code with the package.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from stac_geoparquet.arrow import stac_table_to_items

from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.geometry.footprints import bbox_of, bbox_polygon
from floodscan.model import Event, Phase, Recipe
from floodscan.planning.slots import plan_event
from floodscan.selection import select
from floodscan.selection.candidates import score
from tests.selection.oracle import Row, choose
from tests.selection.strategies import Case, random_case

if TYPE_CHECKING:
    from pathlib import Path

CASES_PER_TEST = 500


def make_event(aoi: dict[str, Any] | list[float], phase_dates: dict[str, date]) -> Event:
    """Make an event of an AOI: a GeoJSON geometry or a bbox."""
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
    """Score and select with the package; return the oracle's rows."""
    recipe = Recipe()
    by_collection: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_collection.setdefault(item["collection"], []).append(item)
    tables = [
        parse_items(
            decode_items(by_collection.get(asked.collection, [])),
            collection=asked.collection,
            assets=asked.assets,
        )
        for asked in recipe.sensors.values()
    ]
    plan = plan_event(event, recipe)
    scored = score(pa.concat_tables(tables), plan.slots, recipe)
    names = (
        "phase",
        "sensor",
        "item_id",
        "overlap_frac",
        "days_from_phase",
        "day_offset",
        "verdict",
        "rank",
        "selected",
    )
    return [
        Row(missing_assets=tuple(row["missing_assets"]), **{name: row[name] for name in names})
        for row in select(scored, [plan], recipe).to_pylist()
    ]


def assert_agrees(case: Case) -> None:
    """Compare all rows of a case, in order."""
    ours = floodscan_rows(case.items, make_event(case.aoi, case.phase_dates))
    assert ours == choose(case.items, case.aoi, case.phase_dates)


@pytest.mark.parametrize(
    "first",
    [
        0,
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in range(CASES_PER_TEST, 4000, CASES_PER_TEST)
        ),
    ],
)
def test_agrees_with_the_oracle_on_generated_items(first: int) -> None:
    """In every candidate, measure, verdict, rank and choice."""
    for seed in range(first, first + CASES_PER_TEST):
        assert_agrees(random_case(seed))


def test_agrees_with_the_oracle_on_real_items(foreign_data: Path) -> None:
    """On 1,000 items of Planetary Computer, over a grid of areas and dates."""
    table = pq.read_table(next((foreign_data / "planetary-computer").glob("*.parquet")))
    items = [orjson.loads(orjson.dumps(item, default=str)) for item in stac_table_to_items(table)]
    footprints = shapely.from_geojson([orjson.dumps(item["geometry"]).decode() for item in items])
    for column, row in itertools.product(range(4), range(3)):
        west, south = -107.4 + 1.1 * column, 36.9 + 1.3 * row
        aoi = [west, south, west + 0.9, south + 0.7]
        near = [
            item
            for item, touches in zip(
                items, shapely.intersects(bbox_polygon(*aoi), footprints), strict=True
            )
            if touches
        ]
        event_day = date(2024, 7, 30) + timedelta(days=2 * column)
        dates = {
            str(p): event_day + timedelta(days=n) for p, n in Recipe().phase_offset_days.items()
        }
        assert_agrees(Case(items=near, aoi=aoi, phase_dates=dates))
