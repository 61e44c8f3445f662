"""The model beside sweeps that ran: each part of the system is the bottleneck of some."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import psutil

from benchmarks.scaling.catalog import TimedCatalog
from benchmarks.scaling.events import make_events
from benchmarks.scaling.measure import Sweep, measure
from floodscan import Recipe
from floodscan.clusters.local import open_local_client
from floodscan.model import SearchPrices
from floodscan.planning.estimate import Costs, Setup, SweepSize, estimate
from floodscan.testing.made_up_items import MadeUpItems

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.scaling.measure import Json

CORES_OF_A_WORKER = 1.2
"""Cores that the threads of one process keep busy: the interpreter runs one of them at a time."""

_HEADER = "| workers | requests at once | wait, s | measured, s | model, s | ratio | bottleneck |"
_WORKERS = (1, 2)
_IN_FLIGHT = (1, 4, 16, 64)


class Case(NamedTuple):
    """A sweep to check.

    Attributes:
        n_workers: Worker processes.
        in_flight: Most requests at once; None for no limit.
        seconds: Mean time of a request.
    """

    n_workers: int
    in_flight: int | None
    seconds: float


def check(costs: Costs, n_events: int, wait: float, folder: Path) -> str:
    """Run sweeps, and write their measured times beside those of the model."""
    lines = [_HEADER, "|---:" * 6 + "|---|"]
    n_cores = psutil.cpu_count() or 1
    for n_workers in _WORKERS:
        cases = [Case(n_workers, None, 0.0)]
        if n_workers == max(_WORKERS):
            cases += [Case(n_workers, in_flight, wait) for in_flight in _IN_FLIGHT]
        with open_local_client(n_workers) as client:
            client.wait_for_workers(n_workers)
            measure(_plan(Case(n_workers, None, 0.0), 48, folder), client)
            for case in cases:
                n = n_events if case.in_flight is None else _count_events(case.in_flight, n_events)
                run = measure(_plan(case, n, folder), client)
                lines.append(_compare(case, run, costs, n_cores))
    shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(lines)


def _count_events(in_flight: int, n_events: int) -> int:
    """Let few requests at once have few events, so that no sweep takes minutes."""
    return max(n_events * in_flight // max(_IN_FLIGHT), 8)


def _plan(case: Case, n_events: int, folder: Path) -> Sweep:
    busy = case.in_flight is None
    return Sweep(
        events=make_events(n_events, folder),
        catalog=TimedCatalog(
            items=MadeUpItems(lean=True, every_days=3 if busy else 12), mean_seconds=case.seconds
        ),
        recipe=Recipe() if busy else Recipe(searches=SearchPrices(request_items=0)),
        in_flight=case.in_flight,
        folder=folder,
    )


def _compare(case: Case, run: Json, costs: Costs, n_cores: int) -> str:
    size = SweepSize(
        n_events=run["n_events"],
        n_requests=run["n_searches"],
        n_items=run["n_items"],
        n_candidates=run["n_candidates"],
        n_choices=run["n_events"],
    )
    setup = Setup(
        n_cores=min(CORES_OF_A_WORKER * case.n_workers, n_cores),
        request_seconds=run["drawn_seconds"] / run["n_searches"],
        in_flight=case.in_flight,
        driver_apart=False,
    )
    found = estimate(size, setup, costs)
    ratio = found.seconds / run["wall_seconds"]
    return (
        f"| {case.n_workers} | {case.in_flight or 'no limit'} | {case.seconds} "
        f"| {run['wall_seconds']:.2f} | {found.seconds:.2f} | {ratio:.2f} | {found.bottleneck} |"
    )
