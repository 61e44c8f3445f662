"""Policy ``change-detection``: all slots of a target are chosen together, so that its phases can be compared.

**What may be chosen.** A slot takes a pass (see ``passes``) or stays empty. Of a sensor's slots,

- ``pre_month`` and ``pre_event`` hold scenes from before the onset less the guard, ``event`` and
  ``post_event`` scenes from the onset on;
- each phase's scenes are later than those of all phases before it, and no pass is in two slots;
- SAR scenes are of one track: the same relative orbit, orbit state and polarisations. Only the
  ladder's step ``mixed_track`` allows others beside a main track;
- a pass covers at least the recipe's ``min_coverage`` of the target: a sliver of a scene fills no
  slot;
- a scene obeys the recipe's window and cloud limit as far as its sensor's ladder was climbed.

Of scenes that were processed again only the newest baseline counts. The DEM's tiles are all chosen.

**What is best**, in this order. For each sensor by itself:

1. the most slots filled, then the lowest rung of its ladder on which as many can be, then the
   fewest passes off the main track, then the fewest steps of the ladder, summed over its slots;
2. the main track: among those that reach this, the one whose pass that covers the fewest points
   covers the most, then the nearest to the phases' dates, then the first by relative orbit, orbit
   state and polarisations.

For all sensors together, among the combinations that reach 1 on the track of 2:

3. the most points that all chosen passes and the DEM cover together;
4. the most points that the pass covers that covers the fewest;
5. the least cost: days between a pass and the date of its phase, summed over the slots; an optical
   pass' days count five times, and the percent of its cloud cover are added, averaged over its
   scenes by the points of each;
6. the first by item ids, Sentinel-1's phases before Sentinel-2's.

Coverage is counted in points of a sample_points (see ``sample_points``): sets that can be compared exactly. So
the optimum is exact and the same for any order of the candidates, unless more combinations are open
at once than ``joint`` keeps. What a manifest then tells of coverage is measured on the footprints.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import reduce
from itertools import groupby
from math import ceil
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.model import Phase, Sensor
from floodscan.selection.attributes import NEVER, CandidateAttributes, derive_attributes
from floodscan.selection.candidates import CLOUD_UNKNOWN
from floodscan.selection.columns import encode, microseconds
from floodscan.selection.joint import (
    ALL_POINTS,
    FillScore,
    State,
    best,
    best_fill_score,
    combine,
    fills_perfectly,
)
from floodscan.selection.mosaics import MILLI, PassOption, Scene, make_pass_options
from floodscan.selection.reference import slot_numbers
from floodscan.selection.sample_points import N_POINTS, WHOLE, covered_points, place_sample_points
from floodscan.selection.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target

    Indices = NDArray[np.int64]
    Slots = list[list[PassOption]]
    Points = tuple[int, int]  # a set of points, and how many they are

_SENSORS = (Sensor.S1RTC, Sensor.S2L2A)
_UNBOUND = 2**30


def select_change_detection(
    candidates: pa.Table, plans: Sequence[EventPlan], recipe: Recipe
) -> pa.Table:
    """Choose for all slots of each target together.

    Args:
        candidates: CANDIDATES table, the rows of one slot one after the other.
        plans: The events of the candidates.
        recipe: The rules, with the ladder.

    Returns:
        The same rows with ``rank``, ``selected``, ``verdict``, ``relaxed`` and ``superseded_by``,
        slots in the order given, within one the ranked first, then the rejected by item id. The
        members of a mosaic are all selected, the one that adds most to it first.
    """
    slots = slot_numbers(candidates)
    facts = derive_attributes(
        candidates, slots, {plan.event.event_id: plan.event.onset for plan in plans}, recipe
    )
    verdicts = Verdicts(candidates, slots, facts)
    targets = {
        (plan.event.event_id, target.target_id): target for plan in plans for target in plan.targets
    }
    measures = _Measures(candidates, slots, facts)
    with _without_collection():
        for key, rows in _of_targets(candidates):
            _choose_target(targets[key], rows, measures, verdicts, recipe)
    return verdicts.table(recipe)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector still: choosing makes many small tuples and no cycles, and it costs a quarter."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _of_targets(candidates: pa.Table) -> list[tuple[tuple[str, str], list[int]]]:
    """List the rows of each target, in order."""
    if len(candidates) == 0:
        return []
    events, targets = (encode(candidates[name]) for name in ("event_id", "target_id"))
    codes = events * (targets.max() + 1) + targets
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    firsts = candidates.select(["event_id", "target_id"]).take(
        pa.array([group[0] for group in groups])
    )
    keys = zip(firsts["event_id"].to_pylist(), firsts["target_id"].to_pylist(), strict=True)
    return [(key, group.tolist()) for key, group in zip(keys, groups, strict=True)]


class _Measures:
    """Columns of the candidates as plain lists, which is what picking single values from them is fast with."""

    def __init__(self, candidates: pa.Table, slots: Indices, facts: CandidateAttributes) -> None:
        cloud = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
        # a percent above 1000 or below 0 is nonsense, but must not break sums
        cloud = np.round(np.nan_to_num(np.clip(cloud, 0, CLOUD_UNKNOWN), nan=CLOUD_UNKNOWN) * MILLI)
        self.phase = candidates["phase"].to_pylist()
        self.sensor = candidates["sensor"].to_pylist()
        self.slot = slots.tolist()
        overlaps = candidates["overlap_frac"].to_numpy()
        self.whole = (overlaps >= 1).tolist()
        self.geometry = candidates["geometry"].to_pylist()
        self.level = facts.levels.tolist()
        columns = (
            range(len(candidates)),
            candidates["item_id"].to_pylist(),
            facts.passes.tolist(),
            facts.tracks.tolist(),
            self.level,
            microseconds(candidates["datetime"]).tolist(),
            np.asarray(pc.fill_null(candidates["days_from_phase"], 0)).tolist(),
            cloud.astype(int).tolist(),
            candidates["mgrs_tile"].to_pylist(),
            self.geometry,
            overlaps.tolist(),
        )
        self._scenes = list(zip(*columns, strict=True))

    def scene(self, row: int, points: int, size: int) -> Scene:
        """Put a candidate's measures together, with what it covers."""
        return Scene._make((*self._scenes[row], points, size))


