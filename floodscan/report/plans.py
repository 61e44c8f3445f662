"""The plan of a scan on a screen: the slots and searches of a few events, or counts of many."""

from __future__ import annotations

import os
from datetime import UTC, time
from itertools import islice
from typing import TYPE_CHECKING

from rich.filesize import decimal

from floodscan.catalogs.access import MAX_IN_FLIGHT
from floodscan.catalogs.pixel_access import MAX_SCENES
from floodscan.clearsky.overviews import HEAD_BYTES
from floodscan.planning.estimate import CORES_OF_A_PROCESS, Setup, estimate, read_costs
from floodscan.report.screen import MOST_ROWS, print_line, show

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rich.console import Console

    from floodscan.catalogs.usage import SourceUse
    from floodscan.model import Policy, Search, TimeWindow
    from floodscan.planning.estimate import SweepSize
    from floodscan.planning.slots import BatchPlan, EventPlan

REQUEST_SECONDS = 1.7
"""Time of a request to Planetary Computer, roughly; each catalog has its own."""

_EVENTS_SHOWN_WHOLE = 3
_LONG_SECONDS = 120
_LAST_SECOND = time(23, 59, 59)


def show_plans(console: Console, batches: Iterable[BatchPlan], event_ids: Collection[str]) -> None:
    """Print the plans of a few events, or a row for each of the first 20 of many, and the totals.

    Args:
        console: Where to print.
        batches: The plans of all events, which are read once.
        event_ids: The events in the order in which they were given.
    """
    first = list(islice(event_ids, MOST_ROWS))
    found: dict[str, tuple[EventPlan, Sequence[Search]]] = {}
    n_slots = n_searches = 0
    for batch in batches:
        n_searches += sum(not search.joined for search in batch.searches)
        for plan in batch.plans:
            n_slots += len(plan.slots)
            if plan.event.event_id in first:
                sent = [search for search in batch.searches_for(plan) if not search.joined]
                found[plan.event.event_id] = (plan, sent)
    plans = [found[event_id] for event_id in first]
    if len(event_ids) <= _EVENTS_SHOWN_WHOLE:
        for plan, searches in plans:
            _show_plan(console, plan, searches)
    else:
        _show_events(console, plans, n_events=len(event_ids))
    if len(event_ids) > 1:
        print_line(console, f"{len(event_ids)} events: {n_slots} slots, {n_searches} searches")


def show_sources(console: Console, uses: Iterable[SourceUse], checks: Collection[str] = ()) -> None:
    """Print which source feeds the slots of each collection, and what is taken from it.

    Args:
        console: Where to print.
        uses: The use of each source.
        checks: The collections that only say what was acquired.
    """
    rows, notes = [], []
    for use in uses:
        taken = _count(use.n_searches, "search", "searches")
        if use.n_row_groups is not None:
            groups = _count(use.n_row_groups, "row group", "row groups")
            taken = f"{groups}, at most {decimal(use.n_bytes)}"
        if use.coverage is not None:
            notes.append(f"{use.collection}: the archive covers {use.coverage}")
        if use.n_not_covered:
            unknown = "it is not known which passes they lack"
            effect = unknown if use.collection in checks else "they stay empty"
            notes.append(
                f"{use.collection}: {use.n_not_covered} of {use.n_slots} slots are not covered; "
                f"{effect} without --fallback-catalog"
            )
        if use.n_without_id:
            notes.append(f"{use.collection}: {use.n_without_id} rows without an id are left out")
        rows.append((use.collection, use.n_slots, use.source, taken, use.why))
    show(console, "sources", ("collection", "slots", "source", "takes", "why"), rows)
    for note in notes:
        print_line(console, note)


def show_reads(console: Console, n_events: int) -> None:
    """Print how many scenes a scan reads at most for the clouds over the areas."""
    n_scenes = n_events * MAX_SCENES
    size = decimal(n_scenes * HEAD_BYTES)
    text = f"at most {_count(n_scenes, 'scene', 'scenes')} ({MAX_SCENES} an event), about {size}"
    print_line(console, f"clouds over the areas are read: {text}")


