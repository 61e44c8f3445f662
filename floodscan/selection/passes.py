"""Candidates as passes: which scenes one overflight made, when each may be chosen, and what a pass covers.

A *pass* is the scenes of one overflight over a target: those of one datatake, and those of one
satellite on one relative orbit of which none is later than ten minutes after the one before, for an
overflight may be cut into several datatakes. A *option* is a pass as one slot may take it: those of
its scenes that the first steps of the ladder admit, and of these the mosaic, the fewest that cover
what all of them cover (greedily: what adds most points comes first, then the less cloudy, then the
smaller id; last what fills gaps between the points). Scenes of one tile with different footprints
are parts of one granule that was split, whatever their footprints claim: they are taken together or
not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import attrgetter, or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.model import Phase, Sensor
from floodscan.selection.candidates import (
    CLOUD_UNKNOWN,
    ELIGIBLE,
    OUTSIDE_WINDOW,
    TOO_CLOUDY,
    beyond,
    microseconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.model import Recipe

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]

NO_TIME = "no_time"
WRONG_SIDE = "wrong_side_of_onset"
SUPERSEDED = "superseded"

NEVER = 99
"""Level of a candidate that no step of the ladder admits."""

MILLI = 1000
"""Days and percents are counted in thousandths, so that sums are exact."""

CLOUD_PERCENT_PER_DAY = 5
"""Cloud that weighs as much as a day's distance from the phase's date."""

NO_INSTANT = np.iinfo(np.int64).min
"""``microseconds`` of an unknown time."""

_by_id = attrgetter("item_id")
_GAP = 600_000_000  # microseconds
_SLIVER = 1e-6  # of a target; less is where the edges of two scenes meet
_BASELINE = r"_N\d\d\.\d\d$"  # reprocessing changes the end of a Sentinel-2 datatake's id


class Scene(NamedTuple):
    """A candidate that some step admits: its row, and what choosing needs of it.

    ``overlap`` is the part of the target that it covers; ``size`` is its number of points.
    """

    row: int
    item_id: str
    pass_id: int
    track: int
    level: int
    start: int
    days: int
    cloud: int
    tile: str | None
    outline: bytes
    overlap: float
    points: int
    size: int


class PassOption(NamedTuple):
    """A pass as a slot may take it.

    ``level`` is the last step needed; ``start`` and ``end`` are the times of its first and last
    scene, in microseconds; ``points`` is a set of points; ``cost`` grows with distance from the
    phase's date and with cloud; ``size`` is the number of points; ``scenes`` are those that may be
    in the mosaic, by id, and ``key`` their ids.
    """

    pass_id: int
    track: int
    level: int
    start: int
    end: int
    points: int
    cost: int
    key: tuple[str, ...]
    size: int
    scenes: tuple[Scene, ...]


@dataclass(frozen=True, slots=True)
class CandidateAttributes:
    """What is known of each candidate beside its columns, for a whole table, shape (n,) each.

    Attributes:
        levels: Number of ladder steps of its sensor that must be taken to admit it; 0 is none.
        verdicts: Why it can't be chosen at all, or the one that it came with.
        passes: Number of its pass.
        tracks: Number of its relative orbit, orbit state and polarisations; 0 where tracks don't
            count.
        superseded_by: Row of the newer processing of the scene; −1 of none.
    """

    levels: Indices
    verdicts: NDArray[np.object_]
    passes: Indices
    tracks: Indices
    superseded_by: Indices


def derive_attributes(
    candidates: pa.Table, slots: Indices, onsets: Mapping[str, datetime], recipe: Recipe
) -> CandidateAttributes:
    """Find out what the policy needs to know of each candidate.

    Args:
        candidates: CANDIDATES table.
        slots: Number of each row's slot, shape (n,).
        onsets: When each event's water came.
        recipe: The rules.
    """
    verdicts = candidates["verdict"].to_numpy(zero_copy_only=False).astype(object)
    possible = np.isin(verdicts, (ELIGIBLE, OUTSIDE_WINDOW, TOO_CLOUDY))
    times = microseconds(candidates["datetime"])
    imagery = ~pc.equal(candidates["sensor"], Sensor.DEM).to_numpy(zero_copy_only=False)
    timeless = imagery & possible & (times == NO_INSTANT)
    wrong = imagery & possible & wrong_side(candidates, onsets, recipe)
    verdicts[timeless], verdicts[wrong] = NO_TIME, WRONG_SIDE
    possible &= ~timeless & ~wrong
    passes = number_passes(candidates)
    superseded_by = _supersede(candidates, slots, passes, possible & imagery)
    verdicts[superseded_by >= 0] = SUPERSEDED
    possible &= superseded_by < 0
    levels = np.where(possible, _levels(candidates, recipe), NEVER)
    return CandidateAttributes(levels, verdicts, passes, number_tracks(candidates), superseded_by)


def wrong_side(candidates: pa.Table, onsets: Mapping[str, datetime], recipe: Recipe) -> Mask:
    """Find scenes of a pre-phase from the onset (less the guard) on, and of the others from before it, shape (n,).

    What has no time is on neither side.
    """
    times = microseconds(candidates["datetime"])
    encoded = candidates["event_id"].combine_chunks().dictionary_encode()
    micros = [
        round(onsets[event_id].timestamp() * 1e6) for event_id in encoded.dictionary.to_pylist()
    ]
    onset = np.array(micros, dtype=np.int64)[np.asarray(encoded.indices)]
    guard = round(recipe.onset_guard_minutes * 60e6)
    before = pc.is_in(candidates["phase"], pa.array([Phase.PRE_MONTH, Phase.PRE_EVENT])).to_numpy(
        zero_copy_only=False
    )
    wrong: Mask = np.where(before, times >= onset - guard, times < onset) & (times != NO_INSTANT)
    return wrong


def _levels(candidates: pa.Table, recipe: Recipe) -> Indices:
    """Count the steps that must be taken to admit each candidate: the most that any of its measures needs."""
    levels = np.zeros(len(candidates), dtype=np.int64)
    for sensor, asked in recipe.sensors.items():
        here = pc.equal(candidates["sensor"], sensor).to_numpy(zero_copy_only=False)
        if asked.window_days is not None:
            levels[here] = np.maximum(levels, _window_levels(candidates, recipe, sensor))[here]
        if asked.max_cloud_percent is not None:
            levels[here] = np.maximum(levels, _cloud_levels(candidates, recipe, sensor))[here]
    return levels


def _window_levels(candidates: pa.Table, recipe: Recipe, sensor: Sensor) -> Indices:
    levels = np.full(len(candidates), NEVER)
    for level, days in _widths(recipe, sensor, "window_days"):
        levels[~beyond(candidates["datetime"], candidates["day_offset"], int(days))] = level
    return levels


def _cloud_levels(candidates: pa.Table, recipe: Recipe, sensor: Sensor) -> Indices:
    cloud = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
    levels = np.full(len(candidates), NEVER)
    for level, limit in _widths(recipe, sensor, "max_cloud_percent"):
        levels[cloud < limit] = level
    return levels


def _widths(recipe: Recipe, sensor: Sensor, rule: str) -> list[tuple[int, float]]:
    """List a rule's values by level, the loosest first: a stricter one that still admits takes its place."""
    steps = [(0, getattr(recipe.sensors[sensor], rule))]
    steps += [(number, getattr(step, rule)) for number, step in enumerate(recipe.ladder(sensor), 1)]
    return [(level, value) for level, value in reversed(steps) if value is not None]


