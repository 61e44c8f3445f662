"""The ladder of a recipe: read, checked, written back, and its effect on searches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from floodscan.errors import RecipeError
from floodscan.inputs.recipe_files import parse_recipe, recipe_from_dict
from floodscan.model import Policy, Recipe, Relaxation, Sensor, SensorRecipe
from floodscan.planning.slots import plan_event
from tests.selection.worlds import make_event


def without_limits() -> dict[Sensor, SensorRecipe]:
    """Return sensors that accept any cloud cover, any channels and any time."""
    return {
        sensor: SensorRecipe(collection=asked.collection, assets=asked.assets)
        for sensor, asked in Recipe().sensors.items()
    }


def test_a_recipe_is_read_back_from_its_dict() -> None:
    """With each policy and ladder."""
    ladder = (
        Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=40.0),
        Relaxation(sensor=Sensor.S2L2A, min_coverage=0.2),
        Relaxation(sensor=Sensor.S1RTC, mixed_track=True),
    )
    for recipe in (
        Recipe(),
        Recipe(
            policy=Policy.CHANGE_DETECTION,
            relax=ladder,
            onset_guard_minutes=30.0,
            min_coverage=0.3,
            event_first=False,
            assumed_onset_hour=12.0,
        ),
        Recipe(policy=Policy.CHANGE_DETECTION, mosaics=False),
        Recipe(relax=(), tile_size_m=5000.0, warn_coverage_below=0.5),
        Recipe(min_coverage=0.05),
        Recipe(sensors=without_limits()),
        Recipe(sensors={Sensor.S2L2A: without_limits()[Sensor.S2L2A]}, relax=ladder[2:]),
    ):
        assert recipe_from_dict(recipe.to_dict(), source="run.json") == recipe


def test_steps_are_read_in_order() -> None:
    """Each loosens one rule of one sensor."""
    raw = {
        "relax": [
            {"sensor": "S1RTC", "window_days": 6},
            {"sensor": "S2L2A", "max_cloud_percent": 60},
        ]
    }
    assert [str(step) for step in parse_recipe(raw, source="x").relax] == [
        "S1RTC.window_days=6",
        "S2L2A.max_cloud_percent=60",
    ]


def test_default_steps_that_loosen_nothing_are_left_out() -> None:
    """A recipe with a window of three weeks needs no step to a narrower one."""
    recipe = parse_recipe({"S1RTC": {"window_days": 21}, "sensors": ["S1RTC", "DEM"]}, source="x")
    steps = ["S1RTC.mixed_track=true", "S1RTC.min_coverage=0.1"]
    assert [str(step) for step in recipe.relax] == steps
    assert Recipe(sensors=recipe.sensors) == recipe
    assert "S1RTC.min_coverage=0.1" not in map(str, Recipe(min_coverage=0.1).relax)
    assert [str(step) for step in Recipe(sensors=without_limits()).relax] == steps


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        ("S1RTC", "double brackets"),
        ([{"sensor": "S1RTC"}], "must loosen one rule"),
        ([{"sensor": "S1RTC", "max_cloud_percent": 50}], "must loosen one rule"),
        ([{"sensor": "DEM", "window_days": 50}], "'DEM' is unknown"),
        ([{"sensor": "S1RTC", "window_days": 3}], "loosens nothing"),
        ([{"sensor": "S1RTC", "window_days": 7}, {"sensor": "S1RTC", "window_days": 7}], "relax 2"),
        ([{"sensor": "S1RTC", "mixed_track": False}], "must be true"),
        ([{"sensor": "S1RTC", "min_coverage": 0.5}], "loosens nothing"),
        ([{"sensor": "S1RTC", "min_coverage": 10}], "between 0 and 1"),
        ([{"sensor": "S1RTC", "window_day": 7}], "did you mean 'window_days'"),
    ],
)
def test_an_invalid_step_is_reported(steps: Any, named: str) -> None:  # noqa: ANN401
    """The message has its number and its valid values."""
    with pytest.raises(RecipeError, match=named):
        parse_recipe({"relax": steps}, source="x")


@pytest.mark.parametrize("name", ["min_coverage", "warn_coverage_below"])
def test_shares_are_between_0_and_1(name: str) -> None:
    """A percentage is refused."""
    with pytest.raises(RecipeError, match=name):
        parse_recipe({name: 90}, source="x")


def test_searches_have_the_widest_window_of_the_policy() -> None:
    """The reference policy has no ladder."""
    event = make_event()
    recipe = Recipe()
    spans = {}
    for policy in Policy:
        slots = plan_event(event, replace(recipe, policy=policy)).slots
        windows = [slot.window for slot in slots if slot.sensor is Sensor.S1RTC and slot.window]
        spans[policy] = {window.end - window.start + timedelta(seconds=1) for window in windows}
    assert spans[Policy.REFERENCE] == {timedelta(days=9)}
    assert spans[Policy.CHANGE_DETECTION] == {timedelta(days=25)}
