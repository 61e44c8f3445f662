"""Measure all that floodscan promises of its speed in one run, and write one page.

    uv run poe bench

The page has each promise with what was measured beside it, and then the tables that say where the
time goes. A run takes a quarter of an hour on a machine that does nothing else. ``--tiny`` shows
that everything works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import event_cost, event_list, saturation, start_up
from benchmarks.client import cpu, search_all
from benchmarks.peers.__main__ import compare as compare_peers
from benchmarks.peers.__main__ import to_markdown as tabulate_peers
from benchmarks.scaling.summary import describe_machine
from benchmarks.sweeps import latest_events, plan_searches, write_catalog
from floodscan import Policy, Recipe
from floodscan.testing.event_lists import write_event_list
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "speed.md"
SLOW, FAST = (1.7, 32), (0.2, 64)
"""Catalogs: seconds of latency, and requests at once."""

PLAIN_LOOP = "plain loop"  # it takes half an hour behind 1.7 s


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        events: Floods of a sweep.
        few: Floods of a small sweep.
        listed: Rows of a long event list.
        repeats: Runs of each, whose median counts.
        latencies: Factor of all latencies.
    """

    events: int = 300
    few: int = 100
    listed: int = 200_000
    repeats: int = 3
    latencies: float = 1.0


TINY = Size(events=4, few=2, listed=50, repeats=1, latencies=0.02)


@dataclass(slots=True)
class Page:
    """The promises and the tables of a run.

    Attributes:
        rows: What, measured, wanted, whether it is reached, and the command.
        parts: Title and text of each part below them.
    """

    rows: list[tuple[str, str, str, bool, str]] = field(default_factory=list)
    parts: list[tuple[str, str]] = field(default_factory=list)

    def at_most(self, what: str, value: float, limit: float, unit: str, command: str) -> None:
        """Add a promise that is kept by a small value."""
        shown = f"{value:,.2f} {unit}".rstrip(), f"≤ {limit:g} {unit}".rstrip()
        self.rows.append((what, *shown, value <= limit, command))

    def at_least(self, what: str, value: float, limit: float, command: str) -> None:
        """Add a promise that is kept by a large ratio."""
        self.rows.append((what, f"{value:,.2f}", f"≥ {limit:g}", value >= limit, command))

    def to_markdown(self) -> str:
        """Write the page."""
        about = describe_machine()
        about["load before"] = f"{about.pop('load'):.2f}"
        lines = [
            "# Speed",
            "",
            "`uv run poe bench`, one run; medians, and ratios of runs side by side.",
            "; ".join(f"{name} {value}" for name, value in about.items()) + ".",
            "",
            "| | measured | wanted | | `uv run python -m` |",
            "|---|---:|---:|---|---|",
        ]
        lines += [
            f"| {what} | {measured} | {wanted} | {'yes' if kept else '**no**'} | `{command}` |"
            for what, measured, wanted, kept, command in self.rows
        ]
        for title, text in self.parts:
            lines += ["", f"## {title}", "", text]
        return "\n".join(lines) + "\n"


def measure_events(size: Size, page: Page) -> None:
    """Measure the CPU of an event after its answers."""
    found = event_cost.measure_all(size.events, repeats=size.repeats)
    for policy in Policy:
        for full, what in ((True, "an event"), (False, "an event without candidates")):
            limit = event_cost.LIMITS_MS[policy] if full else event_cost.LIMIT_EMPTY_MS
            value = found[policy, full]["all"]
            page.at_most(f"CPU of {what}, `{policy}`", value, limit, "ms", "benchmarks.event_cost")
    page.parts.append(("CPU of an event by stage, ms", event_cost.report(found)))


def measure_items(size: Size, page: Page) -> None:
    """Measure the CPU of an item from HTTP to the table, on the answers of a sweep."""
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        events = latest_events(size.few, folder)
        write_catalog(events, Recipe(), folder)
        searches = plan_searches(events, Recipe())
        with lean_server(folder, landing_id="generated", log=folder / "server.log") as server:
            search = partial(search_all, server.url, searches, lean=True)
            n_items = search()
            value = cpu(search, repeats=size.repeats) / n_items * 1e6
    what = f"CPU of an item, {n_items / len(searches):.0f} items a search"
    page.at_most(what, value, 30, "µs", "benchmarks.client --only cpu")