def _choose_target(
    target: Target, rows: list[int], measures: _Measures, verdicts: Verdicts, recipe: Recipe
) -> None:
    choice = lay_out(target, rows, measures, recipe)
    verdicts.choose_dem(choice.dem_rows)
    for sensor, (found, track) in _optimize(choice.options, choice.ground, recipe).items():
        used = {option.pass_id for option in found if option}
        for scenes, options, option in zip(
            choice.scenes[sensor], choice.options[sensor], found, strict=True
        ):
            verdicts.choose(scenes, options, option, track=track, used=used, area=target.area)


class Choice(NamedTuple):
    """What there is to choose from for a target.

    ``scenes`` and ``options`` by sensor and phase; ``ground`` is the set of points that the DEM
    covers, or all where it covers none. Of what needs steps of the ladder nothing is made where no
    slot needs them.
    """

    scenes: dict[Sensor, list[list[Scene]]]
    options: dict[Sensor, Slots]
    ground: int
    dem_rows: list[int]


def lay_out(target: Target, rows: list[int], measures: _Measures, recipe: Recipe) -> Choice:
    """Gather what there is to choose from for a target."""
    possible = [row for row in rows if measures.level[row] != NEVER]
    points = _points(target, possible, measures)
    least = ceil(recipe.min_coverage * N_POINTS)
    by_slot: dict[tuple[str, str | None], list[int]] = {}
    for _, found in groupby(possible, measures.slot.__getitem__):
        first, *others = found
        by_slot[measures.sensor[first], measures.phase[first]] = [first, *others]
    dem = by_slot.get((Sensor.DEM, None), [])
    ground = reduce(or_, (points[row][0] for row in dem)) if dem else WHOLE
    scenes: dict[Sensor, list[list[Scene]]] = {}
    options: dict[Sensor, Slots] = {}
    for sensor in filter(recipe.sensors.__contains__, _SENSORS):
        slots = [by_slot.get((sensor, phase), []) for phase in Phase]
        scenes[sensor], options[sensor] = _make(slots, points, measures, sensor, least=least)
    return Choice(scenes, options, ground, dem)


def _make(
    slots: Sequence[Sequence[int]],
    points: Mapping[int, Points],
    measures: _Measures,
    sensor: Sensor,
    *,
    least: int,
) -> tuple[list[list[Scene]], Slots]:
    """Make a sensor's scenes and options.

    Those that need steps only where its slots can't be filled without.
    """
    base = [[row for row in rows if measures.level[row] == 0] for rows in slots]
    for admitted in (base, slots):
        scenes = [[measures.scene(row, *points[row]) for row in rows] for rows in admitted]
        options = [make_pass_options(found, sensor, least=least) for found in scenes]
        tracks = {option.track for found in options for option in found}
        if any(fills_perfectly(options, track=track) for track in tracks):
            break
    return scenes, options