def rule_levels(candidates: pa.Table, recipe: Recipe, sensor: Sensor) -> dict[str, Indices]:
    """Tell for each rule that a ladder can loosen which level each candidate needs, shape (n,) each."""
    asked = recipe.sensors[sensor]
    found = {}
    if asked.window_days is not None:
        found["window_days"] = _window_levels(candidates, recipe, sensor)
    if asked.max_cloud_percent is not None:
        found["max_cloud_percent"] = _cloud_levels(candidates, recipe, sensor)
    return found


def number_passes(candidates: pa.Table) -> Indices:
    """Give the scenes of one pass over one target one number."""
    numbers = _cluster(candidates)
    places = [candidates[name] for name in ("event_id", "target_id", "sensor")]
    names = pc.replace_substring_regex(candidates["datatake_id"], _BASELINE, "")
    keys = pc.binary_join_element_wise(
        *places, pc.fill_null(candidates["platform"], ""), names, "|", null_handling="emit_null"
    )
    named = np.flatnonzero(~np.asarray(pc.is_null(keys)))
    takes = np.asarray(encode(keys)).astype(np.int64)[named]
    while True:
        # what shares a datatake, or a cluster with one that does, is brought down to one number
        least = np.full(takes.max(initial=-1) + 1, len(numbers))
        np.minimum.at(least, takes, numbers[named])
        joined = np.arange(len(numbers))
        np.minimum.at(joined, numbers[named], least[takes])
        if (joined[numbers] == numbers).all():
            return numbers
        numbers = joined[numbers]


