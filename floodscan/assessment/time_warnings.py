"""Warnings of the times of chosen scenes: their side of the onset, and the order of the phases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from floodscan.assessment.labels import WarningCode
from floodscan.model import Phase
from floodscan.selection.columns import NO_INSTANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from floodscan.assessment.quality import Chosen
    from floodscan.planning.slots import EventPlan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLASHES = {
    WarningCode.REUSED_SCENE: "the scene is in this phase and in",
    WarningCode.REUSED_PASS: "the pass is in this phase and in",
    WarningCode.OUT_OF_ORDER: "the scene is not later than the scene of",
}


def check_times(
    chosen: Chosen, plan: EventPlan, phase: Phase, rows: Sequence[int]
) -> Iterator[tuple[WarningCode, str]]:
    """Find scenes of a phase that are, or may be, on the wrong side of the onset."""
    if wrong := [chosen.ids[row] for row in rows if chosen.wrong[row]]:
        side = "not before" if phase in {Phase.PRE_MONTH, Phase.PRE_EVENT} else "before"
        text = f"{wrong[0]} is {side} the onset {chosen.onset_of(plan):%Y-%m-%dT%H:%MZ}"
        yield WarningCode.WRONG_SIDE_OF_ONSET, text
    event = plan.event
    if phase is Phase.EVENT and event.onset_assumed:
        own_day = [row for row in rows if _day(chosen.times[row]) == event.onset.date()]
        for row in own_day[:1]:
            text = f"{chosen.ids[row]} is from the day of the onset, whose hour is unknown"
            yield WarningCode.ONSET_ASSUMED, text
    if timeless := [chosen.ids[row] for row in rows if chosen.times[row] == NO_INSTANT]:
        text = f"{timeless[0]} has no readable time: it may be on the wrong side of the onset"
        yield WarningCode.NO_TIME, text


def check_order(
    chosen: Chosen, slots: Mapping[Phase, list[int]]
) -> Iterator[tuple[Phase, WarningCode, str]]:
    """Find phases that share a scene or a pass with an earlier phase, or are not later than it."""
    phases = list(slots)
    for number, phase in enumerate(phases):
        for earlier in phases[:number]:
            if code := _find_clash(chosen, slots[earlier], slots[phase]):
                yield phase, code, f"{chosen.ids[slots[phase][0]]}: {_CLASHES[code]} {earlier}"
                break


def _find_clash(chosen: Chosen, earlier: Sequence[int], later: Sequence[int]) -> WarningCode | None:
    if {chosen.ids[row] for row in earlier} & {chosen.ids[row] for row in later}:
        return WarningCode.REUSED_SCENE
    if {chosen.passes[row] for row in earlier} & {chosen.passes[row] for row in later}:
        return WarningCode.REUSED_PASS
    times = [
        [chosen.times[row] for row in rows if chosen.times[row] != NO_INSTANT]
        for rows in (earlier, later)
    ]
    disordered = all(times) and min(times[1]) <= max(times[0])
    return WarningCode.OUT_OF_ORDER if disordered else None


def _day(instant: int) -> date | None:
    return None if instant == NO_INSTANT else (_EPOCH + timedelta(microseconds=instant)).date()
