"""A batch that ends its workers: which of its events does it, so that one bad event costs one event.

It runs alone here, so that whatever ends a worker is in it. It may have been suspected for a neighbour's sake, or for a
node's: then it simply runs. Else it is cut in halves, and those that end a worker in halves again, without writing
anything; what remains when the bad events are known is run as ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dask.delayed import delayed
from distributed import KilledWorker

from floodscan.engine.graph import draw_batch, draw_sections
from floodscan.outcomes import WORKER_LOST, give_up
from floodscan.pipeline import write
from floodscan.planning import plan_batch, plan_searches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from floodscan.outcomes import Outcome
    from floodscan.pipeline import BatchResult, Run
    from floodscan.planning import Batch, BatchPlan

_REASON = f"{WORKER_LOST} (each worker that took it ended without a word; --retry-failed tries again)"


def isolate(run: Run, batch: Batch, client: Client) -> BatchResult:
    """Run a batch without the events that end their workers; those fail.

    Args:
        run: What all batches share.
        batch: A batch that was suspected.
        client: Of a cluster that does nothing else now.
    """
    plan = plan_batch(batch, run.recipe)
    given_up: list[Outcome] = []
    while plan.plans:
        try:
            result: BatchResult = client.compute(draw_batch(run, plan, given_up=given_up)).result()
        except KilledWorker:
            bad = list(_find_bad(run, plan, client)) or [each.event.event_id for each in plan.plans]
            given_up += [give_up(each, _REASON) for each in plan.plans if each.event.event_id in bad]
            plan = _without(plan, bad, run)
        else:
            return result
    return write(run, batch.name, [], given_up=given_up)


def _find_bad(run: Run, plan: BatchPlan, client: Client) -> Iterator[str]:
    """Name the events that end a worker when they are on their own."""
    if len(plan.plans) == 1:
        yield plan.plans[0].event.event_id
        return
    for half in _halves(plan, run):
        try:
            client.compute(delayed(_count)(draw_sections(run, half))).result()
        except KilledWorker:
            yield from _find_bad(run, half, client)


def _count(sections: Sequence[object]) -> int:
    """Give something small in place of what was chosen."""
    return len(sections)


def _halves(plan: BatchPlan, run: Run) -> Iterator[BatchPlan]:
    middle = len(plan.plans) // 2
    for plans in (plan.plans[:middle], plan.plans[middle:]):
        yield replace(plan, plans=plans, carriers=plan_searches(plans, run.recipe))


def _without(plan: BatchPlan, event_ids: Sequence[str], run: Run) -> BatchPlan:
    plans = tuple(each for each in plan.plans if each.event.event_id not in event_ids)
    return replace(plan, plans=plans, carriers=plan_searches(plans, run.recipe))
