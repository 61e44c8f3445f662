"""The rules of each sensor under a policy."""

from __future__ import annotations

import pickle
from dataclasses import replace

from floodscan.model import Policy, Recipe, Relaxation, Sensor

LADDER = (
    Relaxation(sensor=Sensor.S1RTC, window_days=7),
    Relaxation(sensor=Sensor.S2L2A, max_cloud_percent=50.0),
    Relaxation(sensor=Sensor.S1RTC, mixed_track=True),
    Relaxation(sensor=Sensor.S1RTC, window_days=12),
)
RECIPE = Recipe(policy=Policy.CHANGE_DETECTION, relax=LADDER)


def test_a_level_is_a_number_of_the_sensors_own_steps() -> None:
    """Level 0 is the recipe itself."""
    rules = RECIPE.rules[Sensor.S1RTC]
    assert rules.ladder == (LADDER[0], LADDER[2], LADDER[3])
    assert rules.window_levels == ((3, 12), (1, 7), (0, 4))
    assert rules.cloud_levels == ()
    assert (rules.widest_window_days, rules.highest_cloud_percent) == (12, None)
    assert rules.mixed_track_level == 2


def test_optical_rules_have_cloud_limits() -> None:
    """The DEM has neither dates nor clouds."""
    rules = RECIPE.rules[Sensor.S2L2A]
    assert rules.cloud_levels == ((1, 50.0), (0, 25.0))
    assert (rules.widest_window_days, rules.highest_cloud_percent) == (10, 50.0)
    assert rules.mixed_track_level is None
    dem = RECIPE.rules[Sensor.DEM]
    assert (dem.widest_window_days, dem.window_levels, dem.ladder) == (None, (), ())


def test_the_reference_policy_takes_no_steps() -> None:
    """The rules follow a changed policy, and survive pickling."""
    recipe = pickle.loads(pickle.dumps(replace(RECIPE, policy=Policy.REFERENCE)))  # noqa: S301
    assert recipe.rules[Sensor.S1RTC].ladder == ()
    assert recipe.rules[Sensor.S1RTC].widest_window_days == 4
    assert recipe.rules[Sensor.S1RTC].asked == recipe.sensors[Sensor.S1RTC]
