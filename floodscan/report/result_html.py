"""The result of a run in a notebook: counts, and the events that need a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.assessment.labels import Status
from floodscan.markup import BLUE, ORANGE, VERMILION, block, frame, table, text
from floodscan.report.tables import OUTCOME_COLUMNS, list_incomplete

if TYPE_CHECKING:
    from collections.abc import Mapping

    from floodscan.store import RunFolder

_COLOURS = {Status.COMPLETE: BLUE, Status.PARTIAL: ORANGE, Status.FAILED: VERMILION}
_WIDTH, _HEIGHT = 400.0, 12.0  # pixels
_HEADER = ("event", "status", "filled", "slots", "reason")


def show_run(folder: RunFolder, counts: Mapping[str, int]) -> str:
    """Return a run as HTML.

    Args:
        folder: Its folder.
        counts: Events by status, slots, candidates, requests and warnings.
    """
    rows = list_incomplete(part for _, part in folder.events.batches(OUTCOME_COLUMNS))
    n_lacking = counts["events"] - counts[Status.COMPLETE]
    more = f"and {n_lacking - len(rows):,} more, see result.events"
    return block(
        f"run in {folder.path}",
        text(_sum_up(counts)),
        _draw_counts(counts),
        table(_HEADER, rows) if rows else "",
        text(more) if n_lacking > len(rows) else "",
    )


def _sum_up(counts: Mapping[str, int]) -> str:
    events = ", ".join(f"{counts[status]:,} {status}" for status in Status if counts[status])
    slots = f"{counts['filled']:,} of {counts['slots']:,} slots filled"
    cost = f"{counts['candidates']:,} candidates in {counts['requests']:,} requests"
    return f"events: {events}; {slots} from {cost}; {counts['warnings']:,} warnings"


def _draw_counts(counts: Mapping[str, int]) -> str:
    """Draw the share of events of each status as a bar."""
    shapes, x = "", 0.0
    for status, colour in _COLOURS.items():
        width = _WIDTH * counts[status] / counts["events"]
        tip = f"<title>{counts[status]:,} {status}</title>"
        size = f'x="{x:.1f}" width="{width:.1f}" height="{_HEIGHT:.0f}"'
        shapes += f'<rect {size} fill="{colour}">{tip}</rect>'
        x += width
    return frame(shapes, label=_sum_up(counts), width=_WIDTH, height=_HEIGHT)
