"""Policy ``change-detection``: all slots of a target are chosen together, so that its phases can be compared.

**What may be chosen.** A slot takes a pass (see ``passes``) or stays empty. Of a sensor's slots,

- ``pre_month`` and ``pre_event`` hold scenes from before the onset less the guard, ``event`` and ``post_event`` scenes
  from the onset on;
- each phase's scenes are later than those of all phases before it, and no pass is in two slots;
- SAR scenes are of one track: the same relative orbit, orbit state and polarisations. Only the ladder's step
  ``mixed_track`` allows others beside a main track;
- a pass covers at least the recipe's ``min_coverage`` of the target: a sliver of a scene fills no slot;
- a scene obeys the recipe's window and cloud limit as far as its sensor's ladder was climbed.

Of scenes that were processed again only the newest baseline counts. The DEM's tiles are all chosen.

**What is best**, in this order. For each sensor by itself:

1. the most slots filled, then the lowest rung of its ladder on which as many can be, then the fewest passes off the
   main track, then the fewest steps of the ladder, summed over its slots;
2. the main track: among those that reach this, the one whose pass that covers the fewest points covers the most, then
   the nearest to the phases' dates, then the first by relative orbit, orbit state and polarisations.

For all sensors together, among the combinations that reach 1 on the track of 2:

3. the most points that all chosen passes and the DEM cover together;
4. the most points that the pass covers that covers the fewest;
5. the least cost: days between a pass and the date of its phase, summed over the slots; an optical pass' days count
   five times, and the percent of its cloud cover are added, averaged over its scenes by the points of each;
6. the first by item ids, Sentinel-1's phases before Sentinel-2's.

Coverage is counted in points of a lattice (see ``lattice``): sets that can be compared exactly. So the optimum is exact
and the same for any order of the candidates. What a manifest then tells of coverage is measured on the footprints.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import reduce
from itertools import groupby
from math import ceil
from operator import attrgetter, or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.events import Phase
from floodscan.recipe import Sensor
from floodscan.scoring import CLOUD_UNKNOWN, ELIGIBLE, microseconds
from floodscan.selection.joint import ALL_POINTS, Fill, State, best, best_fill, combine, fills_perfectly
from floodscan.selection.lattice import covered_points, lay_lattice
from floodscan.selection.passes import MILLI, NEVER, Facts, Scene, Unit, cover, encode, learn, make_units, rule_levels
from floodscan.selection.reference import SELECTED, slot_numbers
from floodscan.tables import CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.planning import EventPlan
    from floodscan.recipe import Recipe
    from floodscan.tiling import Target

    Indices = NDArray[np.int64]
    Slots = list[list[Unit]]
    Points = tuple[int, int]  # a set of points, and how many they are

REDUNDANT = "redundant"
OTHER_TRACK = "other_track"
OUT_OF_ORDER = "out_of_order"
TOO_LITTLE = "covers_too_little"

_SENSORS = (Sensor.S1RTC, Sensor.S2L2A)
_UNRANKED = 2**31 - 1
_UNBOUND = 2**30
_by_size = attrgetter("size")


def select_change_detection(candidates: pa.Table, plans: Sequence[EventPlan], recipe: Recipe) -> pa.Table:
    """Choose for all slots of each target together.

    Args:
        candidates: CANDIDATES table, the rows of one slot one after the other.
        plans: The events of the candidates.
        recipe: The rules, with the ladder.

    Returns:
        The same rows with ``rank``, ``selected``, ``verdict``, ``relaxed`` and ``superseded_by``, slots in the
        order given, within one the ranked first, then the rejected by item id. The members of a mosaic are
        all selected, the one that adds most to it first.
    """
    slots = slot_numbers(candidates)
    facts = learn(candidates, slots, {plan.event.event_id: plan.event.onset for plan in plans}, recipe)
    result = _Result(candidates, slots, facts)
    targets = {(plan.event.event_id, target.target_id): target for plan in plans for target in plan.targets}
    measures = _Measures(candidates, slots, facts)
    with _without_collection():
        for key, rows in _of_targets(candidates):
            _choose_target(targets[key], rows, measures, result, recipe)
    return result.table(recipe)


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
    events, targets = (np.asarray(encode(candidates[name])).astype(np.int64) for name in ("event_id", "target_id"))
    codes = events * (targets.max() + 1) + targets
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    firsts = candidates.select(["event_id", "target_id"]).take(pa.array([group[0] for group in groups]))
    keys = zip(firsts["event_id"].to_pylist(), firsts["target_id"].to_pylist(), strict=True)
    return [(key, group.tolist()) for key, group in zip(keys, groups, strict=True)]


class _Measures:
    """Columns of the candidates as plain lists, which is what picking single values from them is fast with."""

    def __init__(self, candidates: pa.Table, slots: Indices, facts: Facts) -> None:
        cloud = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
        # a percent above 1000 or below 0 is nonsense, but must not break sums
        cloud = np.round(np.nan_to_num(np.clip(cloud, 0, CLOUD_UNKNOWN), nan=CLOUD_UNKNOWN) * MILLI)
        self.phase = candidates["phase"].to_pylist()
        self.sensor = candidates["sensor"].to_pylist()
        self.slot = slots.tolist()
        self.whole = (candidates["overlap_frac"].to_numpy() >= 1).tolist()
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
        )
        self._scenes = list(zip(*columns, strict=True))

    def scene(self, row: int, points: int, size: int) -> Scene:
        """Put a candidate's measures together, with what it covers."""
        return Scene._make((*self._scenes[row], points, size))


