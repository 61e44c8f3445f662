"""What there is to say of an event's choices, whatever policy made them: coverage, geometry, and warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import shapely

from floodscan.geometry.areas import area_fracs, intersect, union
from floodscan.geometry.pixel_grid import forecast_pixels, plan_grid
from floodscan.geometry.rasters import covered_areas
from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.selection.attributes import wrong_side
from floodscan.selection.columns import NO_INSTANT, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.pixel_grid import PixelForecast
    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target

    Json = dict[str, Any]
    SlotKey = tuple[str | None, str]

WRONG_SIDE = "wrong_side_of_onset"
NO_TIME = "no_time"
REUSED_SCENE = "reused_scene"
REUSED_PASS = "reused_pass"  # noqa: S105 - of a satellite
OUT_OF_ORDER = "out_of_order"
MIXED_TRACKS = "mixed_tracks"
LOW_COVERAGE = "low_coverage"
LOW_JOINT_COVERAGE = "low_joint_coverage"

_SAME_FRAME = 0.95


@dataclass(frozen=True, slots=True)
class ChoiceWarning:
    """A warning: a choice that a flood mapper would want to know of before using it.

    Attributes:
        code: Kind of warning.
        target_id: ``aoi``, or a tile.
        phase: None where several phases are concerned.
        sensor: None where several sensors are.
        text: What was found.
    """

    code: str
    target_id: str
    phase: str | None
    sensor: str | None
    text: str

    def to_dict(self) -> Json:
        """Spell it out in JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        """Name the kind and the place."""
        return " ".join(
            [self.code, "/".join(filter(None, (self.target_id, self.phase, self.sensor)))]
        )


@dataclass(frozen=True, slots=True)
class Mosaic:
    """What fills a slot.

    Attributes:
        coverage_frac: Part of the target that its scenes cover, in equal-area terms.
        shares: Part of the target that each scene adds to those before it, by item id.
    """

    coverage_frac: float
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Assessment:
    """All there is to say of an event's choices.

    Attributes:
        mosaics: What fills each slot, by target, phase and sensor.
        joint_frac: Part of each target that all its chosen slots cover together; None where none is
            filled.
        forecast: Pixels and chips of the event's grid that this makes; None where there is no such
            grid.
        grades: SAR geometry of each target: grade and reason; None with less than two scenes.
        warnings: The warnings.
    """

    mosaics: Mapping[tuple[str, str | None, str], Mosaic]
    joint_frac: Mapping[str, float | None]
    forecast: PixelForecast | None
    grades: Mapping[str, tuple[str, str | None] | None]
    warnings: tuple[ChoiceWarning, ...]


def assess(
    plans: Sequence[EventPlan], candidates: pa.Table, recipe: Recipe
) -> dict[str, Assessment]:
    """Measure and check the choices of several events.

    Args:
        plans: The events and their targets.
        candidates: Ranked CANDIDATES of these events.
        recipe: The rules.

    Returns:
        What there is to say, by event id.
    """
    chosen = _Chosen(plans, candidates.filter(candidates["selected"]), recipe)
    return {plan.event.event_id: _assess_event(chosen, plan, recipe) for plan in plans}


def _assess_event(chosen: _Chosen, plan: EventPlan, recipe: Recipe) -> Assessment:
    mosaics: dict[tuple[str, str | None, str], Mosaic] = {}
    joint_frac: dict[str, float | None] = {}
    grades = {}
    warnings: list[ChoiceWarning] = []
    whole: BaseGeometry | None = None
    for target in plan.targets:
        slots = chosen.slots(plan, target)
        own, joint, frac = _measure(chosen, slots, target)
        mosaics |= {(target.target_id, *slot): mosaic for slot, mosaic in own.items()}
        joint_frac[target.target_id] = frac
        grades[target.target_id] = _grade(chosen, slots)
        warnings += _check_target(chosen, plan, target, slots)
        warnings += _check_coverage(target, own, frac, recipe)
        whole = joint if target.target_id == AOI else whole
    grid = plan_grid(plan.event.bbox, plan.event.target_crs)
    forecast = None if grid is None else forecast_pixels(grid, whole)
    return Assessment(mosaics, joint_frac, forecast, grades, tuple(warnings))


