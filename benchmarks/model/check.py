"""The model beside sweeps that ran: each part of the system is the bottleneck of some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from benchmarks.client import slow_proxy
from benchmarks.model.runs import Case, run_alone
from floodscan.planning.estimate import CORES_OF_A_PROCESS, Costs, Estimate, Setup, estimate
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.model.runs import Ran

_HEADER = (
    "| workers | events | latency, s | at once | measured, s | model, s | ratio | bottleneck |"
)
_CATALOG = "one core of the catalog"
_MOST_REQUESTS = 40
"""Requests for each one at once: few at once have few events, so that no sweep takes minutes."""


def list_cases(n_events: int, latency: float) -> list[Case]:
    """List the sweeps: in one process and on workers, behind long latency and behind none."""
    limited = [
        Case(n_workers, min(n_events, max(_MOST_REQUESTS * at_once, 4)), latency, at_once)
        for n_workers, at_once in ((0, 1), (0, 4), (0, 16), (2, 16), (0, 64), (2, 64))
    ]
    slow = Case(0, n_events, 8 * latency, 32)
    return [*(Case(n_workers, n_events) for n_workers in (0, 1, 2)), *limited, slow]


def check(costs: Costs, n_events: int, latency: float, folder: Path) -> str:
    """Run sweeps, and write their measured times beside those of the model.

    Args:
        costs: The costs of the default policy.
        n_events: Most events of a sweep.
        latency: Delay of a request, s; that of one sweep is eight times as long.
        folder: A folder with ``events.csv`` and the catalog for them.
    """
    lines = [_HEADER, "|---:" * 7 + "|---|"]
    for number, case in enumerate(list_cases(n_events, latency)):
        log = folder / f"server-{number}.log"
        with (
            lean_server(folder, landing_id="generated", log=log) as server,
            slow_proxy(server.url, case.latency) as proxy,
        ):
            url = proxy if case.latency else server.url
            ran = run_alone(case, url, folder / "events.csv", folder / f"check-{number}")
        lines.append(_compare(case, ran, costs))
    return "\n".join(lines)


def _compare(case: Case, ran: Ran, costs: Costs) -> str:
    n_cores = psutil.cpu_count() or 1
    setup = Setup(
        n_cores=min(CORES_OF_A_PROCESS * max(case.n_workers, 1), n_cores),
        request_seconds=case.latency,
        in_flight=case.in_flight,
        machine_cores=n_cores,
        other_cpu=ran.other_cpu,
        has_tasks=case.n_workers > 0,
    )
    found = estimate(ran.size, setup, costs)
    # uvicorn serves the catalog in one process
    limits = {**found.limits, _CATALOG: ran.busiest_cpu}
    found = Estimate(max(found.seconds, ran.busiest_cpu), limits)
    at_once = case.in_flight or "no limit"
    return (
        f"| {case.n_workers or 'none'} | {case.n_events} | {case.latency:g} | {at_once} "
        f"| {ran.seconds:.2f} | {found.seconds:.2f} | {found.seconds / ran.seconds:.2f} "
        f"| {found.bottleneck} |"
    )