def _choose_target(target: Target, rows: list[int], measures: _Measures, result: _Result, recipe: Recipe) -> None:
    choice = lay_out(target, rows, measures, recipe)
    result.choose_dem(choice.dem_rows)
    for sensor, (found, track) in _optimize(choice.units, choice.ground, recipe).items():
        for scenes, units, unit in zip(choice.scenes[sensor], choice.units[sensor], found, strict=True):
            result.choose(scenes, units, unit, track=track)


class Choice(NamedTuple):
    """What there is to choose from for a target.

    ``scenes`` and ``units`` by sensor and phase; ``ground`` is the set of points that the DEM covers, or
    all where it covers none. Of what needs steps of the ladder nothing is made where no slot needs them.
    """

    scenes: dict[Sensor, list[list[Scene]]]
    units: dict[Sensor, Slots]
    ground: int
    dem_rows: list[int]


def lay_out(target: Target, rows: list[int], measures: _Measures, recipe: Recipe) -> Choice:
    """Gather what there is to choose from for a target."""
    possible = [row for row in rows if measures.level[row] != NEVER]
    points, whole = _points(target, possible, measures)
    least = ceil(recipe.min_coverage * whole.bit_count())
    by_slot: dict[tuple[str, str | None], list[int]] = {}
    for _, found in groupby(possible, measures.slot.__getitem__):
        first, *others = found
        by_slot[measures.sensor[first], measures.phase[first]] = [first, *others]
    dem = by_slot.get((Sensor.DEM, None), [])
    ground = reduce(or_, (points[row][0] for row in dem)) if dem else whole
    scenes: dict[Sensor, list[list[Scene]]] = {}
    units: dict[Sensor, Slots] = {}
    for sensor in filter(recipe.sensors.__contains__, _SENSORS):
        slots = [by_slot.get((sensor, phase), []) for phase in Phase]
        scenes[sensor], units[sensor] = _make(slots, points, measures, sensor, least=least)
    return Choice(scenes, units, ground, dem)


def _make(
    slots: Sequence[Sequence[int]], points: Mapping[int, Points], measures: _Measures, sensor: Sensor, *, least: int
) -> tuple[list[list[Scene]], Slots]:
    """Make a sensor's scenes and units; those that need steps only where its slots can't be filled without."""
    base = [[row for row in rows if measures.level[row] == 0] for rows in slots]
    for admitted in (base, slots):
        scenes = [[measures.scene(row, *points[row]) for row in rows] for rows in admitted]
        units = [make_units(found, sensor, least=least) for found in scenes]
        tracks = {unit.track for found in units for unit in found}
        if any(fills_perfectly(units, track=track) for track in tracks):
            break
    return scenes, units