def measure_start(size: Size, page: Page) -> None:
    """Measure what a person waits for."""
    found = start_up.measure(size.repeats, SLOW[0] * size.latencies)
    for label, (times, limit) in found.items():
        page.at_most(f"wall time of {label}", median(times), limit, "s", "benchmarks.start_up")


def measure_saturation(size: Size, page: Page) -> None:
    """Compare sweeps with their bare requests, and count these."""
    lines = []
    for (latency, at_once), wanted in ((SLOW, 0.9), (FAST, 0.6)):
        for n_events in (size.few, size.events):
            found = saturation.compare(
                n_events,
                latency=latency * size.latencies,
                in_flight=at_once,
                repeats=size.repeats,
            )
            behind = f"{n_events} floods, {latency:g} s, {at_once} at once"
            lines.append(f"- {behind}: {saturation.report(found)}.")
            command = f"benchmarks.saturation --events {n_events} --latency {latency:g}"
            ratio = median(each.bare / each.sweep for each in found)
            if n_events == size.events:
                page.at_least(f"bare requests / sweep, {behind}", ratio, wanted, command)
            else:
                requests = median(each.n_requests for each in found) / n_events
                page.at_most(f"searches an event, {behind}", requests, 1.0, "", command)
    page.parts.append(("Sweeps, and their requests by a bare client", "\n".join(lines)))


def measure_peers(size: Size, page: Page) -> None:
    """Compare with the best peer behind much latency."""
    latency, at_once = SLOW
    given = Namespace(
        events=size.few,
        latency=latency * size.latencies,
        in_flight=at_once,
        repeats=size.repeats,
        without=[PLAIN_LOOP],
    )
    rows = compare_peers(given)
    asked = {row["way"]: row["wall_seconds"] for row in rows if row["source"] == "api"}
    peers = {way: seconds for way, seconds in asked.items() if not way.startswith("floodscan")}
    best = min(peers, key=peers.__getitem__)
    command = f"benchmarks.peers --latency {latency:g} --in-flight {at_once}"
    for policy in Policy:
        ratio = peers[best] / asked[f"floodscan, {policy}"]
        what = f"best peer ({best}) / `{policy}`, {size.few} floods, {latency:g} s, {at_once}"
        page.at_least(f"{what} at once", ratio, 2.5, command)
    _, about, table, *_ = tabulate_peers(rows, given).split("\n\n")
    page.parts.append(("Peers", f"{about}\n\n{table}"))


def measure_list(size: Size, page: Page) -> None:
    """Measure how long an event list takes from the file to planned batches."""
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        path = Path(name) / "events.parquet"
        write_event_list(path, n_events=size.listed)
        found = event_list.measure_alone(path)
    seconds = (found.read + found.cut + found.plan) * 1_000_000 / size.listed
    what = f"a million events read and planned (by {size.listed:,})"
    page.at_most(what, seconds, event_list.LIMIT_SECONDS, "s", "benchmarks.event_list")
    table, _, _ = event_list.report(found).partition("\n\n")
    page.parts.append(
        ("A long event list", f"{table}\n\nPeak of memory: {found.megabytes:.0f} MB.")
    )


PARTS: tuple[Callable[[Size, Page], None], ...] = (
    measure_events,
    measure_items,
    measure_start,
    measure_saturation,
    measure_peers,
    measure_list,
)


def main() -> None:
    """Measure everything, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="only to see that everything works")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    page = Page()
    for part in PARTS:
        n_before = len(page.rows)
        part(TINY if given.tiny else Size(), page)
        for what, measured, wanted, *_ in page.rows[n_before:]:
            print(f"{what}: {measured} (wanted: {wanted})", flush=True)
    given.out.write_text(page.to_markdown(), "utf-8")


if __name__ == "__main__":
    main()
