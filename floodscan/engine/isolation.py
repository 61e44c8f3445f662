"""A batch that ends its workers: which of its events does it, so that one bad event costs one event.

The batch runs alone here, so that whatever ends a worker is in it. It may have been suspected for a
neighbour's sake, or for a node's: then it simply runs. Else it is cut into its events, which are
tried side by side and written to a folder that goes at once, and those that seem to end a worker
once more, each alone. What remains is run as ever; should that end workers too, it may have been a
node again, and all is done once more.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING

from distributed import KilledWorker, wait

from floodscan.assessment.outcomes import WORKER_LOST, give_up
from floodscan.engine.graph import draw_batch
from floodscan.pipeline import write
from floodscan.planning.slots import plan_batch, plan_searches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from floodscan.assessment.outcomes import Outcome
    from floodscan.pipeline import BatchResult, Run
    from floodscan.planning.slots import Batch, BatchPlan, EventPlan

_REASON = (
    f"{WORKER_LOST} (each worker that took it ended without a word; --retry-failed tries again)"
)
_MOST_ROUNDS = 3


def isolate(run: Run, batch: Batch, client: Client) -> BatchResult:
    """Run a batch without the events that end their workers; those fail.

    Args:
        run: What all batches share.
        batch: A batch that was suspected.
        client: Of a cluster that does nothing else now.
    """
    plan = plan_batch(batch, run.recipe)
    bad: list[EventPlan] = []
    for _ in range(_MOST_ROUNDS):
        rest = _part(run, plan, [each for each in plan.plans if each not in bad])
        if result := _try(run, rest, bad, client):
            return result
        bad += _find_bad(run, rest, client)
    return write(run, batch.name, [], given_up=_give_up(plan.plans))


def _try(run: Run, plan: BatchPlan, bad: Sequence[EventPlan], client: Client) -> BatchResult | None:
    """Run a batch; None where it ends its workers."""
    try:
        result: BatchResult = client.compute(draw_batch(run, plan, given_up=_give_up(bad))).result()
    except KilledWorker:
        return None
    return result


def _find_bad(run: Run, plan: BatchPlan, client: Client) -> list[EventPlan]:
    """List the events that end a worker by themselves."""
    suspects = _find_deadly(run, plan, plan.plans, client)
    return [each for each in suspects if _find_deadly(run, plan, [each], client)]


def _find_deadly(
    run: Run, plan: BatchPlan, plans: Sequence[EventPlan], client: Client
) -> list[EventPlan]:
    """Try events side by side, and list those whose tasks were on workers that ended."""
    with _on_trial(run) as trial:
        futures = client.compute([draw_batch(trial, _part(run, plan, [each])) for each in plans])
        wait(futures)
    endings = zip(plans, (future.exception() for future in futures), strict=True)
    return [each for each, error in endings if isinstance(error, KilledWorker)]


@contextmanager
def _on_trial(run: Run) -> Iterator[Run]:
    """Give the run another folder, on the same disk."""
    folder = replace(run.folder, path=run.folder.path / f".{uuid.uuid4().hex}.trial")
    folder.prepare()
    try:
        yield replace(run, folder=folder)
    finally:
        rmtree(folder.path, ignore_errors=True)


def _part(run: Run, plan: BatchPlan, plans: Sequence[EventPlan]) -> BatchPlan:
    return replace(plan, plans=tuple(plans), merged_searches=plan_searches(plans, run.recipe))


def _give_up(plans: Sequence[EventPlan]) -> list[Outcome]:
    return [give_up(each, _REASON) for each in plans]