class _Chosen:
    """The chosen rows of some events, with what each covers."""

    def __init__(self, plans: Sequence[EventPlan], rows: pa.Table, recipe: Recipe) -> None:
        self.ids = rows["item_id"].to_pylist()
        self._ground = covered_areas(rows)
        self._unions: dict[tuple[int, ...], BaseGeometry] = {}
        self.passes = rows["pass_id"].to_pylist()
        self.times = microseconds(rows["datetime"]).tolist()
        self.wrong = wrong_side(
            rows, {plan.event.event_id: plan.event.onset for plan in plans}, recipe
        ).tolist()
        self.tracks = rows["track_id"].to_pylist()
        self._slots = _rows_by_slot(rows)

    def slots(self, plan: EventPlan, target: Target) -> dict[SlotKey, list[int]]:
        """List the rows of each filled slot of a target, in order."""
        return self._slots.get((plan.event.event_id, target.target_id), {})

    def ground(self, rows: Sequence[int]) -> BaseGeometry:
        """Join what some rows cover; what is of the same scenes is one object."""
        key = tuple(id(self._ground[row]) for row in rows)
        if key not in self._unions:
            self._unions[key] = union(self._ground[rows])
        return self._unions[key]


def _rows_by_slot(rows: pa.Table) -> dict[tuple[str, str], dict[SlotKey, list[int]]]:
    found: dict[tuple[str, str], dict[SlotKey, list[int]]] = {}
    names = ("event_id", "target_id", "phase", "sensor")
    keys = zip(*(rows[name].to_pylist() for name in names), strict=True)
    for row, (event_id, target_id, phase, sensor) in enumerate(keys):
        found.setdefault((event_id, target_id), {}).setdefault((phase, sensor), []).append(row)
    return found


def _measure(
    chosen: _Chosen, slots: Mapping[SlotKey, list[int]], target: Target
) -> tuple[dict[SlotKey, Mosaic], BaseGeometry | None, float | None]:
    """Measure what fills each slot of a target, and what all that covers together: the ground, and its share."""
    grown = {
        slot: [chosen.ground(rows[:n]) for n in range(1, len(rows) + 1)]
        for slot, rows in slots.items()
    }
    joint = intersect({id(ground): ground for *_, ground in grown.values()}.values())
    if joint is None:
        return {}, None, None
    areas = {id(area): area for area in [*chain.from_iterable(grown.values()), joint]}
    fracs = dict(zip(areas, area_fracs(list(areas.values()), target.area), strict=True))
    mosaics = {
        slot: _mosaic([chosen.ids[row] for row in rows], [fracs[id(area)] for area in grown[slot]])
        for slot, rows in slots.items()
    }
    return mosaics, joint, fracs[id(joint)]


def _mosaic(ids: Sequence[str], covered: Sequence[float]) -> Mosaic:
    """Tell what each scene adds to those before it."""
    added = [round(max(now - before, 0.0), 12) for before, now in pairwise([0.0, *covered])]
    return Mosaic(covered[-1], dict(zip(ids, added, strict=True)))


def _grade(chosen: _Chosen, slots: Mapping[SlotKey, list[int]]) -> tuple[str, str | None] | None:
    """Grade the SAR geometry: A one track and frame, B one track, C several.

    With the reason for less than A.
    """
    radar = {phase: rows for (phase, sensor), rows in slots.items() if sensor == Sensor.S1RTC}
    if len(radar) <= 1:
        return None
    by_track = _phases_by_track(chosen, radar)
    if len(by_track) > 1:
        return "C", "several tracks: " + "; ".join(
            f"{', '.join(p)} on {t}" for t, p in by_track.items()
        )
    frames = {phase: chosen.ground(rows) for phase, rows in radar.items()}
    first, *others = frames
    for phase in others:
        shared = _shared(frames[first], frames[phase])
        if shared < _SAME_FRAME:
            return (
                "B",
                f"one track, other frames: {phase} shares {shared:.0%} of its ground with {first}",
            )
    return "A", None