def _cluster(candidates: pa.Table) -> Indices:
    """Number overflights: a new one begins after ten minutes without a scene of its orbit.

    No time is by itself.
    """
    times = microseconds(candidates["datetime"])
    names = ("event_id", "target_id", "sensor", "platform", "relative_orbit", "orbit_state")
    keys = [np.asarray(encode(candidates[name])) for name in names]
    order = np.lexsort([times, *keys])
    times = times[order]
    changes = (times[1:] > times[:-1] + _GAP) | (times[1:] == NO_INSTANT)
    for key in keys:
        changes |= np.diff(key[order]) != 0
    numbers = np.empty(len(times), dtype=np.int64)
    numbers[order] = np.append(0, np.cumsum(changes))
    return numbers


def number_tracks(candidates: pa.Table) -> Indices:
    """Give SAR scenes of one relative orbit, orbit state and set of polarisations one number above 0."""
    lists = candidates["polarizations"].combine_chunks()
    encoded = pc.fill_null(pc.binary_join(lists, "+"), "").dictionary_encode()
    sets = ["+".join(sorted(set(text.split("+")))) for text in encoded.dictionary.to_pylist()]
    channels = pa.array(sets, pa.string()).take(encoded.indices)
    orbit = candidates["relative_orbit"].cast(pa.string()).combine_chunks()
    state = candidates["orbit_state"].combine_chunks()
    # the number follows the order of the names, so that it hangs on no order of rows
    names = pc.binary_join_element_wise(
        pc.fill_null(pc.utf8_lpad(orbit, 6, "0"), ""), pc.fill_null(state, ""), channels, "|"
    )
    radar = pc.equal(candidates["sensor"], Sensor.S1RTC).to_numpy(zero_copy_only=False)
    ranks = np.asarray(pc.rank(names, sort_keys="ascending", tiebreaker="dense")).astype(np.int64)
    return np.where(radar, ranks, 0)


def _supersede(candidates: pa.Table, slots: Indices, passes: Indices, possible: Mask) -> Indices:
    """Find scenes of a tile that the same pass has in a newer processing baseline.

    All granules of that stay.
    """
    tiles = np.asarray(encode(candidates["mgrs_tile"]))
    known = possible & ~np.asarray(pc.is_null(candidates["mgrs_tile"]))
    baselines = pc.fill_null(candidates["processing_baseline"], "")
    ranks = np.asarray(pc.rank(baselines, sort_keys="ascending", tiebreaker="dense")).astype(
        np.int64
    )
    found = np.full(len(slots), -1, dtype=np.int64)
    rows = np.flatnonzero(known)
    ids = candidates["item_id"]
    overlaps = candidates["overlap_frac"].to_numpy()
    id_ranks = np.asarray(pc.rank(ids, sort_keys="ascending", tiebreaker="dense"))[rows]
    order = rows[
        np.lexsort(
            [id_ranks, -overlaps[rows], -ranks[rows], tiles[rows], passes[rows], slots[rows]]
        )
    ]
    if len(order) == 0:
        return found
    keys = np.stack([slots, passes, tiles])[:, order]
    starts = np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0))
    newest = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
    older = ranks[order] < ranks[newest]
    found[order[older]] = newest[older]
    return found


def encode(values: pa.ChunkedArray) -> pa.Array:
    """Number the distinct values of a column, null included."""
    return pc.dictionary_encode(values.combine_chunks(), null_encoding="encode").indices


