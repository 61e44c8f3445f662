"""Plans: slots, searches and batches, without asking anything."""

from __future__ import annotations

from dataclasses import replace

from floodscan import Phase, Recipe, Sensor
from floodscan.events import load_events
from floodscan.planning import plan_batches, plan_event

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
    assert {tiled.search_of(slot, RECIPE) for slot in tiled.slots} == set(tiled.searches)


def test_slots_with_the_same_question_share_a_search() -> None:
    """Phases on the same date are asked for once."""
    day = DEMO.phase_dates[Phase.EVENT]
    assert len(plan_event(replace(DEMO, phase_dates=dict.fromkeys(Phase, day)), RECIPE).searches) == 3


def test_batches_hold_every_event_once_in_order() -> None:
    """The last batch takes what remains; events of one place share three searches."""
    events = [replace(DEMO, event_id=f"e{n}") for n in range(7)]
    batches = list(plan_batches(events, RECIPE, batch_size=3))
    assert [[plan.event.event_id for plan in batch.plans] for batch in batches] == [
        ["e0", "e1", "e2"],
        ["e3", "e4", "e5"],
        ["e6"],
    ]
    assert len(batches[0].searches) == 3
