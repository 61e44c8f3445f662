"""The options of all slots of a target, for policy ``change-detection``."""

from __future__ import annotations

from functools import cache, partial, reduce
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
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.targets import Target
    from floodscan.selection.attributes import CandidateAttributes
    from floodscan.selection.mosaics import LeastPoints

    Indices = NDArray[np.int64]
    Slots = list[list[PassOption]]
    ScenesAndOptions = tuple[list[list[Scene]], Slots]
    MakeOptions = Callable[[Sequence[Sequence[int]], LeastPoints], ScenesAndOptions]
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

    Scenes and options that need ladder steps are left out for a sensor whose slots can all be
    filled without any.

    Attributes:
        scenes: Of each sensor, by phase.
        options: Of each sensor, by phase.
        dem_points: Points that the DEM covers; all points if it covers none.
        dem_rows: Rows of the DEM's tiles.
        make_all: Of each sensor, a function that makes the options of all levels, by phase, on a
            track.
        make_event: Of each sensor, a function that makes the options of all levels of ``event``.
    """

    scenes: dict[Sensor, list[list[Scene]]]
    options: dict[Sensor, Slots]
    dem_points: int
    dem_rows: list[int]
    make_all: dict[Sensor, Callable[[int], Slots]]
    make_event: dict[Sensor, Callable[[], list[PassOption]]]


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
    scenes: dict[Sensor, list[list[Scene]]] = {}
    options: dict[Sensor, Slots] = {}
    make_all: dict[Sensor, Callable[[int], Slots]] = {}
    make_event: dict[Sensor, Callable[[], list[PassOption]]] = {}
    counted_peak = peak if recipe.event_first else None
    for sensor in filter(recipe.rules.__contains__, _IMAGERY):
        slots = [by_slot.get((sensor, phase), []) for phase in Phase]
        least = [(n, ceil(s * N_POINTS)) for n, s in recipe.rules[sensor].coverage_levels]
        make_one = partial(make_pass_options, sensor=sensor, mosaics=recipe.mosaics)
        make = partial(_make_options, columns, coverage, make_one, counted_peak)
        scenes[sensor], options[sensor] = _relax_if_needed(slots, columns, make, least)
        make_all[sensor] = cache(partial(_options_on, slots, columns, make, least))
        make_event[sensor] = partial(_event_options, slots, make, least)
    return TargetOptions(scenes, options, dem_points, dem, make_all, make_event)


def _options_on(
    slots: Sequence[Sequence[int]],
    columns: SceneColumns,
    make: MakeOptions,
    least_points: LeastPoints,
    track: int,
) -> Slots:
    on_track = [[row for row in rows if columns.track[row] == track] for rows in slots]
    return make(on_track, least_points)[1]


def _event_options(
    slots: Sequence[Sequence[int]], make: MakeOptions, least_points: LeastPoints
) -> list[PassOption]:
    alone = [rows if phase is Phase.EVENT else [] for phase, rows in zip(Phase, slots, strict=True)]
    return make(alone, least_points)[1][list(Phase).index(Phase.EVENT)]


def _relax_if_needed(
    slots: Sequence[Sequence[int]],
    columns: SceneColumns,
    make: MakeOptions,
    least_points: LeastPoints,
) -> ScenesAndOptions:
    """Make a sensor's options: with ladder steps only if its slots cannot be filled without."""
    unrelaxed = [[row for row in rows if columns.level[row] == 0] for rows in slots]
    scenes, options = make(unrelaxed, least_points[-1:])
    tracks = {option.track for found in options for option in found}
    if any(fills_perfectly(options, track=track) for track in tracks):
        return scenes, options
    return make(slots, least_points)


def _make_options(
    columns: SceneColumns,
    coverage: Mapping[int, Coverage],
    make_one: Callable[..., list[PassOption]],
    peak: int | None,
    slots: Sequence[Sequence[int]],
    least_points: LeastPoints,
) -> ScenesAndOptions:
    scenes = [[columns.scene(row, coverage[row]) for row in rows] for rows in slots]
    peaks = [peak if phase is Phase.EVENT else None for phase in Phase]
    return scenes, [
        make_one(found, least_points=least_points, peak=counted)
        for found, counted in zip(scenes, peaks, strict=True)
    ]


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
