"""How well slots can be filled: the search, and its limit."""

from __future__ import annotations

from itertools import product

import pytest

from floodscan.model import Phase
from floodscan.selection.fill_scores import WORST, FillScore, Tracks, best_fill_score
from tests.selection.exhaustive import fill, may_follow
from tests.selection.worlds import random_world

LEAD = list(Phase).index(Phase.EVENT)


@pytest.mark.parametrize("seed", range(60))
def test_a_score_is_found_up_to_its_limit(seed: int) -> None:
    """A limit that can be reached changes nothing; below it nothing is found."""
    world = random_world(seed)
    options = world.options()
    lead = LEAD if world.recipe.event_first else None
    for sensor, slots in options.all_options.items():
        level = world.recipe.rules[sensor].mixed_track_level
        for track in {option.track for own in slots for option in own} or {0}:
            tracks = Tracks(main=track, mixed_level=level, lead=lead)
            best = best_fill_score(slots, tracks)
            assert best < WORST
            assert best_fill_score(slots, tracks, limit=best) == best
            below = best._replace(steps=best.steps - 1)
            assert best_fill_score(slots, tracks, limit=below) == WORST


@pytest.mark.parametrize("seed", range(20))
def test_no_combination_fills_the_slots_better(seed: int) -> None:
    """The search drops ways to fill the first slots, but never the best way to fill all."""
    world = random_world(seed, n_passes=7)
    lead = LEAD if world.recipe.event_first else None
    for sensor, slots in world.options().all_options.items():
        level = world.recipe.rules[sensor].mixed_track_level
        for track in {option.track for own in slots for option in own}:
            on_track = [[o for o in own if level or o.track == track] for own in slots]
            found = best_fill_score(on_track, Tracks(track, level, lead))
            combinations = filter(may_follow, product(*[[None, *own] for own in on_track]))
            best = min(fill(each, track, world, sensor) for each in combinations)
            assert as_tuple(found, leads=world.recipe.event_first) == best


def as_tuple(found: FillScore, *, leads: bool) -> tuple[int, ...]:
    """Write a score as the exhaustive search does; all clear ground is known here."""
    n_filled = len(Phase) - found.empty
    rest = (found.level, found.off_track, found.steps)
    return (
        (found.no_event, -n_filled, 0, 0, found.peak_days, *rest)
        if leads
        else (-n_filled, 0, 0, *rest)
    )
