"""A sweep over a STAC API in a process of its own: what it did, and how long it took."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import psutil

import floodscan
from floodscan import Recipe, read_events
from floodscan.catalogs import Access
from floodscan.clusters.local import open_local_client
from floodscan.planning.estimate import SweepSize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from distributed import Client
    from numpy.typing import NDArray

_WARM_UP_EVENTS = 24


class Case(NamedTuple):
    """How a sweep runs.

    Attributes:
        n_workers: Worker processes of a local cluster; 0 runs the sweep in one process.
        n_events: Number of events, from the end of the list.
        latency: Seconds by which each request is delayed.
        in_flight: Most requests at once; None for no limit.
    """

    n_workers: int
    n_events: int
    latency: float = 0.0
    in_flight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A sweep that ran.

    Attributes:
        size: How much it did.
        seconds: Wall time, from the events to the merged tables.
        worker_cpu: CPU seconds of the workers.
        driver_cpu: CPU seconds of the driver and its scheduler; in one process, of everything.
        other_cpu: CPU seconds of the processes that serve the catalog.
        busiest_cpu: CPU seconds of the busiest of these. It can't use more than one core.
    """

    size: SweepSize
    seconds: float
    worker_cpu: float
    driver_cpu: float
    other_cpu: float
    busiest_cpu: float


def run_alone(case: Case, url: str, events: Path, out: Path) -> Ran:
    """Run a sweep in a fresh process, whose CPU is its own.

    Args:
        case: How it runs.
        url: The catalog, which child processes of this one serve.
        events: Event file.
        out: Folder for the results, which is not there yet.
    """
    servers = [psutil.Process(), *psutil.Process().children(recursive=True)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:  # of ``multiprocessing``, it may not have children
        before = _list_cpu(servers)
        size, *figures = pool.submit(_run, case, url, events, out).result()
        others = _list_cpu(servers) - before
    seconds, worker_cpu, driver_cpu = figures
    return Ran(
        size=size,
        seconds=seconds,
        worker_cpu=worker_cpu,
        driver_cpu=driver_cpu,
        other_cpu=float(others.sum()),
        busiest_cpu=float(others.max()),
    )


def _list_cpu(processes: Iterable[psutil.Process]) -> NDArray[np.float64]:
    times = [process.cpu_times() for process in processes]
    return np.array([time.user + time.system for time in times])


def _run(case: Case, url: str, path: Path, out: Path) -> tuple[SweepSize, float, float, float]:
    events = read_events(path, phase_offset_days=Recipe().phase_offset_days)[-case.n_events :]
    access = Access(max_in_flight=case.in_flight)
    cluster = open_local_client(case.n_workers) if case.n_workers else nullcontext()
    with cluster as client:
        if client is not None:
            client.wait_for_workers(case.n_workers)
        floodscan.scan(events[:_WARM_UP_EVENTS], catalog=url, client=client)
        before, started, driver = _cpu_of_workers(client), perf_counter(), process_time()
        result = floodscan.scan(events, catalog=url, out=out, client=client, access=access)
        seconds, driver = perf_counter() - started, process_time() - driver
        worker = _cpu_of_workers(client) - before
    return size_of(result), seconds, worker, driver


def _cpu_of_workers(client: Client | None) -> float:
    return 0.0 if client is None else sum(client.run(process_time).values())


def size_of(result: floodscan.ScanResult) -> SweepSize:
    """Return how much a sweep did; a search without a request is joined with an archive."""
    searches = result.folder.searches.read(["n_requests", "n_items"])
    n_requests, n_items = (searches[name].to_numpy() for name in searches.column_names)
    joined = n_requests == 0
    of_events = result.folder.read_events()["n_candidates"].to_numpy()
    return SweepSize(
        n_events=len(of_events),
        n_requests=int(n_requests.sum()),
        n_items=int(n_items[~joined].sum()),
        n_joined_items=int(n_items[joined].sum()),
        n_candidates=int(of_events.sum()),
        n_choices=int(np.count_nonzero(of_events)),
    )
