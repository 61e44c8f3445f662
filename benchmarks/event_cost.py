"""Measure the CPU time of an event once its answers are there: score, select, assess and write.

    uv run python -m benchmarks.event_cost [--events 300] [--repeats 5]

The events are the latest floods, in the batches and parts of a sweep. The items are generated and
lie wherever and whenever a search looks, so an event has some 130 candidates. The same events are
then processed with empty answers. Everything runs in this process, on one core; the times of the
stages are medians of the repeats, and files are written to a temporary folder.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.sweeps import latest_events, write_catalog
from floodscan import Policy, Recipe, pipeline
from floodscan.catalogs import StacApiCatalog
from floodscan.catalogs.base import Answer
from floodscan.geometry import rasters
from floodscan.pipeline import Run
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.schemas import ITEMS
from floodscan.store import RunFolder
from floodscan.testing.servers.launch import lean_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from floodscan import Event
    from floodscan.model import Search
    from floodscan.planning.slots import BatchPlan

    Answered = list[tuple[BatchPlan, Mapping[Search, Answer]]]
    Costs = dict[str, float]

STAGES = {"score": "score", "select": "select_scenes", "assess": "assess_events"}
"""The functions that ``pipeline.choose`` calls; the rest of its time is ``other``."""

LIMITS_MS = {Policy.REFERENCE: 3.0, Policy.CHANGE_DETECTION: 6.0}
LIMIT_EMPTY_MS = 1.5


def search_all(
    events: Sequence[Event], policies: Sequence[Policy], folder: Path
) -> dict[Policy, Answered]:
    """Plan the batches of each policy, and search for them on a generated catalog."""
    write_catalog(events, Recipe(policy=Policy.CHANGE_DETECTION), folder)  # its windows are wider
    with lean_server(folder, landing_id="generated", log=folder / "server.log") as server:
        catalog = StacApiCatalog(server.url)
        return {
            policy: [
                (plan, {search: catalog.search(search) for search in plan.searches})
                for batch in cut_batches(list_events(events), run_id="")
                for plan in [plan_batch(batch, Recipe(policy=policy), find_api=lambda _: "api")]
            ]
            for policy in policies
        }


def empty(answered: Answered) -> Answered:
    """Replace all answers by empty ones."""
    none = Answer(items=ITEMS.empty_table(), complete=True, n_requests=1)
    return [(plan, dict.fromkeys(answers, none)) for plan, answers in answered]


def measure(answered: Answered, policy: Policy, out: Path, *, repeats: int) -> Costs:
    """Choose and write all batches, and return milliseconds of CPU an event by stage."""
    n_events = sum(len(plan.plans) for plan, _ in answered)
    recipe = Recipe(policy=policy)
    runs = [_spend(answered, recipe, out / str(number)) for number in range(repeats + 1)]
    return {name: median(run[name] for run in runs[1:]) / n_events * 1e3 for name in runs[0]}


def _spend(answered: Answered, recipe: Recipe, out: Path) -> Costs:
    """Return the CPU seconds of each stage; files are written to a new folder.

    The tiles that an earlier run has drawn are forgotten, as a sweep draws its tiles itself.
    """
    spent = dict.fromkeys([*STAGES, "other", "write", "all"], 0.0)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: object, **named: object) -> object:
            started = process_time()
            done = work(*values, **named)
            spent[name] += process_time() - started
            return done

        return call

    stages = {own: timed(name, getattr(pipeline, own)) for name, own in STAGES.items()}
    gc.collect()
    rasters._draw_tile.cache_clear()  # noqa: SLF001 - a run of its own has drawn nothing yet
    rasters._square.cache_clear()  # noqa: SLF001 - likewise
    run = _make_run(recipe, RunFolder(out))
    run.folder.prepare()
    with patch.multiple(pipeline, **stages):
        started = process_time()
        for plan, answers in answered:
            parts = [pipeline.choose(run, part, answers) for part in plan.parts()]
            timed("write", pipeline.write)(run.folder, plan.name, parts, given_up=())
        spent["all"] = process_time() - started
    spent["other"] = spent["all"] - sum(spent[name] for name in (*STAGES, "write"))
    return spent


def _make_run(recipe: Recipe, folder: RunFolder) -> Run:
    """Make a run that has its answers already."""
    return Run(catalog=None, catalog_id="generated", recipe=recipe, folder=folder)  # type: ignore[arg-type]


def count_candidates(answered: Answered, policy: Policy) -> float:
    """Return the number of candidates an event; nothing is written."""
    run = _make_run(Recipe(policy=policy), RunFolder(Path("unused")))
    n_events = sum(len(plan.plans) for plan, _ in answered)
    parts = [pipeline.choose(run, part, a) for plan, a in answered for part in plan.parts()]
    return sum(len(part.candidates) for part in parts) / n_events


def measure_all(n_events: int, *, repeats: int) -> dict[tuple[Policy, bool], Costs]:
    """Measure both policies, with answers (True) and with empty ones (False).

    Files are deleted at the end: just after, some file systems take longer to create files.
    """
    with TemporaryDirectory(prefix="floodscan-benchmark-") as name:
        folder = Path(name)
        found = search_all(latest_events(n_events, folder), list(Policy), folder)
        return {
            (policy, full): measure(
                each if full else empty(each), policy, folder / f"{policy}-{full}", repeats=repeats
            )
            for policy, each in found.items()
            for full in (True, False)
        }


def report(found: Mapping[tuple[Policy, bool], Costs]) -> str:
    """Write the costs as a table."""
    stages = list(next(iter(found.values())))
    lines = [
        f"| policy | answers | {' | '.join(stages)} | wanted |",
        "|---|---|" + "---:|" * (len(stages) + 1),
    ]
    for (policy, full), costs in found.items():
        limit = LIMITS_MS[policy] if full else LIMIT_EMPTY_MS
        cells = " | ".join(f"{costs[name]:.2f}" for name in stages)
        lines.append(f"| {policy} | {'full' if full else 'empty'} | {cells} | ≤ {limit:g} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print milliseconds of CPU an event."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    found = measure_all(given.events, repeats=given.repeats)
    print(f"{given.events} events; milliseconds of CPU an event, medians of {given.repeats}")
    print(report(found))


if __name__ == "__main__":
    main()
