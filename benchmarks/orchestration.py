"""Measure what the engine costs in addition to the work: many events, and a catalog without items.

For each number of events a process of its own scans them on workers of one thread, with packed
manifests. It prints the wall time, the time of the tasks, the difference, and the memory of the
driver, in which the scheduler runs too. All else is as usual: events are read from a file, planned,
cut into batches, sent and written.

    uv run python -m benchmarks.orchestration [--events 10000 100000] [--workers 2]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from dask import config
from distributed import Client, LocalCluster

import floodscan
from floodscan.assessment.labels import Status
from floodscan.clusters.local import SETTINGS
from floodscan.testing.fake_catalog import NoItems

if TYPE_CHECKING:
    from distributed import Scheduler

    from floodscan import ScanResult

SEED = 20260
COLUMNS = (
    "events", "wall s", "work s a worker", "extra ms an event", "events/s without work",
    "MB once read", "at a tenth", "at the end", "at most", "files",
)  # fmt: skip


def write_events(path: Path, n: int) -> None:
    """Write events of some ten kilometres anywhere on Earth, from 2016 to 2024."""
    draw = np.random.default_rng(SEED)
    west, south = draw.uniform(-175, 174, n), draw.uniform(-60, 70, n)
    days = np.datetime64("2016-01-01") + draw.integers(0, 3200, n)
    with path.open("w") as file:
        file.write("event_id,west,south,east,north,event_date\n")
        file.writelines(
            f"event-{number:07},{x:.4f},{y:.4f},{x + 0.5:.4f},{y + 0.5:.4f},{day}\n"
            for number, (x, y, day) in enumerate(zip(west, south, days, strict=True))
        )


def measure(events: Path, n_workers: int) -> str:
    """Scan, and return a row of the table."""
    out, resident_mb = events.parent / "out", []
    with (
        config.set(SETTINGS),
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(n_workers)
        started = time.perf_counter()
        result = floodscan.scan(
            events,
            catalog=NoItems(),
            client=client,
            out=out,
            pack_manifests=True,
            on_progress=lambda *_: resident_mb.append(psutil.Process().memory_info().rss / 1e6),
        )
        wall = time.perf_counter() - started
        work = client.run_on_scheduler(sum_work) / n_workers
    if result.counts[Status.FAILED] != result.counts["events"]:
        raise RuntimeError("a catalog without items can't fill a slot")
    return describe(result, wall, work, resident_mb)


def describe(result: ScanResult, wall: float, work: float, resident_mb: list[float]) -> str:
    """Write a row of the table."""
    n_events = result.counts["events"]
    extra = (wall - work) / n_events
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    memory = (resident_mb[0], resident_mb[len(resident_mb) // 10], resident_mb[-1], peak_mb)
    n_files = sum(path.is_file() for path in result.folder.path.rglob("*"))
    cells = [f"{n_events:,}", f"{wall:.1f}", f"{work:.1f}", f"{1000 * extra:.2f}"]
    cells += [f"{1 / extra:,.0f}", *(f"{mb:.0f}" for mb in memory), f"{n_files:,}"]
    return f"| {' | '.join(cells)} |"


def sum_work(dask_scheduler: Scheduler) -> float:
    """Add up the seconds of all tasks."""
    return sum(prefix.all_durations["compute"] for prefix in dask_scheduler.task_prefixes.values())


def main() -> None:
    """Print a table with a row for each number of events."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(measure(given.measure, given.workers))
        return
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + "---:|" * len(COLUMNS), flush=True)
    for n in given.events:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "events.csv"
            write_events(path, n)
            command = [sys.executable, "-m", "benchmarks.orchestration", "--measure", str(path)]
            subprocess.run([*command, "--workers", str(given.workers)], check=True)


if __name__ == "__main__":
    main()