def make_pass_options(scenes: Sequence[Scene], sensor: str, *, least: int = 1) -> list[PassOption]:
    """Make the options of a slot: a pass once for each level at which it has more scenes, in order of time.

    Args:
        scenes: The slot's candidates that some step admits, by pass, then id.
        sensor: Of the slot; days weigh against cloud for those that see clouds.
        least: Points that a pass must cover.
    """
    by_pass: dict[tuple[int, int], list[Scene]] = {}
    for scene in sorted(scenes, key=_by_id):
        by_pass.setdefault((scene.pass_id, scene.track), []).append(scene)
    options = []
    for members in by_pass.values():
        for level in sorted({scene.level for scene in members}):
            admitted = [scene for scene in members if scene.level <= level]
            points = 0
            for scene in admitted:
                points |= scene.points
            size = points.bit_count()
            if size >= max(least, 1):
                options.append(
                    _make_pass_option(
                        tuple(admitted),
                        level,
                        points,
                        size=size,
                        weigh_cloud=sensor == Sensor.S2L2A,
                    )
                )
    return sorted(options, key=lambda option: (option.start, option.key))


def _make_pass_option(
    scenes: tuple[Scene, ...], level: int, points: int, *, size: int, weigh_cloud: bool
) -> PassOption:
    starts = [scene.start for scene in scenes]
    cost = min([scene.days for scene in scenes]) * MILLI
    if weigh_cloud:
        cloud = sum([scene.cloud * scene.size for scene in scenes]) // sum(
            [scene.size for scene in scenes]
        )
        cost = cost * CLOUD_PERCENT_PER_DAY + cloud
    key = tuple([scene.item_id for scene in scenes])
    return PassOption(
        scenes[0].pass_id,
        scenes[0].track,
        level,
        min(starts),
        max(starts),
        points,
        cost,
        key,
        size,
        scenes,
    )


def cover(scenes: Sequence[Scene], area: BaseGeometry) -> list[Scene]:
    """Choose scenes of a pass until all of an area that any covers is covered: always what adds most; that comes first.

    Args:
        scenes: Of one pass.
        area: The target's.
    """
    if len(scenes) == 1:
        return list(scenes)
    chosen: list[Scene] = []
    covered = 0
    left = _granules(scenes)
    while left:
        added = [
            (reduce(or_, (part.points for part in parts)) & ~covered).bit_count() for parts in left
        ]
        most = max(added)
        if most == 0:
            break
        parts = left.pop(added.index(most))
        chosen += parts
        covered = reduce(or_, (part.points for part in parts), covered)
    if left and all(scene.overlap < 1 for scene in chosen):
        chosen += _fill_gaps(chosen, left, area)
    return _order(chosen)


def _fill_gaps(chosen: Sequence[Scene], left: list[list[Scene]], area: BaseGeometry) -> list[Scene]:
    """Choose what covers ground of an area that lies between the points."""
    found: list[Scene] = []
    least = _SLIVER * area.area
    bare = shapely.difference(area, _join(chosen))
    # one look at all that is left together tells nearly always that nothing is to be had
    while (
        left
        and bare.area >= least
        and shapely.intersection(_join(chain(*left)), bare).area >= least
    ):
        added = shapely.area(shapely.intersection([_join(parts) for parts in left], bare)).tolist()
        parts = left.pop(added.index(max(added)))
        found += parts
        bare = shapely.difference(bare, _join(parts))
    return found


def _join(scenes: Iterable[Scene]) -> BaseGeometry:
    joined: BaseGeometry = shapely.union_all(shapely.from_wkb([scene.outline for scene in scenes]))
    return joined


def _granules(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Put the parts of a split granule together; of scenes with one outline keep the first."""
    granules: dict[object, dict[bytes, Scene]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.cloud, scene.item_id)):
        if scene.overlap:
            parts = granules.setdefault(scene.row if scene.tile is None else scene.tile, {})
            parts.setdefault(scene.outline, scene)
    return [list(parts.values()) for parts in granules.values()]


def _order(scenes: Sequence[Scene]) -> list[Scene]:
    left, ordered, covered = list(scenes), [], 0
    while left:
        added = [(scene.points & ~covered).bit_count() for scene in left]
        scene = left.pop(added.index(max(added)))
        ordered.append(scene)
        covered |= scene.points
    return ordered
