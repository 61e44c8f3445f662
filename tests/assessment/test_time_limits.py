"""Dates without imagery: a hint to widen the window would mislead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import shapely

from floodscan import Event, Phase, Recipe, scan
from floodscan.assessment.time_limits import why_no_window_helps
from floodscan.inputs.areas import parse_area
from floodscan.planning.slots import plan_event

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

RECIPE = Recipe()


def flood(day: date) -> Event:
    """Make an event on a day, in the demo's area."""
    aoi, bbox = parse_area("geometry", shapely.box(5.8, 49.5, 6.4, 50.1), lambda *_, **__: None)
    offsets = RECIPE.phase_offset_days
    return Event(
        event_id="e",
        aoi=aoi,
        bbox=bbox,
        phase_dates={phase: day + timedelta(days=offsets[phase]) for phase in Phase},
        onset=datetime(day.year, day.month, day.day, tzinfo=UTC),
        target_crs="EPSG:32632",
    )


@pytest.mark.parametrize(
    ("day", "optical"),
    [
        ("1999-07-15", "the first Sentinel-2 was launched on 2015-06-23"),
        ("2014-06-01", "the first Sentinel-2 was launched on 2015-06-23"),
        ("2014-10-01", None),  # a window of a year ends after the launch
        ("2021-07-15", None),
        ("2099-07-15", "the window starts in the future, on 2099-07-05"),
    ],
)
def test_limits_of_an_optical_slot(day: str, optical: str | None) -> None:
    """They are the launch of the first satellite, and today."""
    plan = plan_event(flood(datetime.fromisoformat(day).date()), RECIPE)
    (slot,) = (s for s in plan.slots if s.phase == Phase.EVENT and s.sensor == "S2L2A")
    assert why_no_window_helps(slot) == optical


@pytest.mark.parametrize("year", [1999, 2099])
def test_hint_of_an_empty_slot_says_that_no_window_helps(year: int, tmp_path: Path) -> None:
    """It names the reason, and no window to widen."""
    day = datetime(year, 7, 15, tzinfo=UTC).date()
    result = scan(flood(day), catalog="demo", out=tmp_path / "out")
    hints = [each.hint for each in result.outcomes[0].reasons if each.phase]
    assert len(hints) == 8
    assert all(hint.startswith("no window helps: the ") for hint in hints)
