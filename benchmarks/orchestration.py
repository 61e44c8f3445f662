"""What the engine costs beside the work: many synthetic events, and a catalog that answers at once with nothing.

For each number of events a process of its own scans them on workers of one thread each, manifests
packed, and tells the wall time, the time that the tasks took, what of the wall time is beyond it,
and the greatest resident memory of the driver, in which the scheduler runs too. All else is real:
events are read from a file, planned, cut, sent, written.

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

SEED = 20260


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


def measure(events: Path, n_workers: int, folder: Path) -> str:
    """Scan, and give a row of the table."""
    with (
        config.set(SETTINGS),
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(n_workers)
        resident_mb: list[float] = []
        started = time.perf_counter()
        result = floodscan.scan(
            events,
            catalog=NoItems(),
            client=client,
            out=folder / "out",
            pack_manifests=True,
            on_progress=lambda *_: resident_mb.append(psutil.Process().memory_info().rss / 1e6),
        )
        wall = time.perf_counter() - started
        work = client.run_on_scheduler(sum_work) / n_workers
    n_events = result.counts["events"]
    if result.counts[Status.FAILED] != n_events:
        raise RuntimeError("a catalog without items can't fill a slot")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    beside = (wall - work) / n_events
    files = sum(path.is_file() for path in (folder / "out").rglob("*"))
    figures = (
        f"{wall:.1f}",
        f"{work:.1f}",
        f"{1000 * beside:.2f}",
        f"{1 / beside:,.0f}",
        *(
            f"{mb:.0f}"
            for mb in (
                resident_mb[0],
                resident_mb[len(resident_mb) // 10],
                resident_mb[-1],
                peak_mb,
            )
        ),
        f"{files:,}",
    )
    return f"| {n_events:,} | " + " | ".join(figures) + " |"


def sum_work(dask_scheduler: Scheduler) -> float:
    """Sum up the seconds that tasks took."""
    return sum(prefix.all_durations["compute"] for prefix in dask_scheduler.task_prefixes.values())


def main() -> None:
    """Print a table with a row for each number of events."""
    parser = argparse.ArgumentParser(description="Measure what the engine costs beside the work.")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(measure(given.measure, given.workers, given.measure.parent))
        return
    print("| events | wall s | work s a worker | ms an event beside | events/s beside | ", end="")
    print("MB once read | at a tenth | at the end | at most | files |")
    print("|" + "---:|" * 10, flush=True)
    for n in given.events:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "events.csv"
            write_events(path, n)
            command = [sys.executable, "-m", "benchmarks.orchestration", "--measure", str(path)]
            subprocess.run([*command, "--workers", str(given.workers)], check=True)  # noqa: S603 - this file itself


if __name__ == "__main__":
    main()
