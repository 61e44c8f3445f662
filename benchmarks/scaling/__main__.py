"""Measure how sweeps scale on a cluster, and draw where the time goes.

Strong scaling: the same sweep on 1, 2, … workers. Weak: a sweep that grows with the workers.
Latency: on the most workers, a slow catalog that gets a number of requests at once, with one search
per slot and small answers. Workers are processes of a local cluster, worker jobs of SLURM, or nodes
of an allocation. They are up before a clock starts.

    uv run python -m benchmarks.scaling --workers 1 2
    uv run python -m benchmarks.scaling --cluster slurm --profile mine.yaml --workers 1 2 4 8 16

It prints tables and writes ``scaling.parquet`` and ``scaling.png`` into a folder. The table keeps
earlier runs; a new run replaces the runs of the same kind on the same cluster.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scaling.catalog import TimedCatalog
from benchmarks.scaling.events import make_events
from benchmarks.scaling.measure import Sweep, measure
from benchmarks.scaling.picture import draw
from benchmarks.scaling.steps import StepTimes
from benchmarks.scaling.summary import (
    KINDS,
    LATENCY,
    STRONG,
    WEAK,
    describe_machine,
    keep,
    summarize,
    to_markdown,
)
from floodscan import Recipe
from floodscan.clusters import open_client
from floodscan.clusters.profile import load_profile
from floodscan.model import SearchPrices
from floodscan.testing.made_up_items import MadeUpItems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from benchmarks.scaling.measure import Json

_SLOT_SEARCHES = 9  # in an event: four phases of two sensors, and the DEM
_SELDOM_DAYS = 12
_WARM_UP_EVENTS = 48  # for each worker


def plan_scaling(
    given: argparse.Namespace, n_workers: int, folder: Path
) -> Iterator[tuple[str, Sweep]]:
    """List the sweeps that run on a number of workers."""
    most = max(given.workers)
    for kind, n_events in (
        (STRONG, given.events),
        (WEAK, max(given.events * n_workers // most, 1)),
    ):
        if kind in given.show:
            catalog = TimedCatalog(mean_seconds=given.latency)
            events = make_events(n_events, folder)
            yield (
                kind,
                Sweep(
                    events=events, catalog=catalog, recipe=Recipe(), in_flight=None, folder=folder
                ),
            )
    if LATENCY in given.show and n_workers == most:
        for in_flight in given.in_flight:
            yield LATENCY, plan_latency(given, in_flight, folder)


def plan_latency(given: argparse.Namespace, in_flight: int, folder: Path) -> Sweep:
    """Plan a sweep with many searches for each of the requests at once."""
    n_searches = max(given.rounds * in_flight, given.least_searches)
    return Sweep(
        events=make_events(math.ceil(n_searches / _SLOT_SEARCHES), folder),
        catalog=TimedCatalog(
            items=MadeUpItems(lean=True, every_days=_SELDOM_DAYS), mean_seconds=given.mean_wait
        ),
        recipe=Recipe(searches=SearchPrices(request_items=0)),
        in_flight=in_flight,
        folder=folder,
    )


@contextmanager
def open_workers(given: argparse.Namespace, n_workers: int, folder: Path) -> Iterator[Client]:
    """Open a cluster, wait for its workers, and let them import, connect and warm up."""
    processes = load_profile(given.profile).values.get("processes", 1) if given.profile else 1
    with open_client(given.cluster, n_workers=n_workers, profile=given.profile) as client:
        client.wait_for_workers(n_workers * processes)
        client.register_plugin(StepTimes())
        events = make_events(min(_WARM_UP_EVENTS * n_workers * processes, given.events), folder)
        measure(
            Sweep(
                events=events,
                catalog=TimedCatalog(),
                recipe=Recipe(),
                in_flight=None,
                folder=folder,
            ),
            client,
        )
        yield client


def run_all(given: argparse.Namespace, folder: Path) -> Iterator[Json]:
    """Run all sweeps."""
    for n_workers in given.workers:
        with open_workers(given, n_workers, folder) as client:
            for kind, sweep in plan_scaling(given, n_workers, folder):
                for repeat in range(given.repeats):
                    run = measure(sweep, client)
                    head = {
                        "kind": kind,
                        "cluster": given.cluster,
                        "n_workers": n_workers,
                        "repeat": repeat,
                    }
                    print(
                        f"{head} at once: {sweep.in_flight}  {run['wall_seconds']:.2f} s",
                        flush=True,
                    )
                    yield {**head, **run, **describe_machine()}


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cluster", choices=["local", "slurm", "allocation"], default="local")
    parser.add_argument("--profile", help="settings of worker jobs, for slurm and allocation")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--show", choices=KINDS, nargs="+", default=KINDS)
    parser.add_argument(
        "--events", type=int, default=400, help="in the strong sweep and the largest weak one"
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, help="mean seconds of a search in strong and weak"
    )
    parser.add_argument(
        "--in-flight", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64], metavar="N"
    )
    parser.add_argument(
        "--mean-wait", type=float, default=0.25, help="mean seconds of a search in latency"
    )
    parser.add_argument(
        "--rounds", type=int, default=100, help="searches for each request at once in latency"
    )
    parser.add_argument("--least-searches", type=int, default=160, help="in latency")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmarks/results"),
        help="a folder that all workers can write to",
    )
    return parser.parse_args()


def report(runs: Sequence[Json], out: Path) -> None:
    """Keep the runs, print the tables, and draw the picture."""
    kept = keep(runs, out / "scaling.parquet")
    sums = summarize(kept)
    print(to_markdown(sums))
    draw(sums, out / "scaling.png", machine=kept["machine"].iloc[-1])


def main() -> None:
    """Run, keep, print and draw; an interrupted benchmark keeps its finished runs."""
    # without a handler a driver that gets SIGTERM leaves its worker jobs behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    given = read_arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    runs: list[Json] = []
    try:
        with tempfile.TemporaryDirectory(dir=given.out.absolute(), prefix=".scaling-") as name:
            runs.extend(run_all(given, Path(name)))
    finally:
        if runs:
            report(runs, given.out)


if __name__ == "__main__":
    main()