def _points(target: Target, rows: list[int], measures: _Measures) -> tuple[dict[int, Points], int]:
    """Tell which points of a target each scene covers and how many, and which there are; draw each footprint once."""
    lattice = lay_lattice(target)
    partial = dict.fromkeys(measures.geometry[row] for row in rows if not measures.whole[row])
    areas = np.array([target.area, *shapely.from_wkb(list(partial))], dtype=object)
    whole, *others = covered_points(lattice, areas)
    inside = [covered & whole for covered in others]
    drawn = {outline: (points, points.bit_count()) for outline, points in zip(partial, inside, strict=True)}
    everything = (whole, whole.bit_count())
    return {row: everything if measures.whole[row] else drawn[measures.geometry[row]] for row in rows}, whole


def _optimize(
    units: Mapping[Sensor, Slots], ground: int, recipe: Recipe
) -> dict[Sensor, tuple[tuple[Unit | None, ...], int]]:
    """Find the best combination: for each sensor its units by phase, None for an empty slot, and its main track."""
    states = [State(joint=ground)]
    limits: list[Fill] = []
    tracks: dict[Sensor, int] = {}
    limit = None
    for sensor, slots in units.items():
        mixed = _mixed_rung(recipe, sensor)
        tracks[sensor], limit = _choose_track(slots, mixed)
        limits.append(limit)
        states = combine(states, slots, track=tracks[sensor], mixed_rung=mixed, limit=limit)
    if limit is None:
        return {}
    found = best(states, limit, _value).units
    n = len(Phase)
    return {sensor: (found[place * n : (place + 1) * n], tracks[sensor]) for place, sensor in enumerate(units)}


def _value(state: State) -> tuple[object, ...]:
    return (-state.joint.bit_count(), -state.least, state.cost, state.key)


def _mixed_rung(recipe: Recipe, sensor: Sensor) -> int:
    steps = [number for number, step in enumerate(recipe.ladder(sensor), 1) if step.mixed_track]
    return min(steps, default=0)


def _choose_track(slots: Slots, mixed_rung: int) -> tuple[int, Fill]:
    """Choose a sensor's main track; tell also how well its slots can be filled."""
    tracks = sorted({unit.track for units in slots for unit in units}) or [0]
    tied = [track for track in tracks if fills_perfectly(slots, track=track)]
    if tied:
        limit = _perfect(slots)
    else:
        fills = {
            track: best_fill(_on(slots, track, mixed_rung), track=track, mixed_rung=mixed_rung) for track in tracks
        }
        limit = min(fills.values())
        tied = [track for track in tracks if fills[track] == limit]
    if len(tied) == 1:
        return tied[0], limit
    return _widest(slots, tied, limit, mixed_rung), limit


def _widest(slots: Slots, tracks: list[int], limit: Fill, mixed_rung: int) -> int:
    """Choose between tracks that fill the slots alike: the largest smallest coverage, then the least cost."""
    alike = [[unit._replace(points=ALL_POINTS) for unit in units] for units in slots]
    at_most = {track: _reach(slots, track) if limit == _perfect(slots) else _UNBOUND for track in tracks}
    best_value, chosen = (1, 0), tracks[0]
    for track in sorted(tracks, key=lambda track: (-at_most[track], track)):
        if -at_most[track] > best_value[0]:
            break
        states = combine([State()], _on(alike, track, mixed_rung), track=track, mixed_rung=mixed_rung, limit=limit)
        state = best(states, limit, lambda state: (-state.least, state.cost))
        value = (-state.least, state.cost)
        if (value, track) < (best_value, chosen) or best_value == (1, 0):
            best_value, chosen = value, track
    return chosen


def _reach(slots: Slots, track: int) -> int:
    """Bound the points that a track's smallest scene can cover when all slots are filled."""
    return min(max((unit.size for unit in units if unit.track == track), default=0) for units in slots)


def _perfect(slots: Slots) -> Fill:
    return Fill(-len(slots), 0, 0, 0)


def _on(slots: Slots, track: int, mixed_rung: int) -> Slots:
    if mixed_rung:
        return slots
    return [[unit for unit in units if unit.track == track] for units in slots]


