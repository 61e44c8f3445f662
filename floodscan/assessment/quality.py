"""Measures of an event's choices, whatever policy made them: coverage, SAR geometry, warnings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from floodscan.assessment.clear_ground import describe_clear_ground, measure_clear_ground
from floodscan.assessment.flag_warnings import compare_phases, describe_flags
from floodscan.assessment.forecasts import Grounds, forecast_events
from floodscan.assessment.grades import grade_tracks, list_tracks, phases_by_track
from floodscan.assessment.labels import WarningCode
from floodscan.assessment.time_warnings import check_order, check_times
from floodscan.geometry.areas import joint_fracs, union
from floodscan.geometry.rasters import covered_areas
from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.schemas import SLOT
from floodscan.selection.attributes import wrong_side
from floodscan.selection.columns import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.clear_ground import ClearGround
    from floodscan.assessment.forecasts import EventForecast
    from floodscan.geometry.footprints import Geometries
    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target

    Json = dict[str, Any]
    SlotKey = tuple[str | None, str]
    Outlines = tuple[int, ...]

_LONG_COLUMNS = ["assets", "proj_shapes"]  # nothing is measured by them


@dataclass(frozen=True, slots=True)
class ChoiceWarning:
    """Something to know about a choice before it is used.

    Attributes:
        code: Kind of warning.
        target_id: ``aoi``, or a tile.
        phase: None for several phases.
        sensor: None for several sensors.
        text: What was found.
    """

    code: WarningCode
    target_id: str
    phase: str | None
    sensor: str | None
    text: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ChoiceWarning:
        """Read an entry of the column ``choice_warnings``."""
        return cls(**{**row, "code": WarningCode(row["code"])})

    def to_dict(self) -> Json:
        """Return it in JSON types."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        """Name the code and the place."""
        place = "/".join(filter(None, (self.target_id, self.phase, self.sensor)))
        return f"{self.code} {place}"


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The scenes that fill a slot.

    Attributes:
        coverage_frac: Share of the target that they cover, in equal-area terms.
        shares: Share of the target that each scene adds to the scenes before it, by item id.
    """

    coverage_frac: float
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Measures and warnings of an event's choices.

    Attributes:
        mosaics: The scenes of each filled slot, by target, phase and sensor.
        joint_frac: Share of each target that the scenes of all filled slots have in common; None
            for a target without a filled slot.
        clear: Clear ground of each target with a filled slot; none where it does not count.
        missing: The empty slots of each target, by phase and sensor.
        forecast: Valid pixels and chips of the event's grid.
        grades: SAR geometry of each target: grade and reason; None for less than two SAR phases.
        warnings: The warnings.
    """

    mosaics: Mapping[tuple[str, str | None, str], Mosaic]
    joint_frac: Mapping[str, float | None]
    clear: Mapping[str, ClearGround]
    missing: Mapping[str, tuple[SlotKey, ...]]
    forecast: EventForecast
    grades: Mapping[str, tuple[str, str | None] | None]
    warnings: tuple[ChoiceWarning, ...]

    def complete_joint_frac(self, target_id: str) -> float | None:
        """Return the joint share of a target whose slots are all filled; None for others."""
        return None if self.missing[target_id] else self.joint_frac[target_id]

    def joint_clear_frac(self, target_id: str) -> float | None:
        """Return the share of a target that all its slots show clear; None if it is not known."""
        clear = self.clear.get(target_id)
        return clear.joint_frac if clear and not self.missing[target_id] else None

    def describe_grade(self, target_id: str) -> tuple[str | None, str | None]:
        """Return grade and reason of a target; without all SAR phases, there is only a reason."""
        grade, reason = self.grades[target_id] or (None, None)
        empty = [phase for phase, sensor in self.missing[target_id] if sensor == Sensor.S1RTC]
        if grade is None or not empty:
            return grade, reason
        rest = f"the other phases alone: {grade}" + (f", {reason}" if reason else "")
        return None, f"{' and '.join(map(str, empty))} is empty; {rest}"


def assess(
    plans: Sequence[EventPlan], candidates: pa.Table, recipe: Recipe
) -> dict[str, Assessment]:
    """Measure and check the choices of several events.

    Args:
        plans: The events and their targets.
        candidates: Ranked CANDIDATES of these events.
        recipe: The rules.

    Returns:
        The assessments by event id.
    """
    rows = candidates.drop_columns(_LONG_COLUMNS).filter(candidates["selected"])
    chosen, clear = Chosen(plans, rows, recipe), measure_clear_ground(plans, rows, recipe)
    of_event = [clear.get(plan.event.event_id, {}) for plan in plans]
    forecasts = forecast_events(
        plans,
        [_draw_grounds(chosen, chosen.slots(plan, plan.targets[0])) for plan in plans],
        [shown.get(AOI) for shown in of_event],
    )
    return {
        plan.event.event_id: _assess_event(chosen, shown, forecast, plan, recipe)
        for plan, shown, forecast in zip(plans, of_event, forecasts, strict=True)
    }


def _assess_event(
    chosen: Chosen,
    clear: Mapping[str, ClearGround],
    forecast: EventForecast,
    plan: EventPlan,
    recipe: Recipe,
) -> Assessment:
    mosaics: dict[tuple[str, str | None, str], Mosaic] = {}
    joint_frac: dict[str, float | None] = {}
    grades = {}
    missing: dict[str, tuple[SlotKey, ...]] = {}
    warnings: list[ChoiceWarning] = []
    for target in plan.targets:
        slots = chosen.slots(plan, target)
        own, frac = _measure(chosen, slots, target)
        mosaics |= {(target.target_id, *slot): mosaic for slot, mosaic in own.items()}
        joint_frac[target.target_id] = frac
        missing[target.target_id] = _find_missing(plan, target, slots)
        grades[target.target_id] = grade_tracks(chosen, slots, target)
        warnings += _check_target(chosen, plan, target, slots)
        warnings += _check_coverage(target, own, frac, recipe)
        if shown := clear.get(target.target_id):
            found = describe_clear_ground(shown, recipe.warn_coverage_below)
            warnings += [
                ChoiceWarning(code, target.target_id, *slot, text) for slot, code, text in found
            ]
    if plan.decision is not None and not plan.decision.kept:
        text = f"the rules don't admit the decision for {plan.decision}; they chose by themselves"
        warnings.append(ChoiceWarning(WarningCode.DECISION_NOT_KEPT, AOI, None, None, text))
    return Assessment(mosaics, joint_frac, clear, missing, forecast, grades, tuple(warnings))


def _find_missing(
    plan: EventPlan, target: Target, slots: Mapping[SlotKey, list[int]]
) -> tuple[SlotKey, ...]:
    """List the slots of a target that no scene fills."""
    return tuple(slot.key for slot in plan.slots if slot.target is target and slot.key not in slots)


def _draw_grounds(chosen: Chosen, slots: Mapping[SlotKey, list[int]]) -> dict[SlotKey, Grounds]:
    return {
        (phase, sensor): Grounds(
            mosaic=chosen.ground(chosen.outlines(rows)),
            single_scene=chosen.ground(chosen.outlines(rows if phase is None else rows[:1])),
        )
        for (phase, sensor), rows in slots.items()
    }


class Chosen:
    """The chosen candidates of some events, row by row.

    Scenes of one satellite track have the same outline in every phase, and often in the next
    event. Outlines are therefore numbered, and each set of outlines is joined only once.

    Attributes:
        ids: Item ids.
        passes: Pass ids.
        times: Microseconds since 1970, or ``NO_INSTANT``.
        wrong: Whether a scene is on the wrong side of the onset.
        tracks: Track ids of SAR scenes.
        flags: Words of ``selection.flags``.
        baselines: Processing baselines of Sentinel-2 scenes.
    """

    def __init__(self, plans: Sequence[EventPlan], rows: pa.Table, recipe: Recipe) -> None:
        events = {plan.event.event_id: plan.event for plan in plans}
        self._recipe = recipe
        self.ids = rows["item_id"].to_pylist()
        self.passes = rows["pass_id"].to_pylist()
        self.times = microseconds(rows["datetime"]).tolist()
        self.wrong = wrong_side(rows, events, recipe).tolist()
        self.tracks = rows["track_id"].to_pylist()
        self.flags = rows["flags"].to_pylist()
        self.baselines = rows["processing_baseline"].to_pylist()
        self._slots = _rows_by_slot(rows)
        self._outlines, self._ground = _number_outlines(rows)
        self._joined: dict[Outlines, BaseGeometry] = {}

    def onset_of(self, plan: EventPlan) -> datetime:
        """Return the moment from which a pass counts as after the onset."""
        return self._recipe.onset_of(plan.event)

    def slots(self, plan: EventPlan, target: Target) -> dict[SlotKey, list[int]]:
        """Return the rows of each filled slot of a target, in order."""
        return self._slots.get((plan.event.event_id, target.target_id), {})

    def outlines(self, rows: Sequence[int]) -> Outlines:
        """Return the number of each row's outline."""
        return tuple(self._outlines[row] for row in rows)

    def ground(self, outlines: Outlines) -> BaseGeometry:
        """Return the ground inside some outlines."""
        if outlines not in self._joined:
            self._joined[outlines] = union(self._ground[list(outlines)])
        return self._joined[outlines]


