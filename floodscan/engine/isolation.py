"""A batch whose workers crash: find the events that crash them, so that only those events fail.

Such a batch runs alone on the cluster, so every crash is one of its own. Earlier crashes may have
another cause: another batch, or the loss of a node. So the batch is tried as a whole first. If
workers crash again, its events are tried one by one, side by side, with results in a folder that
is thrown away. Suspicious events are tried once more, each alone on the cluster. Then the batch
runs without the events that crashed their workers twice. If workers still crash, a node may have
been lost meanwhile, and all of this is repeated.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING

from distributed import KilledWorker, wait

from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import give_up
from floodscan.engine.graph import draw_batch
from floodscan.pipeline import write
from floodscan.planning.slots import narrow_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from floodscan.assessment.outcomes import Outcome
    from floodscan.pipeline import BatchResult, Run
    from floodscan.planning.slots import Batch, BatchPlan, EventPlan

_log = logging.getLogger(__name__)

_DETAIL = "every worker that ran it crashed; --retry-failed tries again"
_HINT = "look for the cause in the logs of the workers, then scan again with --retry-failed"
_MAX_ROUNDS = 3


def isolate(run: Run, batch: Batch, client: Client) -> BatchResult:
    """Run a batch without the events that crash their workers; those events fail.

    Args:
        run: Settings that all batches share.
        batch: A batch whose workers crashed.
        client: Client of a cluster that runs nothing else.
    """
    plan = run.plan(batch)
    bad: list[EventPlan] = []
    for _ in range(_MAX_ROUNDS):
        rest = _select(run, plan, [each for each in plan.plans if each not in bad])
        if result := _try(run, rest, bad, client):
            return result
        bad += _find_bad(run, rest, client)
        _log.warning("batch %s: %d events crash their workers", batch.name, len(bad))
    return write(run.folder, batch.name, [], given_up=_give_up(plan.plans))


def _try(run: Run, plan: BatchPlan, bad: Sequence[EventPlan], client: Client) -> BatchResult | None:
    """Run a batch; return None if its workers crash."""
    try:
        result: BatchResult = client.compute(draw_batch(run, plan, given_up=_give_up(bad))).result()
    except KilledWorker:
        return None
    return result


def _find_bad(run: Run, plan: BatchPlan, client: Client) -> list[EventPlan]:
    """Return the events that crash their workers, also when they run alone."""
    suspects = _find_crashing(run, plan, plan.plans, client)
    return [each for each in suspects if _find_crashing(run, plan, [each], client)]


def _find_crashing(
    run: Run, plan: BatchPlan, plans: Sequence[EventPlan], client: Client
) -> list[EventPlan]:
    """Try events side by side, and return those whose workers crashed."""
    with _trial_folder(run) as trial:
        futures = client.compute([draw_batch(trial, _select(run, plan, [each])) for each in plans])
        wait(futures)
    errors = (future.exception() for future in futures)
    found = zip(plans, errors, strict=True)
    return [each for each, error in found if isinstance(error, KilledWorker)]


@contextmanager
def _trial_folder(run: Run) -> Iterator[Run]:
    """Let a run write to another folder on the same disk, and remove that folder at the end."""
    folder = replace(run.folder, path=run.folder.path / f".{uuid.uuid4().hex}.trial")
    folder.prepare()
    try:
        yield replace(run, folder=folder)
    finally:
        rmtree(folder.path, ignore_errors=True)


def _select(run: Run, plan: BatchPlan, plans: Sequence[EventPlan]) -> BatchPlan:
    """Return the plan of a batch for some of its events."""
    return narrow_plan(plan, plans, run.recipe, find_api=run.find_api)


def _give_up(plans: Sequence[EventPlan]) -> list[Outcome]:
    return [give_up(each, Reason.WORKER_LOST, detail=_DETAIL, hint=_HINT) for each in plans]
