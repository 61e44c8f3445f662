"""How far a run is, from what is in its folder: while it goes on, after it ended, and after it died."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.outcomes import COMPLETE, FAILED, PARTIAL, count_outcomes
from floodscan.report.tables import show
from floodscan.store import find_lock_holder

if TYPE_CHECKING:
    from rich.console import Console

    from floodscan.store import RunFolder

    Json = dict[str, Any]

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"

_REASON = re.compile(r"(?:[^\s:;]+: )?([a-z_]+)(?= \(| after |;|$)")


def examine_run(folder: RunFolder) -> Json:
    """Tell in JSON types how far a run is.

    Args:
        folder: The run; it may go on meanwhile.

    Returns:
        ``state`` (running, finished or stopped: its driver is gone), ``driver``, ``counts``,
        ``missing`` events, ``reasons`` of empty slots by how many events have them, events and
        requests per minute since the last start, and ``seconds_left``, null where that can't be
        told.

    Raises:
        OutputError: The folder holds no run.
    """
    run, driver = folder.read_run(), find_lock_holder(folder.path)
    events = folder.read_events()
    counts = count_outcomes(events)
    missing = run["planned"]["events"] - counts["events"]
    state = FINISHED if "finished" in run else RUNNING if driver else STOPPED
    return {
        "out": str(folder.path),
        "state": state,
        "driver": driver and str(driver),
        "planned": run["planned"],
        "counts": counts,
        "missing": missing,
        "reasons": count_reasons(events),
        "started": run["started"],
        **_rates(folder, run, events, missing),
    }


def count_reasons(events: pa.Table) -> dict[str, int]:
    """Count for each reason of an empty slot the EVENTS rows that have it, the most frequent first."""
    reasons = (reason for reason in events["reason"].to_pylist() if reason)
    return dict(
        Counter(code for reason in reasons for code in set(_REASON.findall(reason))).most_common()
    )


def _rates(folder: RunFolder, run: Json, events: pa.Table, missing: int) -> Json:
    """Measure by what was written since the last start.

    A run that has ended in parts has no more to tell.
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
    """Print how far a run is."""
    counts, planned = found["counts"], found["planned"]
    driver = f" by {found['driver']}" if found["driver"] else ""
    console.print(
        f"{found['out']}: {found['state']}{driver}; started {found['started']}",
        style="bold",
        markup=False,
    )
    rows = [
        *((name, counts[name]) for name in (COMPLETE, PARTIAL, FAILED)),
        ("missing", found["missing"]),
    ]
    show(
        console,
        f"{counts['events']} of {planned['events']} events are done",
        ("status", "events"),
        rows,
    )
    if found["reasons"]:
        show(console, "why slots are empty", ("reason", "events"), found["reasons"].items())
    console.print(
        f"{counts['filled']} of {counts['slots']} slots filled in {counts['requests']} requests"
    )
    if found["state"] == RUNNING:
        left = found["seconds_left"]
        rest = "not known yet" if left is None else str(timedelta(seconds=round(left)))
        console.print(
            f"{found['events_per_minute']:.1f} events and {found['requests_per_minute']:.1f} requests a minute; "
            f"time left {rest}"
        )
    elif found["state"] == STOPPED:
        console.print("Its driver is gone: start the same scan again, and it goes on from here.")