def _rows_by_slot(rows: pa.Table) -> dict[tuple[str, str], dict[SlotKey, list[int]]]:
    found: dict[tuple[str, str], dict[SlotKey, list[int]]] = {}
    keys = zip(*(rows[name].to_pylist() for name in SLOT), strict=True)
    for row, (event_id, target_id, phase, sensor) in enumerate(keys):
        found.setdefault((event_id, target_id), {}).setdefault((phase, sensor), []).append(row)
    return found


def _number_outlines(rows: pa.Table) -> tuple[list[int], Geometries]:
    """Number the distinct outlines of scenes.

    Returns:
        The number of each row's outline, and the ground inside each outline.
    """
    names = ("geometry", "mgrs_tile", "proj_epsg", "proj_bbox")
    numbers: dict[tuple[object, ...], int] = {}
    outlines = []
    for footprint, tile, epsg, edges in zip(*(rows[n].to_pylist() for n in names), strict=True):
        raster = (tile, epsg, edges and tuple(edges)) if tile else ()  # only tiles are drawn by it
        outlines.append(numbers.setdefault((footprint, *raster), len(numbers)))
    _, firsts = np.unique(np.array(outlines, dtype=int), return_index=True)
    return outlines, covered_areas(rows.select(names).take(firsts))


def _measure(
    chosen: Chosen, slots: Mapping[SlotKey, list[int]], target: Target
) -> tuple[dict[SlotKey, Mosaic], float | None]:
    """Measure the coverage of a target.

    A slot's first scene, its first two scenes, and so on, each cover a growing share of it.

    Returns:
        Each slot's mosaic, and the share of the target that all slots have in common.
    """
    growing = {
        slot: [chosen.outlines(rows[: n + 1]) for n in range(len(rows))]
        for slot, rows in slots.items()
    }
    if not growing:
        return {}, None
    whole = dict.fromkeys(steps[-1] for steps in growing.values())
    distinct = list(dict.fromkeys([*whole, *chain.from_iterable(growing.values())]))
    grounds = list(map(chosen.ground, distinct))
    fracs, joint_frac = joint_fracs(grounds, range(len(whole)), target.area)
    frac_of = dict(zip(distinct, fracs, strict=True))
    mosaics = {
        slot: _mosaic([chosen.ids[row] for row in rows], [frac_of[step] for step in growing[slot]])
        for slot, rows in slots.items()
    }
    return mosaics, joint_frac


