"""Measure how long a list of a million floods takes from the file to planned batches.

    uv run python -m benchmarks.event_list [--events 1000000]

Each step runs in a process of its own on one core, so that its peak of memory is its own. Read: the
file is read and checked, and its events are sorted along the curve. Cut: the events are cut into
batches. Plan: each batch gets its slots and its merged searches, as ``floodscan plan`` does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from floodscan import Recipe
from floodscan.inputs.event_files import iterate_events
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.testing.event_lists import write_event_list

LIMIT_SECONDS = 180
LIMIT_MB = 600


class Figures(NamedTuple):
    """What a run took: seconds of each step, peak of memory, and what it counted."""

    read: float
    cut: float
    plan: float
    megabytes: float
    n_batches: int
    n_searches: int


def measure(path: Path) -> Figures:
    """Read, cut and plan the events of a file."""
    recipe = Recipe()
    started = perf_counter()
    listed = list_events(iterate_events(path, phase_offset_days=recipe.phase_offset_days))
    read = perf_counter()
    n_batches = sum(1 for _ in cut_batches(listed, run_id=""))
    cut = perf_counter()
    n_searches = sum(
        len(set(plan_batch(batch, recipe).merged_searches.values()))
        for batch in cut_batches(listed, run_id="")
    )
    planned = perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(read - started, cut - read, planned - cut, peak, n_batches, n_searches)


def measure_alone(path: Path) -> Figures:
    """Measure in a fresh process, whose peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (path,))


def report(n_events: int, figures: Figures) -> str:
    """Write the figures as a table, with the limits of a million floods."""
    total = figures.read + figures.cut + figures.plan
    verdict = "within" if total <= LIMIT_SECONDS and figures.megabytes <= LIMIT_MB else "beyond"
    lines = [
        "| step | seconds | microseconds an event |",
        "|---|---|---|",
        *(
            f"| {name} | {seconds:.1f} | {seconds / n_events * 1e6:.0f} |"
            for name, seconds in {**figures._asdict(), "all": total}.items()
            if name in {"read", "cut", "plan", "all"}
        ),
        "",
        f"{n_events:,} events, {figures.n_batches:,} batches, {figures.n_searches:,} searches.",
        f"Peak of memory: {figures.megabytes:.0f} MB.",
        f"This is {verdict} {LIMIT_SECONDS} s and {LIMIT_MB} MB, the limits of 1,000,000 events.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure as the command line says."""
    options = argparse.ArgumentParser(description="Time a long event list.")
    options.add_argument("--events", type=int, default=1_000_000, help="default: 1,000,000")
    options.add_argument("--file", type=Path, help="a list that is there; else one is written")
    given = options.parse_args()
    with TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "events.parquet"
        if given.file is None:
            write_event_list(path, n_events=given.events)
        print(report(given.events, measure_alone(path)))


if __name__ == "__main__":
    main()
