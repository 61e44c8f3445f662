"""The options of all slots of a target, for policy ``change-detection``."""

from __future__ import annotations

from functools import reduce
from math import ceil
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from floodscan.model import PHASES, Phase, Sensor
from floodscan.selection.fill_scores import fills_perfectly
from floodscan.selection.mosaics import PassOption, Scene, make_pass_options
from floodscan.selection.sample_points import ALL_POINTS, N_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.model import Recipe
    from floodscan.selection.scenes import TargetScenes

    Slots = list[list[PassOption]]

_IMAGERY = (Sensor.S1RTC, Sensor.S2L2A)


class TargetOptions(NamedTuple):
    """What the slots of a target can choose from.

    Attributes:
        scenes: Of each sensor, by phase; without those of ``options`` that are left out.
        options: Of each sensor, by phase. The options that need ladder steps are left out for a
            sensor whose slots can all be filled without any.
        all_options: Of each sensor, by phase, on all levels.
        dem_points: Points that the DEM covers; all points if it covers none.
        dem: The DEM's tiles.
    """

    scenes: dict[Sensor, list[list[Scene]]]
    options: dict[Sensor, Slots]
    all_options: dict[Sensor, Slots]
    dem_points: int
    dem: list[Scene]


def gather_options(
    scenes: TargetScenes, recipe: Recipe, *, peak: int | None = None
) -> TargetOptions:
    """Gather the options of a target.

    Args:
        scenes: Of its slots.
        recipe: The rules.
        peak: When the flood was largest, microseconds since 1970; None if unknown.
    """
    dem = scenes.get((Sensor.DEM, None), [])
    dem_points = reduce(or_, [scene.points for scene in dem]) if dem else ALL_POINTS
    found = TargetOptions({}, {}, {}, dem_points, dem)
    counted_peak = peak if recipe.event_first else None
    for sensor in filter(recipe.rules.__contains__, _IMAGERY):
        own = [scenes.get((sensor, phase), []) for phase in PHASES]
        options = _make_options(own, sensor, recipe, counted_peak)
        found.all_options[sensor] = options
        found.scenes[sensor], found.options[sensor] = _leave_out_relaxed(own, options)
    return found


def _make_options(
    scenes: Sequence[Sequence[Scene]], sensor: Sensor, recipe: Recipe, peak: int | None
) -> Slots:
    """Make a sensor's options of all levels, by phase."""
    least = [(n, ceil(s * N_POINTS)) for n, s in recipe.rules[sensor].coverage_levels]
    return [
        make_pass_options(
            own,
            sensor,
            least_points=least,
            peak=peak if phase is Phase.EVENT else None,
            mosaics=recipe.mosaics,
        )
        for phase, own in zip(PHASES, scenes, strict=True)
    ]


def _leave_out_relaxed(
    scenes: list[list[Scene]], options: Slots
) -> tuple[list[list[Scene]], Slots]:
    """Leave out what needs ladder steps, if all slots can be filled without any."""
    # an option of level 0 is there again for scenes of a higher level of which less is known
    unrelaxed = [
        list({option.key: option for option in own if option.level == 0}.values())
        for own in options
    ]
    tracks = {option.track for own in unrelaxed for option in own}
    if any(fills_perfectly(unrelaxed, track=track) for track in tracks):
        return [[scene for scene in own if scene.level == 0] for own in scenes], unrelaxed
    return scenes, options
