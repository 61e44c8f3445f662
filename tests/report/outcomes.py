"""EVENTS rows for tests that need no scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.assessment.labels import Reason, Status
from floodscan.assessment.outcomes import EmptySlot, Outcome, tabulate_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

_EMPTY = EmptySlot("aoi", "event", "S1RTC", Reason.NO_CANDIDATES, None, (), "widen the window")


def event_rows(batch: str, ids: Iterable[str], status: Status = Status.COMPLETE) -> pa.Table:
    """Make EVENTS rows of one batch, all with one status."""
    reasons = () if status is Status.COMPLETE else (_EMPTY,)
    return tabulate_outcomes(batch, [_outcome(event_id, status, reasons) for event_id in ids])


def _outcome(event_id: str, status: Status, reasons: tuple[EmptySlot, ...]) -> Outcome:
    return Outcome(
        event_id=event_id,
        status=status,
        reasons=reasons,
        n_slots=9,
        n_filled=9 - len(reasons),
        n_candidates=100,
        n_requests=3,
        seconds=0.5,
        joint_frac=None,
        filled_frac=None,
        joint_clear_frac=None,
        valid_pixel_frac=None,
        chips=None,
        single_valid_pixel_frac=None,
        single_chips=None,
        chips_total=None,
        choice_warnings=(),
    )