def _mosaic(ids: Sequence[str], covered: Sequence[float]) -> Mosaic:
    """Compute the share that each scene adds to the scenes before it."""
    added = [round(max(now - before, 0.0), 12) for before, now in pairwise([0.0, *covered])]
    return Mosaic(covered[-1], dict(zip(ids, added, strict=True)))


def _check_target(
    chosen: Chosen, plan: EventPlan, target: Target, slots: Mapping[SlotKey, list[int]]
) -> Iterator[ChoiceWarning]:
    for sensor in dict.fromkeys(sensor for phase, sensor in slots if phase is not None):
        own = {phase: slots[phase, sensor] for phase in Phase if (phase, sensor) in slots}
        for phase, rows in own.items():
            for code, text in check_times(chosen, plan, phase, rows):
                yield ChoiceWarning(code, target.target_id, phase, sensor, text)
            scenes = [(chosen.ids[row], chosen.flags[row]) for row in rows]
            for code, text in describe_flags(scenes):
                yield ChoiceWarning(code, target.target_id, phase, sensor, text)
        firsts = {str(phase): rows[0] for phase, rows in own.items()}
        flags = {phase: chosen.flags[row] for phase, row in firsts.items()}
        baselines = {phase: chosen.baselines[row] for phase, row in firsts.items()}
        for code, text in compare_phases(sensor, flags, baselines):
            yield ChoiceWarning(code, target.target_id, None, sensor, text)
        for phase, code, text in check_order(chosen, own):
            yield ChoiceWarning(code, target.target_id, phase, sensor, text)
        if sensor == Sensor.S1RTC and len(tracks := phases_by_track(chosen, own)) > 1:
            text = f"a change between phases is partly geometry: {list_tracks(tracks)}"
            yield ChoiceWarning(WarningCode.MIXED_TRACKS, target.target_id, None, sensor, text)


def _check_coverage(
    target: Target, mosaics: Mapping[SlotKey, Mosaic], joint_frac: float | None, recipe: Recipe
) -> Iterable[ChoiceWarning]:
    limit = recipe.warn_coverage_below
    for (phase, sensor), mosaic in mosaics.items():
        if mosaic.coverage_frac < limit:
            text = f"covers {mosaic.coverage_frac:.1%} of the target, less than {limit:.0%}"
            yield ChoiceWarning(WarningCode.LOW_COVERAGE, target.target_id, phase, sensor, text)
    if joint_frac is not None and joint_frac < limit:
        share = f"{joint_frac:.1%} of the target, less than {limit:.0%}"
        text = f"all chosen scenes together cover {share}"
        yield ChoiceWarning(WarningCode.LOW_JOINT_COVERAGE, target.target_id, None, None, text)
