"""Outcomes: code reads codes, never texts."""

from __future__ import annotations

import pytest

from floodscan.assessment.labels import Reason, Status, WarningCode
from floodscan.assessment.outcomes import (
    EmptySlot,
    Outcome,
    count_outcomes,
    count_reasons,
    count_warnings,
    is_worth_a_retry,
    read_outcomes,
    tabulate_outcomes,
)
from floodscan.assessment.quality import ChoiceWarning

HINT = "widen S2L2A.window_days (now 10)"


def empty(
    code: Reason,
    *,
    target_id: str | None = "aoi",
    phase: str | None = "event",
    sensor: str | None = "S1RTC",
    detail: str | None = None,
    steps: tuple[str, ...] = (),
) -> EmptySlot:
    """Make an empty slot."""
    return EmptySlot(target_id, phase, sensor, code, detail, steps, HINT)


def ended(
    event_id: str, status: Status, *reasons: EmptySlot, warnings: tuple[ChoiceWarning, ...] = ()
) -> Outcome:
    """Make the outcome of an event with nine slots."""
    return Outcome(
        event_id=event_id,
        status=status,
        reasons=reasons,
        n_slots=9,
        n_filled=9 - len(reasons),
        n_candidates=20,
        n_requests=3,
        seconds=1.5,
        joint_frac=0.5,
        filled_frac=0.5,
        joint_clear_frac=None,
        valid_pixel_frac=None,
        chips=None,
        single_valid_pixel_frac=None,
        single_chips=None,
        chips_total=None,
        choice_warnings=warnings,
    )


MISLEADING = "catalog a: search_failed; aoi/event/S2L2A: worker_lost (incomplete)"
OUTCOMES = [
    ended("complete", Status.COMPLETE),
    ended(
        "partial",
        Status.PARTIAL,
        empty(Reason.NO_CANDIDATES, steps=("S1RTC.window_days=7",)),
        empty(Reason.ALL_REJECTED, sensor="S2L2A", detail=MISLEADING),
        empty(Reason.ALL_REJECTED, sensor="S2L2A", phase="post_event", detail="too_cloudy 3"),
        warnings=(
            ChoiceWarning(WarningCode.LOW_COVERAGE, "aoi", "event", "S1RTC", "covers 12.0%"),
            ChoiceWarning(WarningCode.LOW_JOINT_COVERAGE, "aoi", None, None, "cover 12.0%"),
        ),
    ),
    ended("held back", Status.PARTIAL, empty(Reason.INCOMPLETE)),
    ended("failed", Status.FAILED, empty(Reason.NO_CANDIDATES)),
    ended(
        "lost",
        Status.PARTIAL,
        empty(Reason.WORKER_LOST, target_id=None, phase=None, sensor=None, detail="crashed"),
    ),
]
EVENTS_TABLE = tabulate_outcomes("batch", OUTCOMES)


def test_outcomes_are_read_back_as_they_were() -> None:
    """Codes are enums again."""
    assert read_outcomes(EVENTS_TABLE) == OUTCOMES
    assert isinstance(read_outcomes(EVENTS_TABLE)[1].reasons[0].code, Reason)


def test_reasons_and_warnings_are_texts_too() -> None:
    """The columns that people read are made of the structs."""
    reasons, warnings = (EVENTS_TABLE[name].to_pylist() for name in ("reason", "warnings"))
    assert reasons[0] is None
    assert reasons[1] == (
        "aoi/event/S1RTC: no_candidates after S1RTC.window_days=7; "
        f"aoi/event/S2L2A: all_rejected ({MISLEADING}); "
        "aoi/post_event/S2L2A: all_rejected (too_cloudy 3)"
    )
    assert reasons[4] == "worker_lost (crashed)"
    assert warnings[1] == ["low_coverage aoi/event/S1RTC", "low_joint_coverage aoi"]


def test_another_try_is_worth_it_by_code() -> None:
    """An error text that names a transient reason, or another slot, changes nothing."""
    assert is_worth_a_retry(EVENTS_TABLE).to_pylist() == [False, False, True, True, True]


def test_events_are_counted_by_reason() -> None:
    """An event counts once for each code of its slots; frequent codes are first."""
    assert list(count_reasons(EVENTS_TABLE["reasons"]).items()) == [
        ("no_candidates", 2),
        ("all_rejected", 1),
        ("incomplete", 1),
        ("worker_lost", 1),
    ]


def test_warnings_are_counted_by_code() -> None:
    """The counts of a run have their total."""
    assert count_warnings(EVENTS_TABLE["choice_warnings"]) == {
        "low_coverage": 1,
        "low_joint_coverage": 1,
    }
    assert count_outcomes(EVENTS_TABLE)["warnings"] == 2


def test_a_table_without_rows_counts_as_nothing() -> None:
    """All counts are zero."""
    none = EVENTS_TABLE.slice(0, 0)
    assert count_reasons(none["reasons"]) == {}
    assert is_worth_a_retry(none).to_pylist() == []
    assert count_outcomes(none)["events"] == 0


@pytest.mark.parametrize(
    ("place", "expected"),
    [(("aoi", "event", "S1RTC"), True), (("aoi", None, "DEM"), False)],
)
def test_a_reason_knows_its_slot(place: tuple[str, str | None, str], *, expected: bool) -> None:
    """The reason of an event that could not be processed is about each of its slots."""
    assert empty(Reason.NO_CANDIDATES).is_about(*place) is expected
    lost = OUTCOMES[4].reasons[0]
    assert lost.is_about(*place)
    assert OUTCOMES[4].is_given_up
    assert not OUTCOMES[3].is_given_up