def _phases_by_track(chosen: _Chosen, radar: Mapping[Any, list[int]]) -> dict[str, list[str]]:
    by_track: dict[str, list[str]] = {}
    for phase, rows in radar.items():
        by_track.setdefault(chosen.tracks[rows[0]], []).append(str(phase))
    return by_track


def _shared(one: BaseGeometry, other: BaseGeometry) -> float:
    if one is other:
        return 1.0
    joined = shapely.union(one, other).area
    return float(shapely.intersection(one, other).area / joined) if joined else 1.0


def _check_target(
    chosen: _Chosen, plan: EventPlan, target: Target, slots: Mapping[SlotKey, list[int]]
) -> Iterable[ChoiceWarning]:
    for sensor in dict.fromkeys(sensor for phase, sensor in slots if phase is not None):
        own = {phase: slots[phase, sensor] for phase in Phase if (phase, sensor) in slots}
        for phase, rows in own.items():
            if wrong := [row for row in rows if chosen.wrong[row]]:
                side = "not before" if phase in {Phase.PRE_MONTH, Phase.PRE_EVENT} else "before"
                text = (
                    f"{chosen.ids[wrong[0]]} is {side} the onset {plan.event.onset:%Y-%m-%dT%H:%MZ}"
                )
                yield ChoiceWarning(WRONG_SIDE, target.target_id, phase, sensor, text)
            if timeless := [row for row in rows if chosen.times[row] == NO_INSTANT]:
                text = f"{chosen.ids[timeless[0]]} tells no time, so nobody knows its side of the onset"
                yield ChoiceWarning(NO_TIME, target.target_id, phase, sensor, text)
        yield from _check_reuse(chosen, target, sensor, own)
        if sensor == Sensor.S1RTC and len(tracks := _phases_by_track(chosen, own)) > 1:
            text = "a change between phases is partly geometry: " + "; ".join(
                f"{', '.join(p)} on {t}" for t, p in tracks.items()
            )
            yield ChoiceWarning(MIXED_TRACKS, target.target_id, None, sensor, text)


def _check_reuse(
    chosen: _Chosen, target: Target, sensor: str, slots: Mapping[Phase, list[int]]
) -> Iterable[ChoiceWarning]:
    """Find phases that hold what an earlier one holds, or what is not later than that."""
    phases = list(slots)
    for number, phase in enumerate(phases):
        for earlier in phases[:number]:
            if kind := _clash(chosen, slots[earlier], slots[phase]):
                text = f"{chosen.ids[slots[phase][0]]}: {_CLASHES[kind]} {earlier}"
                yield ChoiceWarning(kind, target.target_id, phase, sensor, text)
                break


_CLASHES = {
    REUSED_SCENE: "the scene is in this phase and in",
    REUSED_PASS: "the pass is in this phase and in",
    OUT_OF_ORDER: "is not later than the scene of",
}


def _clash(chosen: _Chosen, earlier: Sequence[int], later: Sequence[int]) -> str | None:
    if {chosen.ids[row] for row in earlier} & {chosen.ids[row] for row in later}:
        return REUSED_SCENE
    if {chosen.passes[row] for row in earlier} & {chosen.passes[row] for row in later}:
        return REUSED_PASS
    times = [
        [chosen.times[row] for row in rows if chosen.times[row] != NO_INSTANT]
        for rows in (earlier, later)
    ]
    return OUT_OF_ORDER if all(times) and min(times[1]) <= max(times[0]) else None


def _check_coverage(
    target: Target, mosaics: Mapping[SlotKey, Mosaic], joint_frac: float | None, recipe: Recipe
) -> Iterable[ChoiceWarning]:
    limit = recipe.warn_coverage_below
    for (phase, sensor), mosaic in mosaics.items():
        if mosaic.coverage_frac < limit:
            text = f"covers {mosaic.coverage_frac:.1%} of the target, less than {limit:.0%}"
            yield ChoiceWarning(LOW_COVERAGE, target.target_id, phase, sensor, text)
    if joint_frac is not None and joint_frac < limit:
        text = f"all chosen scenes together cover {joint_frac:.1%} of the target, less than {limit:.0%}"
        yield ChoiceWarning(LOW_JOINT_COVERAGE, target.target_id, None, None, text)