def _points(target: Target, rows: list[int], measures: _Measures) -> dict[int, Points]:
    """Tell which points of a target each scene covers, and how many; draw each footprint once."""
    partial = dict.fromkeys(measures.geometry[row] for row in rows if not measures.whole[row])
    covered = (
        covered_points(place_sample_points(target), shapely.from_wkb(list(partial)))
        if partial
        else []
    )
    drawn = {
        outline: (points, points.bit_count())
        for outline, points in zip(partial, covered, strict=True)
    }
    return {
        row: (WHOLE, N_POINTS) if measures.whole[row] else drawn[measures.geometry[row]]
        for row in rows
    }


def _optimize(
    options: Mapping[Sensor, Slots], ground: int, recipe: Recipe
) -> dict[Sensor, tuple[tuple[PassOption | None, ...], int]]:
    """Find the best combination: for each sensor its options by phase, None for an empty slot, and its main track."""
    states = [State(joint=ground)]
    limits: list[FillScore] = []
    tracks: dict[Sensor, int] = {}
    limit = None
    for sensor, slots in options.items():
        mixed = _mixed_rung(recipe, sensor)
        tracks[sensor], limit = _choose_track(slots, mixed)
        limits.append(limit)
        states = combine(states, slots, track=tracks[sensor], mixed_rung=mixed, limit=limit)
    if limit is None:
        return {}
    found = best(states, limit, _value).options
    n = len(Phase)
    return {
        sensor: (found[place * n : (place + 1) * n], tracks[sensor])
        for place, sensor in enumerate(options)
    }


def _value(state: State) -> tuple[object, ...]:
    return (-state.joint.bit_count(), -state.least, state.cost, state.key)


def _mixed_rung(recipe: Recipe, sensor: Sensor) -> int:
    return recipe.rules[sensor].mixed_track_level or 0


def _choose_track(slots: Slots, mixed_rung: int) -> tuple[int, FillScore]:
    """Choose a sensor's main track; tell also how well its slots can be filled."""
    tracks = sorted({option.track for options in slots for option in options}) or [0]
    tied = [track for track in tracks if fills_perfectly(slots, track=track)]
    if tied:
        limit = _perfect(slots)
    else:
        fills = {
            track: best_fill_score(
                _on(slots, track, mixed_rung), track=track, mixed_rung=mixed_rung
            )
            for track in tracks
        }
        limit = min(fills.values())
        tied = [track for track in tracks if fills[track] == limit]
    if len(tied) == 1:
        return tied[0], limit
    return _widest(slots, tied, limit, mixed_rung), limit


def _widest(slots: Slots, tracks: list[int], limit: FillScore, mixed_rung: int) -> int:
    """Choose between tracks that fill the slots alike: the largest smallest coverage, then the least cost."""
    alike = [[option._replace(points=ALL_POINTS) for option in options] for options in slots]
    at_most = {
        track: _reach(slots, track) if limit == _perfect(slots) else _UNBOUND for track in tracks
    }
    best_value, chosen = (1, 0), tracks[0]
    for track in sorted(tracks, key=lambda track: (-at_most[track], track)):
        if -at_most[track] > best_value[0]:
            break
        states = combine(
            [State()],
            _on(alike, track, mixed_rung),
            track=track,
            mixed_rung=mixed_rung,
            limit=limit,
        )
        state = best(states, limit, lambda state: (-state.least, state.cost))
        value = (-state.least, state.cost)
        if (value, track) < (best_value, chosen) or best_value == (1, 0):
            best_value, chosen = value, track
    return chosen


def _reach(slots: Slots, track: int) -> int:
    """Bound the points that a track's smallest scene can cover when all slots are filled."""
    return min(
        max((option.size for option in options if option.track == track), default=0)
        for options in slots
    )


def _perfect(slots: Slots) -> FillScore:
    return FillScore(-len(slots), 0, 0, 0)


def _on(slots: Slots, track: int, mixed_rung: int) -> Slots:
    if mixed_rung:
        return slots
    return [[option for option in options if option.track == track] for options in slots]
