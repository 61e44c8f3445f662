"""The options of all slots of a target, for policy ``change-detection``."""

from __future__ import annotations

from functools import reduce
from itertools import groupby
from math import ceil
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow.compute as pc
import shapely

from floodscan.model import Phase, Sensor
from floodscan.selection.attributes import NEVER
from floodscan.selection.clearness import CLOUD_UNKNOWN, clear_sets
from floodscan.selection.columns import microseconds
from floodscan.selection.fill_scores import fills_perfectly
from floodscan.selection.mosaics import MILLI, PassOption, Scene, make_pass_options
from floodscan.selection.sample_points import (
    ALL_POINTS,
    N_POINTS,
    covered_points,
    place_sample_points,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.targets import Target
    from floodscan.selection.attributes import CandidateAttributes

    Indices = NDArray[np.int64]
    Slots = list[list[PassOption]]
    Coverage = tuple[int, int, int]  # a set of points, their number, and that of the footprint's

_IMAGERY = (Sensor.S1RTC, Sensor.S2L2A)


class SceneColumns:
    """Columns of a table of candidates as plain lists: single values of lists are fast to read."""

    def __init__(
        self, candidates: pa.Table, slots: Indices, attributes: CandidateAttributes, recipe: Recipe
    ) -> None:
        cloud = attributes.clouds
        # a percent below 0 or above 1000 is a mistake in the item; sums must stay small integers
        cloud = np.round(np.nan_to_num(np.clip(cloud, 0, CLOUD_UNKNOWN), nan=CLOUD_UNKNOWN) * MILLI)
        overlaps = candidates["overlap_frac"].to_numpy()
        self.phase = candidates["phase"].to_pylist()
        self.sensor = candidates["sensor"].to_pylist()
        self.slot = slots.tolist()
        self.covers_all = (overlaps >= 1).tolist()
        self.geometry = candidates["geometry"].to_pylist()
        self.level = attributes.levels.tolist()
        self.track = attributes.tracks.tolist()
        self.clear = clear_sets(candidates, recipe)
        fields = (
            range(len(candidates)),
            candidates["item_id"].to_pylist(),
            attributes.passes.tolist(),
            attributes.unknown.tolist(),
            self.track,
            self.level,
            microseconds(candidates["datetime"]).tolist(),
            np.asarray(pc.fill_null(candidates["days_from_phase"], 0)).tolist(),
            cloud.astype(int).tolist(),
            candidates["mgrs_tile"].to_pylist(),
            self.geometry,
            overlaps.tolist(),
        )
        self._scenes = list(zip(*fields, strict=True))

    def scene(self, row: int, coverage: Coverage) -> Scene:
        """Make the scene of a row that covers a set of points."""
        return Scene._make((*self._scenes[row], *coverage))


class TargetOptions(NamedTuple):
    """What the slots of a target can choose from.

    Attributes:
        scenes: Of each sensor, by phase; without those of ``options`` that are left out.
        options: Of each sensor, by phase. The options that need ladder steps are left out for a
            sensor whose slots can all be filled without any.
        all_options: Of each sensor, by phase, on all levels.
        dem_points: Points that the DEM covers; all points if it covers none.
        dem_rows: Rows of the DEM's tiles.
    """

    scenes: dict[Sensor, list[list[Scene]]]
    options: dict[Sensor, Slots]
    all_options: dict[Sensor, Slots]
    dem_points: int
    dem_rows: list[int]


def gather_options(
    target: Target,
    rows: Sequence[int],
    columns: SceneColumns,
    recipe: Recipe,
    *,
    peak: int | None = None,
) -> TargetOptions:
    """Gather the options of a target.

    Args:
        target: The target.
        rows: Its candidates, the rows of each slot next to each other.
        columns: Of all candidates.
        recipe: The rules.
        peak: When the flood was largest, microseconds since 1970; None if unknown.
    """
    possible = [row for row in rows if columns.level[row] != NEVER]
    coverage = _measure_coverage(target, possible, columns)
    by_slot: dict[tuple[str, str | None], list[int]] = {}
    for _, members in groupby(possible, columns.slot.__getitem__):
        first, *others = members
        by_slot[columns.sensor[first], columns.phase[first]] = [first, *others]
    dem = by_slot.get((Sensor.DEM, None), [])
    dem_points = reduce(or_, (coverage[row][0] for row in dem)) if dem else ALL_POINTS
    found = TargetOptions({}, {}, {}, dem_points, dem)
    counted_peak = peak if recipe.event_first else None
    for sensor in filter(recipe.rules.__contains__, _IMAGERY):
        scenes = [
            [columns.scene(row, coverage[row]) for row in by_slot.get((sensor, phase), ())]
            for phase in Phase
        ]
        options = _make_options(scenes, sensor, recipe, counted_peak)
        found.all_options[sensor] = options
        found.scenes[sensor], found.options[sensor] = _leave_out_relaxed(scenes, options)
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
        for phase, own in zip(Phase, scenes, strict=True)
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


def _measure_coverage(
    target: Target, rows: Sequence[int], columns: SceneColumns
) -> dict[int, Coverage]:
    """Find the points of a target that each scene covers, once for each footprint.

    Where clear ground is known, these are the points inside the footprint that are clear.
    """
    footprints = dict.fromkeys(columns.geometry[row] for row in rows if not columns.covers_all[row])
    sets = (
        covered_points(place_sample_points(target), shapely.from_wkb(list(footprints)))
        if footprints
        else []
    )
    by_footprint = {
        footprint: (points, points.bit_count(), points.bit_count())
        for footprint, points in zip(footprints, sets, strict=True)
    }
    inside = {
        row: (ALL_POINTS, N_POINTS, N_POINTS)
        if columns.covers_all[row]
        else by_footprint[columns.geometry[row]]
        for row in rows
    }
    for row, (ground, _, n_ground) in inside.items():
        if (clear := columns.clear[row]) is not None:
            points = ground & clear
            inside[row] = (points, points.bit_count(), n_ground)
    return inside
