"""Predict sweeps that are too large to run here, and check the predictions against sweeps that ran.

    uv run python -m benchmarks.model [--write [FILE]]

1. Simulation: the real scheduler with 2,048 places for tasks, which sleep.
2. Costs: CPU seconds of each stage alone, and of the tasks and the driver of a small cluster.
3. Check: the model's time of sweeps beside their measured time, over HTTP. Some wait for a slow
   catalog, some keep the cores busy.
4. Prediction: 1,000,000 events on 16 nodes of 128 cores, for several limits of the catalog.

With ``--write`` the costs become those by which ``floodscan plan`` estimates.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from benchmarks.model.check import check
from benchmarks.model.costs import measure_costs
from benchmarks.model.simulation import Simulation, simulate
from benchmarks.scaling.summary import describe_machine
from floodscan import Policy, Recipe, read_events
from floodscan.planning.estimate import Costs, Setup, SizeCounter, SweepSize, estimate
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.testing.event_lists import write_event_list

if TYPE_CHECKING:
    from collections.abc import Mapping

_COSTS_PATH = Path(__file__).parents[2] / "floodscan" / "data" / "costs.json"
_N_EVENTS = 1_000_000
_N_CORES = 16 * 128
_REQUEST_SECONDS = 1.7
_LIMITS = ((64, None), (256, 100.0), (256, None), (2048, 100.0), (2048, None))
_SAMPLE_EVENTS = 2000


def show_costs(costs: Mapping[Policy, Costs]) -> str:
    """Write the costs as a table."""
    names = [field.name for field in fields(Costs) if field.name != "item_bytes"]
    rows = [
        " | ".join([name, *(f"{getattr(each, name) * 1000:.3f}" for each in costs.values())])
        for name in names
    ]
    head = f"| CPU, ms | {' | '.join(costs)} |"
    return "\n".join([head, "|---" + "|---:" * len(costs) + "|", *(f"| {row} |" for row in rows)])


def show_simulation(found: Simulation) -> str:
    """Write what the scheduler did."""
    return (
        f"{found.n_tasks:,} tasks on {found.n_places:,} places took {found.seconds:.1f} s. They "
        f"slept {found.asleep / found.n_places:.1f} s a place. The engine and the scheduler took "
        f"{found.cpu_of_a_task * 1000:.2f} ms of CPU a task."
    )


def expect_size(folder: Path) -> SweepSize:
    """Plan a sample of generated floods, and return the size of a million of them."""
    path, recipe = folder / "floods.parquet", Recipe()
    write_event_list(path, n_events=_SAMPLE_EVENTS)
    events = read_events(path, phase_offset_days=recipe.phase_offset_days)
    counter = SizeCounter(recipe)
    planned = (plan_batch(batch, recipe) for batch in cut_batches(list_events(events), run_id=""))
    for _ in counter.count(planned):
        pass
    factor = _N_EVENTS // _SAMPLE_EVENTS
    return SweepSize(**{name: count * factor for name, count in asdict(counter.size).items()})


def show_predictions(costs: Costs, size: SweepSize) -> str:
    """Write the time of a million events for several limits of the catalog."""
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
    options.add_argument("--events", type=int, default=300, help="of a measured sweep, at most")
    options.add_argument("--batches", type=int, default=400, help="of the simulation")
    options.add_argument("--nodes", type=int, nargs=2, default=[8, 256], metavar=("N", "PLACES"))
    options.add_argument("--pace", type=float, default=1.0, help="factor for the time of tasks")
    options.add_argument("--latency", type=float, default=0.2, help="of a request, s")
    options.add_argument("--repeats", type=int, default=3, help="of each cost")
    options.add_argument("--archive", type=Path, help="a generated one; default: make one")
    options.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=_COSTS_PATH,
        metavar="FILE",
        help="keep the costs; default: where floodscan plan reads them",
    )
    given = options.parse_args()
    n_nodes, n_places = given.nodes
    found = simulate(given.batches, n_nodes=n_nodes, n_threads=n_places, scale=given.pace)
    print(show_simulation(found), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder, task = Path(name), found.cpu_of_a_task
        costs = measure_costs(
            given.events, repeats=given.repeats, task=task, folder=folder, archive=given.archive
        )
        print(show_costs(costs), end="\n\n", flush=True)
        usual = costs[Recipe().policy]
        print(check(usual, given.events, given.latency, folder), end="\n\n", flush=True)
        print(show_predictions(usual, expect_size(folder)))
    if given.write:
        kept = {
            "costs": {str(policy): asdict(each) for policy, each in costs.items()},
            "measured": describe_machine(),
        }
        given.write.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