def show_estimate(
    console: Console, size: SweepSize, policy: Policy, *, in_one_process: bool, is_remote: bool
) -> None:
    """Print what a sweep takes, and how long it takes on this machine, by measured costs.

    Args:
        console: Where to print.
        size: How much it does.
        policy: The policy.
        in_one_process: Whether it runs without Dask.
        is_remote: Whether row groups are read over a network.
    """
    if not size.n_requests and not size.n_row_groups:
        return
    costs, n_cores = read_costs(policy), os.cpu_count() or 1
    setup = Setup(
        n_cores=min(CORES_OF_A_PROCESS, n_cores) if in_one_process else n_cores,
        request_seconds=REQUEST_SECONDS,
        in_flight=MAX_IN_FLIGHT,
        machine_cores=n_cores,
        has_tasks=not in_one_process,
    )
    found = estimate(size, setup, costs)
    taken, machine = [], [f"{n_cores} cores"]
    if size.n_requests:
        n_bytes = decimal(round(size.n_items * costs.item_bytes))
        taken.append(f"{size.n_requests:,.0f} requests, {size.n_items:,.0f} items and {n_bytes}")
        machine.append(f"{MAX_IN_FLIGHT} requests at once of {REQUEST_SECONDS} s")
    if size.n_row_groups:
        groups = f"{size.n_row_groups:,} row group{'s' * (size.n_row_groups > 1)}"
        taken.append(f"{groups}, {decimal(size.n_bytes)}")
    print_line(console, f"estimate: about {'; '.join(taken)}")
    time_taken = f"{_time(found.seconds)}, limited by {found.bottleneck}"
    print_line(console, f"with {', '.join(machine)}: {time_taken}")
    if is_remote and size.n_row_groups:
        print_line(console, "the time to fetch the row groups is not in the estimate")


def _time(seconds: float) -> str:
    if seconds < 1:
        return "less than 1 s"
    return f"{seconds:.0f} s" if seconds < _LONG_SECONDS else f"{seconds / 60:,.0f} minutes"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _show_plan(console: Console, plan: EventPlan, searches: Sequence[Search]) -> None:
    """Print the first slots of an event, and the searches for them; events can share searches."""
    slots = [
        (slot.target.target_id, slot.phase, slot.sensor, slot.day, _days(slot.window))
        for slot in plan.slots[:MOST_ROWS]
    ]
    title = f"{plan.event.event_id}: {len(plan.slots)} slots{_name_part(len(plan.slots))}"
    show(console, title, ("target", "phase", "sensor", "date", "window"), slots)
    rows = [(" + ".join(s.wanted), _days(s.window), ", ".join(map(str, s.bbox))) for s in searches]
    if rows:
        show(
            console, _count(len(rows), "search", "searches"), ("collection", "window", "bbox"), rows
        )


def _show_events(
    console: Console, plans: Iterable[tuple[EventPlan, Sequence[Search]]], *, n_events: int
) -> None:
    rows = []
    for plan, searches in plans:
        days = [slot.day for slot in plan.slots if slot.day is not None]
        ends = (min(days, default=None), max(days, default=None))
        rows.append((plan.event.event_id, *ends, len(plan.slots), len(searches)))
    header = ("event", "first date", "last date", "slots", "searches")
    show(console, f"{n_events} events{_name_part(n_events)}", header, rows)


def _name_part(n: int) -> str:
    return f"; the first {MOST_ROWS}, --json prints all" if n > MOST_ROWS else ""


def _days(window: TimeWindow | None) -> str | None:
    """Write a window of whole days by its first and last day, and any other one in full."""
    if window is None:
        return None
    whole = (window.start.timetz(), window.end.timetz()) == (
        time.min.replace(tzinfo=UTC),
        _LAST_SECOND.replace(tzinfo=UTC),
    )
    return f"{window.start:%Y-%m-%d}/{window.end:%Y-%m-%d}" if whole else str(window)
