"""Tables on a screen."""

from __future__ import annotations

from io import StringIO

import pyarrow as pa
from rich.console import Console

from floodscan.assessment.labels import Status
from floodscan.assessment.outcomes import count_outcomes
from floodscan.report.tables import show_outcomes
from tests.report.outcomes import event_rows


def rows_of(status: Status, first: int, n: int) -> pa.Table:
    """Make EVENTS rows of one status."""
    return event_rows("b", [f"e{number:02}" for number in range(first, first + n)], status)


def test_failed_events_are_printed_first_and_at_most_20_of_all() -> None:
    """The order of the parts does not matter."""
    parts = [
        rows_of(Status.PARTIAL, 0, 15),
        rows_of(Status.COMPLETE, 15, 3),
        rows_of(Status.PARTIAL, 18, 9),
        rows_of(Status.FAILED, 27, 4),
    ]
    screen = StringIO()
    show_outcomes(Console(file=screen, width=200), parts, count_outcomes(pa.concat_tables(parts)))
    lines = screen.getvalue().splitlines()
    assert lines[0] == (
        "28 of 31 events are not complete; these are 20 of them, all are in events.parquet"
    )
    shown = [line.split()[0] for line in lines[2:] if line]
    assert shown == [f"e{number:02}" for number in (*range(27, 31), *range(15), 18)]