class _Result:
    """What was decided so far, row by row."""

    def __init__(self, candidates: pa.Table, slots: Indices, facts: Facts) -> None:
        self._candidates = candidates
        self._slots = slots
        self._facts = facts
        self._verdicts: list[str] = facts.verdicts.tolist()
        self._rank = [_UNRANKED] * len(slots)
        self._mixed = np.zeros(len(slots), dtype=bool)

    def choose_dem(self, rows: list[int]) -> None:
        overlaps, ids = self._candidates["overlap_frac"].to_numpy(), self._candidates["item_id"]
        order = sorted(rows, key=lambda row: (-overlaps[row], ids[row].as_py()))
        for rank, row in enumerate(order, 1):
            self._rank[row], self._verdicts[row] = rank, SELECTED

    def choose(self, scenes: Sequence[Scene], units: list[Unit], unit: Unit | None, *, track: int) -> None:
        """Note a slot's choice, and why each other scene was left out."""
        rank = 0
        for rank, scene in enumerate(cover(unit.scenes) if unit else (), 1):
            self._rank[scene.row], self._verdicts[scene.row] = rank, SELECTED
            self._mixed[scene.row] = unit is not None and unit.track != track
        large = {(other.pass_id, other.track) for other in units}
        for scene in scenes:
            if self._verdicts[scene.row] == ELIGIBLE:
                wide = (scene.pass_id, scene.track) in large
                self._verdicts[scene.row] = _reason(scene, unit, track) if wide else TOO_LITTLE
        for row in _others(units, unit):
            if self._rank[row] == _UNRANKED and self._verdicts[row] == ELIGIBLE:
                rank += 1
                self._rank[row] = rank

    def table(self, recipe: Recipe) -> pa.Table:
        rank = np.array(self._rank)
        selected = np.array(self._verdicts, dtype=object) == SELECTED
        ids = self._candidates["item_id"]
        newer = self._facts.superseded_by
        id_ranks = np.asarray(pc.rank(ids, sort_keys="ascending", tiebreaker="dense"))
        results = {
            "rank": pa.array(rank, pa.int32(), mask=rank == _UNRANKED),
            "selected": pa.array(selected),
            "verdict": pa.array(self._verdicts, pa.string()),
            "relaxed": _relaxed(self._candidates, selected, self._mixed, recipe),
            "superseded_by": ids.take(pa.array(newer, mask=newer < 0)),
        }
        columns = [results.get(name, self._candidates[name]) for name in CANDIDATES.names]
        order = np.lexsort([id_ranks, rank, self._slots])
        return pa.table(columns, schema=CANDIDATES).take(pa.array(order))


def _reason(scene: Scene, unit: Unit | None, track: int) -> str:
    if unit is not None and scene.pass_id == unit.pass_id and scene.track == unit.track:
        return REDUNDANT
    if scene.track != track:
        return OTHER_TRACK
    return OUT_OF_ORDER if unit is None else ELIGIBLE


def _others(units: list[Unit], unit: Unit | None) -> list[int]:
    """List the scenes of the passes that were not chosen: what covers most first, then the least cost."""
    order = sorted(units, key=lambda other: (other.level, -other.size, other.cost, other.key))
    return [
        scene.row for other in order if other is not unit for scene in sorted(other.scenes, key=_by_size, reverse=True)
    ]


def _relaxed(candidates: pa.Table, selected: NDArray[np.bool_], mixed: NDArray[np.bool_], recipe: Recipe) -> pa.Array:
    """List the steps of the ladder that each chosen scene needed; null for the others."""
    steps: list[list[str] | None] = [[] if chosen else None for chosen in selected.tolist()]
    sensors = np.array(candidates["sensor"].to_pylist(), dtype=object)
    for sensor in recipe.sensors:
        rows = np.flatnonzero(selected & (sensors == sensor))
        ladder = recipe.ladder(sensor)
        if not ladder or len(rows) == 0:
            continue
        measures = candidates.select(["datetime", "day_offset", "cloud_cover"]).take(pa.array(rows))
        needed = [levels.tolist() for levels in rule_levels(measures, recipe, sensor).values()]
        for place, row in enumerate(rows.tolist()):
            levels = {level[place] for level in needed}
            if levels == {0} and not mixed[row]:
                continue
            steps[row] = [
                str(step)
                for number, step in enumerate(ladder, 1)
                if number in levels or (step.mixed_track and mixed[row])
            ]
    return pa.array(steps, CANDIDATES.field("relaxed").type)
