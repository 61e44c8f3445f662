"""Alternatives to the pass of ``event``, and what the whole set would be with each of them.

The alternatives of a sensor are its first three passes after the onset that cover at least half of
the target. With another pass of ``event`` the sensor's other slots are chosen anew, by the same
objective, on the track of that pass alone. The choices of the other sensors stay.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floodscan.model import PHASES, Phase, Sensor
from floodscan.selection.fill_scores import (
    PERFECT,
    Tracks,
    best_fill_score,
    fills_perfectly,
)
from floodscan.selection.joint import State, best, combine
from floodscan.selection.sample_points import ALL_POINTS, N_POINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from floodscan.model import Recipe
    from floodscan.selection.fill_scores import FillScore
    from floodscan.selection.joint import Slots
    from floodscan.selection.mosaics import PassOption
    from floodscan.selection.target_options import TargetOptions

    Json = dict[str, Any]
    Alternatives = dict[Sensor, list[Json]]
    Combination = tuple[PassOption | None, ...]

MOST_ALTERNATIVES = 3
LEAST_SHARE = 0.5
"""Share of the target that an alternative covers."""

_EVENT = PHASES.index(Phase.EVENT)


def find_alternatives(
    options: TargetOptions,
    chosen: Mapping[Sensor, Combination],
    recipe: Recipe,
    value: Callable[[State], tuple[object, ...]],
) -> Alternatives:
    """Find the alternatives of each sensor.

    Args:
        options: What the slots of a target can choose from.
        chosen: The choice of each sensor, by phase.
        recipe: The rules.
        value: Values a combination by the points 3 to 6 of the objective; smaller is better.

    Returns:
        Of each sensor the alternatives in the order of time: ``row`` of the first scene, ``items``,
        ``coverage_frac``, ``chosen``, and ``set``: ``filled`` slots, ``empty`` phases, the
        ``last_step`` of the ladder that it needs, and ``joint_frac``, the share of the target that
        all passes and the DEM cover together.
    """
    found: Alternatives = {}
    for sensor, combination in chosen.items():
        others = [own for other, own in chosen.items() if other is not sensor]
        base = options.dem_points & reduce(and_, map(_joint, others), ALL_POINTS)
        during = combination[_EVENT]
        found[sensor] = []
        for option in _first_passes(options, sensor):
            is_chosen = during is not None and during.pass_id == option.pass_id
            own = combination if is_chosen else _complete(options, sensor, option, base, value)
            entry = {**_describe_pass(option), "chosen": is_chosen}
            found[sensor].append({**entry, "set": _describe_set(own, base, recipe, sensor)})
    return found


def _joint(combination: Combination) -> int:
    joint = ALL_POINTS
    for option in combination:
        joint &= option.points if option else ALL_POINTS
    return joint


def _first_passes(options: TargetOptions, sensor: Sensor) -> list[PassOption]:
    """List the first passes after the onset that cover enough, each at its lowest level."""
    found = _wide_passes(options.options[sensor][_EVENT])
    if len(found) < MOST_ALTERNATIVES:
        found = _wide_passes(options.all_options[sensor][_EVENT])
    return found[:MOST_ALTERNATIVES]


def _wide_passes(options: Sequence[PassOption]) -> list[PassOption]:
    lowest: dict[tuple[int, int], PassOption] = {}
    for option in sorted(options, key=lambda option: option.level):
        if option.size >= LEAST_SHARE * N_POINTS:
            lowest.setdefault((option.pass_id, option.track), option)
    return sorted(lowest.values(), key=lambda option: (option.start, option.key))


def _complete(
    options: TargetOptions,
    sensor: Sensor,
    event: PassOption,
    base: int,
    value: Callable[[State], tuple[object, ...]],
) -> Combination:
    """Choose the sensor's slots with a pass of ``event``, on the track of that pass alone."""
    tracks = Tracks(main=event.track, lead=_EVENT)
    some, every = options.options[sensor], options.all_options[sensor]
    slots = _with_event(some, event)
    fill = _fill_score(slots, tracks)
    if fill.empty and some is not every:
        slots = _with_event(every, event)
        fill = _fill_score(slots, tracks)
    states = combine([State(joint=base)], slots, tracks, limit=fill)
    return best(states, fill, value).options


def _fill_score(slots: Slots, tracks: Tracks) -> FillScore:
    is_perfect = fills_perfectly(slots, track=tracks.main)
    return PERFECT if is_perfect else best_fill_score(slots, tracks)


def _with_event(slots: Slots, event: PassOption) -> list[list[PassOption]]:
    on_track = [[option for option in found if option.track == event.track] for found in slots]
    on_track[_EVENT] = [event]
    return on_track


def _describe_pass(event: PassOption) -> Json:
    return {
        "row": min(event.scenes, key=lambda scene: scene.start).row,
        "items": list(event.key),
        "coverage_frac": round(event.size / N_POINTS, 4),
    }


def _describe_set(combination: Combination, base: int, recipe: Recipe, sensor: Sensor) -> Json:
    taken = [option for option in combination if option is not None]
    ladder, mixed = recipe.rules[sensor].ladder, recipe.rules[sensor].mixed_track_level or 0
    is_mixed = len({option.track for option in taken}) > 1
    level = max([option.level for option in taken] + [mixed * is_mixed])
    return {
        "filled": len(taken),
        "empty": [
            str(phase) for phase, option in zip(PHASES, combination, strict=True) if not option
        ],
        "last_step": str(ladder[level - 1]) if level else None,
        "joint_frac": round((base & _joint(combination)).bit_count() / N_POINTS, 4),
    }


_FACTS = ("pass_id", "track_id", "datetime", "hours_from_onset", "hours_from_peak")


def describe_alternatives(
    found: Mapping[str, Alternatives], candidates: pa.Table
) -> dict[str, Alternatives]:
    """Replace the row of each alternative by the facts of its first scene.

    Args:
        found: The alternatives by event id.
        candidates: The table of the rows.
    """
    rows = [entry["row"] for own in found.values() for entries in own.values() for entry in entries]
    firsts = candidates.select(_FACTS).take(pa.array(rows, pa.int64())).to_pylist()
    facts = iter(firsts)

    def describe(entry: Json) -> Json:
        return {**next(facts), **{name: fact for name, fact in entry.items() if name != "row"}}

    return {
        event_id: {sensor: [*map(describe, entries)] for sensor, entries in own.items()}
        for event_id, own in found.items()
    }
