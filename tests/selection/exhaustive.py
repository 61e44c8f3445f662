"""Policy ``change-detection`` as an exhaustive search, written from the policy's docstring."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import pytest

from floodscan.model import Phase, Recipe, Sensor
from floodscan.selection import target_options
from floodscan.selection.clearness import SHARES_ONLY, UNREAD
from floodscan.selection.mosaics import make_pass_options
from floodscan.selection.sample_points import N_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from floodscan.selection.mosaics import PassOption, Scene
    from floodscan.selection.target_options import TargetOptions
    from tests.selection.worlds import World

Combination = tuple["PassOption | None", ...]


def may_follow(combination: Combination) -> bool:
    """True if the phases follow one another and share no pass."""
    options = [option for option in combination if option is not None]
    distinct = len({option.pass_id for option in options}) == len(options)
    return distinct and all(one.end < other.start for one, other in pairwise(options))


def fill(combination: Combination, track: int, world: World, sensor: Sensor) -> tuple[int, ...]:
    """Value how well slots are filled, by point 1 of the policy's objective."""
    options = [option for option in combination if option is not None]
    off = sum(option.track != track for option in options)
    levels = [option.level for option in options] + (
        [mixed_level(world.recipe, sensor)] * bool(off)
    )
    rest = (max(levels, default=0), off, sum(option.level for option in options))
    unread = sum(option.unknown == UNREAD for option in options)
    shares_only = sum(option.unknown == SHARES_ONLY for option in options)
    if not world.recipe.event_first:
        return -len(options), unread, shares_only, *rest
    during = combination[list(Phase).index(Phase.EVENT)]
    peak_days = days_from_peak(during, world)
    return during is None, -len(options), unread, shares_only, peak_days, *rest


def days_from_peak(option: PassOption | None, world: World) -> int:
    """Count whole days, and one more for a pass that covers too little."""
    if option is None or world.event.peak is None:
        return 0
    first = datetime.fromtimestamp(option.start / 1e6, UTC)
    covers_little = option.points.bit_count() / N_POINTS < 0.7
    return abs(first - world.event.peak) // timedelta(days=1) + covers_little


def mixed_level(recipe: Recipe, sensor: Sensor) -> int:
    """Find the level from which tracks may be mixed; 0 if they never may."""
    steps = enumerate(recipe.rules[sensor].ladder, 1)
    return next((level for level, step in steps if step.mixed_track), 0)


def all_options(scenes: Sequence[Scene], sensor: Sensor, recipe: Recipe) -> list[PassOption]:
    """Make the options of a slot level by level, as the docstring of the policy defines them."""
    found: list[PassOption] = []
    groups = by_pass(scenes) if recipe.mosaics else [[scene] for scene in scenes]
    for members in groups:
        share, seen = recipe.min_coverage, 0
        for level, step in enumerate([None, *recipe.rules[sensor].ladder]):
            share = step.min_coverage if step and step.min_coverage is not None else share
            admitted = [scene for scene in members if scene.level <= level]
            alike = [scene._replace(level=0) for scene in admitted]
            for option in make_pass_options(alike, sensor) if len(admitted) > seen else ():
                if option.size >= share * N_POINTS:
                    found.append(option._replace(level=level))
                    seen = len(admitted)
    return found


def by_pass(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Group scenes by pass and track."""
    keys = {(scene.pass_id, scene.track) for scene in scenes}
    return [[scene for scene in scenes if (scene.pass_id, scene.track) == key] for key in keys]


def brute_force(choice: TargetOptions, world: World) -> tuple[Combination, ...]:
    """Compare all combinations of all sensors."""
    kept: list[list[Combination]] = []
    for sensor in choice.options:
        slots = [all_options(scenes, sensor, world.recipe) for scenes in choice.scenes[sensor]]
        mixes = mixed_level(world.recipe, sensor)
        everything = [c for c in product(*[[None, *options] for options in slots]) if may_follow(c)]
        tracks = sorted({option.track for options in slots for option in options}) or [0]
        valued = []
        for track in tracks:
            usable = [
                c for c in everything if mixes or all(u is None or u.track == track for u in c)
            ]
            best = min(fill(c, track, world, sensor) for c in usable)
            tied = [c for c in usable if fill(c, track, world, sensor) == best]
            reach = min((-least(c), sum(u.cost for u in c if u)) for c in tied)
            valued.append((best, reach, track, tied))
        kept.append(min(valued, key=lambda entry: entry[:3])[3])

    def worth(combinations: Sequence[Combination]) -> tuple[Any, ...]:
        options = [option for combination in combinations for option in combination]
        joint = choice.dem_points
        for option in options:
            joint &= option.points if option else joint
        cost = sum(option.cost for option in options if option)
        return (
            -joint.bit_count(),
            -least(options),
            cost,
            tuple(option.key if option else () for option in options),
        )

    return min(product(*kept), key=worth)


def least(options: Iterable[PassOption | None]) -> int:
    """Count the points of the option that covers the fewest."""
    return min((option.points.bit_count() for option in options if option), default=2**30)


def unlimited(world: World) -> TargetOptions:
    """Gather the options of all levels, also if the slots can be filled without any step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target_options, "fills_perfectly", lambda *_, **__: False)
        return world.options()
