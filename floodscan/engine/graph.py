"""A batch as a small graph: its searches in lots, then a choice for each part, then one that writes."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from dask.base import annotate
from dask.delayed import delayed
from distributed.protocol import pickle

from floodscan.clusters.resources import SCORE, SEARCH
from floodscan.engine.rate_limiter import remember_worker
from floodscan.pipeline import ask, choose, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from dask.delayed import Delayed

    from floodscan.assessment.outcomes import Outcome
    from floodscan.catalogs.base import Answer
    from floodscan.model import Search
    from floodscan.pipeline import BatchPart, Run
    from floodscan.planning.slots import BatchPlan

LOT_SEARCHES = 16
"""Searches of one task, which asks them side by side: a task costs the scheduler a millisecond."""


def draw_batch(run: Run, plan: BatchPlan, *, given_up: Sequence[Outcome] = ()) -> Delayed:
    """Draw a batch's graph, which ends in a BatchResult."""
    finish = partial(write, run, plan.name, given_up=given_up)
    parts = _draw_parts(run, plan)
    with _kept_to(SCORE, run):
        return _draw(finish, parts)


def _draw_parts(run: Run, plan: BatchPlan) -> list[Delayed]:
    """Draw what comes before anything is written: each ends in a BatchPart."""
    searches = plan.searches
    lots = [
        searches[start : start + LOT_SEARCHES] for start in range(0, len(searches), LOT_SEARCHES)
    ]
    with _kept_to(SEARCH, run):
        answers = {lot: _draw(partial(ask_lot, run, lot)) for lot in lots}
    with _kept_to(SCORE, run):
        return [_draw_part(run, part, answers) for part in plan.parts()]


def _kept_to(place: str, run: Run) -> AbstractContextManager[None]:
    """Keep tasks that are drawn meanwhile to workers of a kind, where there are kinds."""
    kept: AbstractContextManager[None] = (
        annotate(resources={place: 1}) if run.search_on_driver else nullcontext()
    )
    return kept


def _draw_part(run: Run, part: BatchPlan, answers: dict[tuple[Search, ...], Delayed]) -> Delayed:
    needed = frozenset(part.searches)
    lots = [lot for lot in answers if not needed.isdisjoint(lot)]
    return _draw(partial(choose_part, run, part, lots), [answers[lot] for lot in lots])


def _draw(work: partial[Any], *inputs: list[Delayed]) -> Delayed:
    """Draw a task.

    What it is to do travels in bytes, a tenth of what it would take in the scheduler's memory.
    """
    name = f"{work.func.__name__}-{uuid.uuid4().hex}"
    task: Delayed = delayed(partial(_unpack_and_work, pickle.dumps(work)))(
        *inputs, dask_key_name=name
    )
    return task


def _unpack_and_work(packed: bytes, *inputs: object) -> object:
    return pickle.loads(packed)(*inputs)


def ask_lot(run: Run, searches: Sequence[Search]) -> list[Answer]:
    """Run a task of the first kind."""
    with suppress(
        ValueError
    ):  # in one process there is no worker, and no rate_limiter that asks for it
        remember_worker()
    return ask(run, searches)


def choose_part(
    run: Run,
    part: BatchPlan,
    lots: Iterable[Sequence[Search]],
    answers: Iterable[Sequence[Answer]],
) -> BatchPart:
    """Run a task of the second kind."""
    pairs = (zip(lot, answered, strict=True) for lot, answered in zip(lots, answers, strict=True))
    return choose(run, part, dict(pair for lot in pairs for pair in lot))
