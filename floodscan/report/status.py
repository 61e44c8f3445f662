"""Report how far a run is, from the files in its folder: running, finished or stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.labels import Status
from floodscan.assessment.outcomes import COUNTED_COLUMNS, count_outcomes, count_reasons
from floodscan.report.screen import path_from_here, print_line, show
from floodscan.store import find_lock_holder

if TYPE_CHECKING:
    from rich.console import Console

    from floodscan.store import RunFolder

    Json = dict[str, Any]

_COLUMNS = [*COUNTED_COLUMNS, "reasons", "batch"]


class RunState(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """The process that ran it is gone, and did not finish it."""


def examine_run(folder: RunFolder) -> Json:
    """Report in JSON types how far a run is.

    Args:
        folder: The folder of a run, which may still be running.

    Returns:
        ``state`` (a ``RunState``), ``driver`` (the process that runs the scan), ``counts``,
        ``missing`` events, ``reasons`` of empty slots with the number of events that have them,
        events and requests per minute since the last start, and ``seconds_left``. The last one is
        None as long as no event is done since the last start.

    Raises:
        OutputError: The folder holds no run.
    """
    run, driver = folder.read_run(), find_lock_holder(folder.path)
    folder.check_events()
    events = folder.events.read(_COLUMNS)
    counts = count_outcomes(events)
    missing = run["planned"]["events"] - counts["events"]
    alive = RunState.RUNNING if driver else RunState.STOPPED
    state = RunState.FINISHED if "finished" in run else alive
    return {
        "out": str(folder.path),
        "state": state,
        "driver": driver and str(driver),
        "planned": run["planned"],
        "counts": counts,
        "missing": missing,
        "reasons": count_reasons(events["reasons"]),
        "started": run["started"],
        **_rates(folder, run, events, missing),
    }


def _rates(folder: RunFolder, run: Json, events: pa.Table, missing: int) -> Json:
    """Measure the speed of a run by the batches that were written since its last start.

    A finished run has all its batches in one file, which has no times of single batches.
    """
    started = datetime.fromisoformat(run["started"])
    fresh = folder.events.written_since(started.timestamp())
    rows = count_outcomes(events.filter(pc.is_in(events["batch"], pa.array(fresh, pa.string()))))
    seconds = max((datetime.now(UTC) - started).total_seconds(), 1.0)
    per_second = rows["events"] / seconds
    return {
        "events_per_minute": 60 * per_second,
        "requests_per_minute": 60 * rows["requests"] / seconds,
        "seconds_left": missing / per_second if per_second else None,
    }


def show_status(console: Console, found: Json) -> None:
    """Print the report of ``examine_run``."""
    counts, planned = found["counts"], found["planned"]
    driver = f" by {found['driver']}" if found["driver"] else ""
    out = path_from_here(Path(found["out"]))
    started = datetime.fromisoformat(found["started"])
    print_line(
        console,
        f"{out}: {found['state']}{driver}; started {started:%Y-%m-%d %H:%M %Z}",
        style="bold",
        whole=True,
    )
    rows = [
        *((name, counts[name]) for name in Status),
        ("missing", found["missing"]),
    ]
    show(
        console,
        f"{counts['events']} of {planned['events']} events are done",
        ("status", "events"),
        rows,
    )
    if found["reasons"]:
        show(console, "reasons of empty slots", ("reason", "events"), found["reasons"].items())
    print_line(
        console,
        f"{counts['filled']} of {counts['slots']} slots filled in {counts['requests']} requests",
    )
    if found["state"] == RunState.RUNNING:
        left = found["seconds_left"]
        rest = "unknown yet" if left is None else str(timedelta(seconds=round(left)))
        print_line(
            console,
            f"{found['events_per_minute']:.1f} events and "
            f"{found['requests_per_minute']:.1f} requests per minute; time left: {rest}",
        )
    elif found["state"] == RunState.STOPPED:
        print_line(
            console, "The process of this run is gone. Start the same scan again to continue it."
        )
