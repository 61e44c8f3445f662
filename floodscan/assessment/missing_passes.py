"""Passes of Sentinel-1 that the collection of empty slots lacks.

A satellite flies each track again after exactly twelve days. Where the collection has its pass of
the cycle before or after, and none at the time itself, no picture was taken, or its product is
missing. Sentinel-1 GRD, of which terrain-corrected scenes are made, shows which. Where the recipe
asks for it, the missing passes are known, and none is guessed.

Source: https://sentiwiki.copernicus.eu/web/s1-mission
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow.compute as pc

from floodscan.assessment.acquired_passes import is_on_side, name_pass
from floodscan.assessment.labels import Reason
from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from floodscan.assessment.acquired_passes import SlotCheck
    from floodscan.assessment.outcomes import EmptySlot
    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan, Slot

CYCLE: Final = timedelta(days=12)
_ONE_PASS: Final = timedelta(minutes=10)  # over one area; the next pass of a track is days away
_FACTS: Final = ["target_id", "datetime", "platform", "relative_orbit"]
PASS_COLUMNS: Final = ["event_id", *_FACTS, "sensor", "overlap_frac"]
"""Columns of CANDIDATES that tell which passes there are."""

_ANSWERED: Final = frozenset({Reason.NO_CANDIDATES, Reason.ALL_REJECTED})
_MOST_NAMED: Final = 2


class Pass(NamedTuple):
    """A pass of a satellite over a target."""

    time: datetime
    platform: str
    track: int


def name_missing_passes(
    empty_slots: Sequence[EmptySlot],
    plan: EventPlan,
    candidates: pa.Table,
    recipe: Recipe,
    checks: Sequence[SlotCheck] = (),
) -> list[EmptySlot]:
    """Add the passes that the collection lacks to the hints of empty SAR slots.

    Args:
        empty_slots: The empty slots of an event.
        plan: The event and its slots.
        candidates: CANDIDATES of this event, or only the ``PASS_COLUMNS`` of it.
        recipe: The rules.
        checks: What was acquired for the slots; none if the recipe does not ask for it.
    """
    known = {each.place: each for each in checks if each.scenes is not None}
    slots = {
        (slot.target.target_id, *slot.key): slot
        for slot in plan.slots
        if slot.sensor is Sensor.S1RTC
    }
    asked = [
        slots.get((str(empty.target_id), empty.phase, str(empty.sensor)))
        if empty.code in _ANSWERED
        else None
        for empty in empty_slots
    ]
    seen = list_passes(candidates) if any(asked) and len(candidates) else {}
    named = []
    for empty, slot in zip(empty_slots, asked, strict=True):
        place = (str(empty.target_id), empty.phase, str(empty.sensor))
        if place in known:
            hints = _name_acquired(known[place], recipe)
        else:
            found = [] if slot is None else find_missing_passes(slot, plan, seen, recipe)
            hints = [_describe(each, recipe) for each in found[:_MOST_NAMED]]
        named.append(replace(empty, hint=", or ".join([empty.hint, *hints])) if hints else empty)
    return named


def _name_acquired(check: SlotCheck, recipe: Recipe) -> list[str]:
    collection = recipe.sensors[check.slot.sensor].collection
    return [
        f"take from {check.collection} what {collection} lacks of {name_pass(each)}"
        for each in check.passes[:_MOST_NAMED]
    ]


def _describe(missing: Pass, recipe: Recipe) -> str:
    collection = recipe.sensors[Sensor.S1RTC].collection
    place = f"of {missing.platform} on track {missing.track}, {missing.time:%Y-%m-%d %H:%M}"
    return f"look in Sentinel-1 GRD for the pass {place}, which {collection} lacks"


def find_missing_passes(
    slot: Slot, plan: EventPlan, seen: Mapping[str, Sequence[Pass]], recipe: Recipe
) -> list[Pass]:
    """List the passes over a slot's target that the collection should have, in order of time.

    Args:
        slot: A slot of Sentinel-1.
        plan: The event and its slots.
        seen: The passes that the collection has, by target id.
        recipe: The rules.
    """
    there = seen.get(slot.target.target_id, ())
    expected = sorted(
        each._replace(time=each.time + shift)
        for each in there
        for shift in (-CYCLE, CYCLE)
        if _is_admitted(each.time + shift, slot, plan, recipe)
    )
    found: list[Pass] = []
    for each in expected:
        if not any(
            other.track == each.track and abs(other.time - each.time) < _ONE_PASS
            for other in (*there, *found)
        ):
            found.append(each)
    return found


def list_passes(candidates: pa.Table) -> dict[str, list[Pass]]:
    """List when scenes of Sentinel-1 cover some of each target, in all phases."""
    radar = (pc.field("sensor") == Sensor.S1RTC) & (pc.field("overlap_frac") > 0)
    rows = candidates.select(PASS_COLUMNS).filter(radar).select(_FACTS).to_pylist()
    found: dict[str, list[Pass]] = {}
    for target_id, *facts in map(dict.values, rows):
        if None not in facts:
            found.setdefault(target_id, []).append(Pass(*facts))
    return found


def _is_admitted(time: datetime, slot: Slot, plan: EventPlan, recipe: Recipe) -> bool:
    """Return whether a pass is in the window of a slot, on its side of the onset."""
    window = slot.window
    inside = window is not None and window.start <= time <= window.end
    return inside and is_on_side(time, slot.phase, plan, recipe)
