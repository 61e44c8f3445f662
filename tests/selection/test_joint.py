"""Scores and states of the search for the best combination."""

from __future__ import annotations

import pytest

from floodscan.selection import joint
from floodscan.selection.change_detection import find_optimum
from floodscan.selection.fill_scores import FillScore
from floodscan.selection.joint import State, undominated
from tests.selection.worlds import random_world


def test_a_score_is_within_a_limit_field_by_field() -> None:
    """Though scores compare by their first different field."""
    assert FillScore(0, 3) < FillScore(1, 0)
    assert not FillScore(0, 3).is_within(FillScore(1, 0))
    assert FillScore(0, 1, 0, 1).is_within(FillScore(0, 1, 0, 1))
    assert FillScore(0, 0, 0, 1).is_within(FillScore(1, 2, 0, 1))


def test_a_state_that_another_one_dominates_is_dropped() -> None:
    """A state that is better in anything that can still count is kept."""
    good = State(fill=FillScore(), joint=0b111, smallest=3, cost=1, end=10)
    worse = good._replace(joint=0b101, cost=2)
    earlier = worse._replace(end=5)
    fuller = worse._replace(fill=FillScore(empty=1), joint=0b1111)
    assert undominated([worse, good]) == [good]
    assert set(undominated([worse, earlier, fuller, good])) == {good, earlier, fuller}
    assert undominated([good, good]) == [good]


@pytest.mark.parametrize("seed", range(40))
def test_no_slot_is_lost_if_states_are_too_many(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimum may be missed, but as many slots are filled, by as few steps."""
    world = random_world(seed, n_passes=14)
    options = world.options()
    best = find_optimum(options.options, options.dem_points, world.recipe)
    monkeypatch.setattr(joint, "MAX_STATES", 1)
    found = find_optimum(options.options, options.dem_points, world.recipe)
    for sensor, (combination, track) in best.items():
        filled = [option for option in combination if option]
        others = [option for option in found[sensor][0] if option]
        assert found[sensor][1] == track
        assert len(others) == len(filled)
        assert sum(option.level for option in others) == sum(option.level for option in filled)
