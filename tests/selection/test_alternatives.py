"""Alternatives to the pass of ``event``: the first passes after the onset, and their sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from floodscan.model import Decision, Policy, Recipe, Sensor
from floodscan.selection import select_scenes
from tests.selection.test_event_leads import before_and_after, radar, world_with
from tests.selection.worlds import World, day, random_world, s2_item

Json = dict[str, Any]


def alternatives_of(world: World, sensor: Sensor = Sensor.S1RTC) -> list[Json]:
    """Return the alternatives of a sensor."""
    found = select_scenes(world.scored(), [world.plan], world.recipe).alternatives
    return found.get(world.event.event_id, {}).get(sensor, [])


def test_the_first_three_passes_after_the_onset_are_named() -> None:
    """With track, hours and coverage; slivers and passes before the onset are left out."""
    items = [
        *before_and_after(37, 30.0, 102.0),
        radar("sliver", 1.0, (9, 49, 10.3, 52), orbit=5),
        radar("half", 20.0, (9, 49, 10.6, 52), orbit=110),
        *before_and_after(139, 50.0),
        radar("fourth", 70.0, orbit=88),
    ]
    found = alternatives_of(world_with(items, relax=()))
    assert [(each["items"], each["hours_from_onset"]) for each in found] == [
        (["half"], 20.0),
        (["37_30"], 30.0),
        (["139_50"], 50.0),
    ]
    assert [each["track_id"] for each in found] == [
        f"{orbit} descending VH+VV" for orbit in (110, 37, 139)
    ]
    assert [each["chosen"] for each in found] == [False, True, False]
    assert [each["coverage_frac"] for each in found] == pytest.approx([0.6, 1.0, 1.0], abs=0.01)
    sets = [each["set"] for each in found]
    assert [each["filled"] for each in sets] == [1, 4, 3]
    assert [each["empty"] for each in sets] == [
        ["pre_month", "pre_event", "post_event"],
        [],
        ["post_event"],
    ]


def test_a_set_names_the_last_step_that_it_needs() -> None:
    """The other track needs a wider window before the flood, the chosen one needs nothing."""
    items = [
        *before_and_after(37, 30.0, 102.0),
        *before_and_after(110, 20.0, 90.0)[1:],
        radar("early", -36.0 * 24, orbit=110),
    ]
    found = alternatives_of(world_with(items))
    assert [(each["items"], each["set"]["filled"], each["set"]["last_step"]) for each in found] == [
        (["110_20"], 4, "S1RTC.window_days=7"),
        (["37_30"], 4, None),
        (["110_90"], 3, "S1RTC.window_days=7"),
    ]


def test_the_joint_coverage_of_a_set_includes_the_other_sensors() -> None:
    """The optical pass covers the left half of the area."""
    items = [*before_and_after(37, 30.0, 102.0), s2_item("left", day(1), (9, 49, 10.5, 52))]
    (first, *_) = alternatives_of(world_with(items))
    assert first["set"]["joint_frac"] == pytest.approx(0.5, abs=0.01)


def test_the_reference_policy_has_no_alternatives() -> None:
    """It chooses each slot by itself."""
    world = world_with(before_and_after(37, 30.0))
    world = replace(world, recipe=Recipe(policy=Policy.REFERENCE))
    assert alternatives_of(world) == []


@pytest.mark.parametrize("seed", range(60))
def test_a_set_is_what_a_decision_for_its_pass_would_give(seed: int) -> None:
    """On its track alone: as many slots, and the same joint coverage of the sensor."""
    world = random_world(seed)
    ladder = tuple(step for step in world.recipe.relax if not step.mixed_track)
    recipe = replace(world.recipe, relax=ladder, event_first=True)
    world = World(
        world.event,
        world.items,
        replace(
            recipe,
            sensors={
                sensor: asked for sensor, asked in recipe.sensors.items() if sensor is Sensor.S1RTC
            },
        ),
    )
    for each in alternatives_of(world):
        decision = Decision(event_pass=each["items"][0])
        plan = replace(world.plan, decision=decision)
        again = select_scenes(world.scored(), [plan], world.recipe)
        (own,) = again.alternatives[world.event.event_id][Sensor.S1RTC]
        assert own["chosen"]
        assert own["items"] == each["items"]
        assert own["set"] == each["set"]
