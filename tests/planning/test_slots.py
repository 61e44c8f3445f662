"""Plans: slots, searches and batches, without asking anything."""

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
    plan_event,
)

if TYPE_CHECKING:
    from floodscan import Event
    from floodscan.model import Search

RECIPE = Recipe()
(DEMO,) = load_events("demo", phase_offset_days=RECIPE.phase_offset_days)


def test_an_event_has_a_slot_per_phase_and_sensor_and_one_for_the_dem() -> None:
    """In the order of the phases, the DEM last."""
    slots = plan_event(DEMO, RECIPE).slots
    expected = [(phase, sensor) for phase in Phase for sensor in (Sensor.S1RTC, Sensor.S2L2A)]
    assert [(slot.phase, slot.sensor) for slot in slots] == [*expected, (None, Sensor.DEM)]


def test_windows_are_those_of_the_recipe() -> None:
    """The published procedure's windows, to the second."""
    slot = plan_event(DEMO, RECIPE).slots[1]
    assert str(slot.window) == "2021-06-05T00:00:00Z/2021-06-25T23:59:59Z"


def test_tiles_are_fed_by_the_searches_of_the_aoi() -> None:
    """More targets do not mean more searches."""
    whole = plan_event(DEMO, RECIPE)
    tiled = plan_event(DEMO, replace(RECIPE, tile_size_m=20_000.0))
    assert tiled.searches == whole.searches
    assert len(tiled.slots) == 9 * len(tiled.targets)
    assert {slot.search for slot in tiled.slots} == set(tiled.searches)


def test_slots_with_the_same_question_share_a_search() -> None:
    """Phases on the same date are asked for once."""
    day = DEMO.phase_dates[Phase.EVENT]
    assert (
        len(plan_event(replace(DEMO, phase_dates=dict.fromkeys(Phase, day)), RECIPE).searches) == 3
    )


def copies(n: int, *, first: int = 0) -> list[Event]:
    """Make events of one place and time."""
    return [replace(DEMO, event_id=f"e{number:04}") for number in range(first, first + n)]


def test_batches_hold_every_event_once_in_order() -> None:
    """None is larger than it may be, and only the last is smaller."""
    events = copies(1000)
    batches = list(cut_batches(list_events(reversed(events)), run_id="run"))
    assert [event for batch in batches for event in batch.events] == events
    sizes = [len(batch.events) for batch in batches]
    assert max(sizes) <= MAX_BATCH_EVENTS
    assert min(sizes[:-1]) >= MIN_BATCH_EVENTS


def test_events_of_one_place_share_three_searches() -> None:
    """However many they are."""
    (batch,) = cut_batches(list_events(copies(20)), run_id="run")
    assert len(plan_batch(batch, RECIPE).searches) == 3


@pytest.mark.parametrize("place", range(0, 1000, 97))
def test_an_added_event_changes_few_batches(place: int) -> None:
    """So that a run that gets one more event does not begin again."""
    events = copies(1000)
    before = {
        batch.name
        for batch in cut_batches(list_events(events[:place] + events[place + 1 :]), run_id="run")
    }
    after = {batch.name for batch in cut_batches(list_events(events), run_id="run")}
    assert 1 <= len(after - before) <= 4


def test_the_name_of_a_batch_tells_all_that_can_change_its_answer() -> None:
    """An event that is moved, and a run by other rules, make another batch."""
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


def test_sections_hold_a_batch_and_tell_of_each_search_once() -> None:
    """Each has the searches of its own events, and leaves to those before it what they have told."""
    (batch,) = cut_batches(
        list_events([replace(e, bbox=shifted(n)) for n, e in enumerate(copies(30))]), run_id="run"
    )
    plan = plan_batch(batch, RECIPE)
    sections = list(plan.parts(8))
    assert tuple(each for section in sections for each in section.plans) == plan.plans
    told = [
        search
        for section in sections
        for search in section.searches
        if search not in section.reported_in_earlier_part
    ]
    assert sorted(map(repr, told)) == sorted(map(repr, plan.searches))
    assert all(
        carriers_of(section) == carriers_of(replace(plan, plans=section.plans))
        for section in sections
    )


def shifted(n: int) -> tuple[float, float, float, float]:
    """Move the demo's box east."""
    west, south, east, north = DEMO.bbox
    return (west + 3 * n, south, east + 3 * n, north)


def carriers_of(plan: BatchPlan) -> list[Search]:
    """List which search feeds each question."""
    return [plan.merged_search_for(question) for each in plan.plans for question in each.searches]
