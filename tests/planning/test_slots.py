"""Plans: slots, searches and batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from floodscan import Phase, Recipe, Sensor
from floodscan.inputs.event_files import load_events
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import (
    MAX_BATCH_EVENTS,
    MIN_BATCH_EVENTS,
    BatchPlan,
    cut_batches,
    plan_batch,
    plan_batches,
    plan_event,
)

if TYPE_CHECKING:
    from floodscan import Event
    from floodscan.model import Search

RECIPE = Recipe()
(DEMO,) = load_events("demo", phase_offset_days=RECIPE.phase_offset_days)


def test_an_event_has_a_slot_per_phase_and_sensor_and_one_for_the_dem() -> None:
    """The phases are in order, and the DEM is last."""
    slots = plan_event(DEMO, RECIPE).slots
    expected = [(phase, sensor) for phase in Phase for sensor in (Sensor.S1RTC, Sensor.S2L2A)]
    assert [(slot.phase, slot.sensor) for slot in slots] == [*expected, (None, Sensor.DEM)]


def test_windows_are_those_of_the_recipe() -> None:
    """They are those of the published procedure, to the second."""
    slot = plan_event(DEMO, RECIPE).slots[1]
    assert str(slot.window) == "2021-06-05T00:00:00Z/2021-06-25T23:59:59Z"


def test_tiles_share_the_searches_of_the_aoi() -> None:
    """More targets do not mean more searches."""
    whole = plan_event(DEMO, RECIPE)
    tiled = plan_event(DEMO, replace(RECIPE, tile_size_m=20_000.0))
    assert tiled.searches == whole.searches
    assert len(tiled.slots) == 9 * len(tiled.targets)
    assert {slot.search for slot in tiled.slots} == set(tiled.searches)


def test_slots_of_the_same_date_share_a_search() -> None:
    """Each sensor is searched once if all phases are on one date."""
    day = DEMO.phase_dates[Phase.EVENT]
    assert (
        len(plan_event(replace(DEMO, phase_dates=dict.fromkeys(Phase, day)), RECIPE).searches) == 3
    )


def copies(n: int, *, first: int = 0) -> list[Event]:
    """Make events of one place and time."""
    return [replace(DEMO, event_id=f"e{number:04}") for number in range(first, first + n)]


def test_batches_hold_every_event_once_in_order() -> None:
    """Each has at most the maximum size; only the last one is below the minimum."""
    events = copies(1000)
    batches = list(cut_batches(list_events(reversed(events)), run_id="run"))
    assert [event for batch in batches for event in batch.events] == events
    sizes = [len(batch.events) for batch in batches]
    assert max(sizes) <= MAX_BATCH_EVENTS
    assert min(sizes[:-1]) >= MIN_BATCH_EVENTS


def test_events_of_one_place_share_three_searches() -> None:
    """One search per sensor, for any number of events."""
    (batch,) = cut_batches(list_events(copies(20)), run_id="run")
    assert len(plan_batch(batch, RECIPE).searches) == 3


@pytest.mark.parametrize("place", range(0, 1000, 97))
def test_an_added_event_changes_few_batches(place: int) -> None:
    """A run with one more event does not start again."""
    events = copies(1000)
    before = {
        batch.name
        for batch in cut_batches(list_events(events[:place] + events[place + 1 :]), run_id="run")
    }
    after = {batch.name for batch in cut_batches(list_events(events), run_id="run")}
    assert 1 <= len(after - before) <= 4


def test_the_name_of_a_batch_depends_on_all_that_can_change_its_result() -> None:
    """A moved event or other rules make another batch."""
    events = copies(3)
    ((name,), *others) = (
        [batch.name for batch in cut_batches(list_events(listed), run_id=run_id)]
        for listed, run_id in (
            (events, "run"),
            (events, "another"),
            ([*events[:2], replace(events[2], onset=DEMO.onset + timedelta(hours=1))], "run"),
        )
    )
    assert [name] not in others
    assert others[0] != others[1]


def test_parts_cover_a_batch_and_report_each_search_once() -> None:
    """A part has the searches of its events. It does not report searches of earlier parts."""
    (batch,) = cut_batches(
        list_events([replace(e, bbox=shifted(n)) for n, e in enumerate(copies(30))]), run_id="run"
    )
    plan = plan_batch(batch, RECIPE)
    parts = list(plan.parts(8))
    assert tuple(each for part in parts for each in part.plans) == plan.plans
    reported = [
        search
        for part in parts
        for search in part.searches
        if search not in part.reported_in_earlier_part
    ]
    assert sorted(map(repr, reported)) == sorted(map(repr, plan.searches))
    assert all(
        merged_searches_of(part) == merged_searches_of(replace(plan, plans=part.plans))
        for part in parts
    )


def shifted(n: int) -> tuple[float, float, float, float]:
    """Move the demo's box east."""
    west, south, east, north = DEMO.bbox
    return (west + 3 * n, south, east + 3 * n, north)


def merged_searches_of(plan: BatchPlan) -> list[Search]:
    """Return the search that is sent for each slot search."""
    return [
        plan.merged_search_for(slot_search) for each in plan.plans for slot_search in each.searches
    ]


def test_many_batches_at_once_get_the_plans_of_each_alone() -> None:
    """No search is merged with one of another batch."""
    batches = list(cut_batches(list_events(copies(200)), run_id="run"))
    assert len(batches) > 2
    assert list(plan_batches(batches, RECIPE)) == [plan_batch(each, RECIPE) for each in batches]
