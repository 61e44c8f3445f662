"""Measure how long a list of a million floods takes from the file to planned batches.

    uv run python -m benchmarks.event_list [--events 1000000] [--archive DIR | --archive-items N]

All steps run in one process on one core. Read: the file is read and checked, and its events are
sorted along the curve. Cut: the events are cut into batches. Plan: each batch gets its slots and
its merged searches. Show: ``floodscan plan`` counts slots, searches, items and sources, with the
catalog that it takes by default; this is more than the limit is for.

With an archive, the first events of the list that lie in its area are scanned, too, and their CPU
is compared with the costs by which ``floodscan plan`` estimates.
"""

from __future__ import annotations

import argparse
import multiprocessing
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.peak_memory import measure_peak
from floodscan import Recipe
from floodscan.catalogs.sources import plan_each
from floodscan.catalogs.usage import UsageCounter
from floodscan.cli.output import open_console
from floodscan.planning.estimate import SizeCounter
from floodscan.planning.slots import BatchPlan, cut_batches
from floodscan.report.plans import show_plans
from floodscan.scanning import open_source, read_list
from floodscan.testing.event_lists import write_event_list

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 180
LIMIT_MB = 600
_LAND = (-180.0, -60.0, 180.0, 84.0)


class Figures(NamedTuple):
    """What a run took: seconds of each step, peak of memory, and what it counted."""

    n_events: int
    read: float
    cut: float
    plan: float
    show: float
    megabytes: float
    n_batches: int
    n_searches: int


def measure(path: Path) -> Figures:
    """Read, cut and plan the events of a file, and show the plan."""
    recipe = Recipe()
    catalog = open_source(None, path, recipe=recipe)
    started = perf_counter()
    listed = read_list(path, recipe)
    read = perf_counter()
    n_batches = sum(1 for _ in cut_batches(listed, run_id=""))
    cut = perf_counter()
    timed = _TimedPlans(plan_each(catalog, cut_batches(listed, run_id=""), recipe))
    usage = UsageCounter(catalog)
    sizes = SizeCounter(recipe, usage.covers)
    with redirect_stdout(StringIO()) as shown:
        show_plans(open_console(), sizes.count(usage.count(timed)), listed.ids)
    n_searches = int(shown.getvalue().split()[-2])
    list(usage.list_uses())
    planned = perf_counter()
    return Figures(
        n_events=len(listed),
        read=read - started,
        cut=cut - read,
        plan=timed.seconds,
        show=planned - cut - timed.seconds,
        megabytes=measure_peak(),
        n_batches=n_batches,
        n_searches=n_searches,
    )


@dataclass
class _TimedPlans:
    """Plans, and the seconds in which they are made."""

    plans: Iterator[BatchPlan]
    seconds: float = 0.0

    def __iter__(self) -> Iterator[BatchPlan]:
        while True:
            started = perf_counter()
            plan = next(self.plans, None)
            self.seconds += perf_counter() - started
            if plan is None:
                return
            yield plan


def measure_alone(path: Path) -> Figures:
    """Measure in a fresh process, whose peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (path,))


def report(figures: Figures) -> str:
    """Write the figures as a table, with the limits of a million floods."""
    n_events = figures.n_events
    steps = {name: getattr(figures, name) for name in ("read", "cut", "plan")}
    total = sum(steps.values())
    verdict = "within" if total <= LIMIT_SECONDS and figures.megabytes <= LIMIT_MB else "beyond"
    lines = [
        "| step | seconds | microseconds an event |",
        "|---|---|---|",
        *(
            f"| {name} | {seconds:.1f} | {seconds / n_events * 1e6:.0f} |"
            for name, seconds in {**steps, "all": total, "show": figures.show}.items()
        ),
        "",
        f"{n_events:,} events, {figures.n_batches:,} batches, {figures.n_searches:,} searches.",
        f"Peak of memory: {figures.megabytes:.0f} MB.",
        f"This is {verdict} {LIMIT_SECONDS} s and {LIMIT_MB} MB, the limits of 1,000,000 events.",
    ]
    return "\n".join(lines)


def scan_too(given: argparse.Namespace, path: Path, folder: Path) -> str:
    """Scan events of the list against an archive, which is made if none is given."""
    # not for the measured process, whose memory Dask would add to
    from benchmarks.event_list_scan import make_archive, scan_list  # noqa: PLC0415

    archive = given.archive or make_archive(folder / "archive", given.archive_items, given.bbox)
    return scan_list(path, archive, given.bbox, most=given.scanned, folder=folder)


def _parse() -> argparse.Namespace:
    options = argparse.ArgumentParser(description="Time a long event list.")
    options.add_argument("--events", type=int, default=1_000_000, help="default: 1,000,000")
    options.add_argument("--file", type=Path, help="a list that is there; else one is written")
    options.add_argument("--archive", type=Path, help="scan events against it, too")
    options.add_argument("--archive-items", type=int, help="make the archive, with so many items")
    options.add_argument(
        "--bbox", type=float, nargs=4, default=_LAND, help="area of the archive; default: all land"
    )
    options.add_argument("--scanned", type=int, default=5000, help="most events; default: 5,000")
    return options.parse_args()


def main() -> None:
    """Measure as the command line says."""
    given = _parse()
    with TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "events.parquet"
        if given.file is None:
            write_event_list(path, n_events=given.events)
        print(report(measure_alone(path)))
        if given.archive or given.archive_items:
            print(f"\n{scan_too(given, path, Path(folder))}")


if __name__ == "__main__":
    main()
