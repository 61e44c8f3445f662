"""Predict sweeps that are too large to run here, and check the predictions against sweeps that ran.

    uv run python -m benchmarks.model [--write]

1. Costs: CPU seconds of an event, a request, an item and a task, from six sweeps on one worker.
2. Check: the model's time of other sweeps beside their measured time. Some wait for a slow catalog,
   some keep the cores busy.
3. Simulation: the real scheduler with 2,048 places for tasks, which sleep.
4. Prediction: 1,000,000 events on 16 nodes of 128 cores, for several limits of the catalog.

With ``--write`` the costs become those by which ``floodscan plan`` estimates.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

import orjson

from benchmarks.model.check import check
from benchmarks.model.costs import fit_costs, measure_points
from benchmarks.model.simulation import Simulation, simulate
from benchmarks.scaling.summary import describe_machine
from floodscan.planning.estimate import Costs, Setup, SweepSize, estimate

_COSTS_PATH = Path(__file__).parents[2] / "floodscan" / "data" / "costs.json"
_N_EVENTS = 1_000_000
_N_CORES = 16 * 128
_REQUEST_SECONDS = 1.7
_LIMITS = ((64, None), (256, 100.0), (256, None), (2048, 100.0), (2048, None))
_ITEMS_OF_AN_EVENT, _CANDIDATES_OF_AN_EVENT = 330, 180  # of the 913 floods of the Dartmouth list


def show_costs(costs: Costs) -> str:
    """Write the costs as a table."""
    rows = [f"| {name} | {seconds * 1000:.3f} |" for name, seconds in asdict(costs).items()]
    return "\n".join(["| cost of | CPU, ms |", "|---|---:|", *rows])


def show_simulation(found: Simulation) -> str:
    """Write what the scheduler did."""
    return (
        f"{found.n_tasks:,} tasks on {found.n_places:,} places took {found.seconds:.1f} s. They "
        f"slept {found.asleep / found.n_places:.1f} s a place. The engine and the scheduler took "
        f"{found.cpu_of_a_task * 1000:.2f} ms of CPU a task."
    )


def show_predictions(costs: Costs, requests_of_an_event: float) -> str:
    """Write the time of a million events for several limits of the catalog."""
    size = SweepSize(
        n_events=_N_EVENTS,
        n_requests=_N_EVENTS * requests_of_an_event,
        n_items=_N_EVENTS * _ITEMS_OF_AN_EVENT,
        n_candidates=_N_EVENTS * _CANDIDATES_OF_AN_EVENT,
        n_choices=_N_EVENTS,
    )
    lines = ["| requests at once | a second | hours | bottleneck |", "|---:|---:|---:|---|"]
    for in_flight, per_second in _LIMITS:
        setup = Setup(
            n_cores=_N_CORES,
            request_seconds=_REQUEST_SECONDS,
            in_flight=in_flight,
            per_second=per_second,
        )
        found = estimate(size, setup, costs)
        limit = "no limit" if per_second is None else f"{per_second:.0f}"
        hours = f"{found.seconds / 3600:.1f}"
        lines.append(f"| {in_flight} | {limit} | {hours} | {found.bottleneck} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, check, simulate and predict."""
    options = argparse.ArgumentParser(description="Predict large sweeps.")
    options.add_argument("--events", type=int, default=192, help="of each measured sweep")
    options.add_argument("--batches", type=int, default=400, help="of the simulation")
    options.add_argument("--nodes", type=int, nargs=2, default=[8, 256], metavar=("N", "PLACES"))
    options.add_argument("--pace", type=float, default=1.0, help="factor for the time of tasks")
    options.add_argument("--requests", type=float, default=1.0, help="of an event; default 1.0")
    options.add_argument("--write", action="store_true", help="keep the costs for floodscan plan")
    given = options.parse_args()
    costs = fit_costs(measure_points(given.events))
    print(show_costs(costs), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(check(costs, n_events=given.events, folder=Path(folder)), end="\n\n", flush=True)
    n_nodes, n_places = given.nodes
    found = simulate(given.batches, n_nodes=n_nodes, n_threads=n_places, scale=given.pace)
    print(show_simulation(found), end="\n\n", flush=True)
    print(show_predictions(costs, given.requests))
    if given.write:
        kept = {"costs": asdict(costs), "measured": describe_machine()}
        _COSTS_PATH.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
