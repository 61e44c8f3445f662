"""The commands that a user may want after a scan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from floodscan.assessment.outcomes import is_worth_a_retry
from floodscan.cli.invocation import command
from floodscan.errors import public_text
from floodscan.report.screen import path_from_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.result import ScanResult

_RETRY = "--retry-failed"


def list_next_commands(result: ScanResult) -> Iterator[tuple[str, str]]:
    """Yield purposes and commands, which can be pasted."""
    out = path_from_here(result.folder.path)
    event_id = _find_chosen(result)
    if event_id is not None:
        yield "Why", command("explain", out, event_id)
        yield "Pictures", command("plot", out, event_id)
        yield "Report", command("report", out)


def list_retries(result: ScanResult) -> Iterator[tuple[str, str]]:
    """Yield the command of this process with a retry, if that may fill slots of a scan."""
    tables = result.folder.events.batches(["status", "reasons", "choice_warnings"])
    if any(pc.any(is_worth_a_retry(rows)).as_py() for _, rows in tables):
        words = [word for word in sys.argv[1:] if word != _RETRY]
        again = command(*words, _RETRY)
        has_secret = public_text(again) != again
        yield "Retry", f"the same command with {_RETRY}" if has_secret else again


def _find_chosen(result: ScanResult) -> str | None:
    """Return the first event that has a manifest, in the order of the input."""
    given_up = {
        row["event_id"]
        for _, rows in result.folder.events.batches(["event_id", "reasons"])
        for row in rows.filter(pc.greater(pc.list_value_length(rows["reasons"]), 0)).to_pylist()
        if any(reason["target_id"] is None for reason in row["reasons"])
    }
    return next((event_id for event_id in result.ids if event_id not in given_up), None)
