"""Warnings of the times of chosen scenes: their side of the onset, and the order of the phases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

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
    earlier: dict[Phase, _Scenes] = {}
    for phase, rows in slots.items():
        own = _Scenes.of(chosen, rows)
        for other, scenes in earlier.items():
            if code := _find_clash(scenes, own):
                yield phase, code, f"{chosen.ids[rows[0]]}: {_CLASHES[code]} {other}"
                break
        earlier[phase] = own


class _Scenes(NamedTuple):
    """The scenes of a phase: their ids, their passes, and the known times."""

    ids: set[str]
    passes: set[str]
    times: list[int]

    @classmethod
    def of(cls, chosen: Chosen, rows: Sequence[int]) -> _Scenes:
        """Take them from some rows."""
        return cls(
            {chosen.ids[row] for row in rows},
            {chosen.passes[row] for row in rows},
            [chosen.times[row] for row in rows if chosen.times[row] != NO_INSTANT],
        )


def _find_clash(earlier: _Scenes, later: _Scenes) -> WarningCode | None:
    if not earlier.ids.isdisjoint(later.ids):
        return WarningCode.REUSED_SCENE
    if not earlier.passes.isdisjoint(later.passes):
        return WarningCode.REUSED_PASS
    disordered = earlier.times and later.times and min(later.times) <= max(earlier.times)
    return WarningCode.OUT_OF_ORDER if disordered else None


def _day(instant: int) -> date | None:
    return None if instant == NO_INSTANT else (_EPOCH + timedelta(microseconds=instant)).date()
