"""One batch on one page: ask, score, select, say, write; what comes back is a small row per event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import pyarrow as pa

from floodscan.catalogs.base import Answer
from floodscan.checks import assess
from floodscan.errors import CatalogError
from floodscan.manifest import build_manifest
from floodscan.outcomes import Outcome, conclude, find_shortfalls
from floodscan.scoring import score
from floodscan.selection import select
from floodscan.tables import ITEMS, SEARCHES, split_by_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.catalogs.base import Catalog
    from floodscan.checks import Assessment
    from floodscan.planning import Batch, EventPlan
    from floodscan.recipe import Recipe
    from floodscan.searches import Search
    from floodscan.store import RunFolder


_ANSWER_COLUMNS = ("complete", "n_pages", "n_requests", "n_retries", "n_bisections", "cached", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all batches of a run share.

    Attributes:
        catalog: Where items are searched.
        catalog_id: STAC id of the catalogue.
        recipe: The rules.
        folder: Where results go; workers write there themselves.
    """

    catalog: Catalog
    catalog_id: str
    recipe: Recipe
    folder: RunFolder


def ask(run: Run, search: Search) -> Answer:
    """Put one search to the catalogue; a search that fails is an answer too, with the problem in it."""
    started = perf_counter()
    try:
        answer = run.catalog.search(search)
    except CatalogError as err:
        answer = Answer(items=ITEMS.empty_table(), complete=False, n_requests=1, problem=str(err))
    return replace(answer, seconds=perf_counter() - started)


def finish_batch(run: Run, batch: Batch, answers: Sequence[Answer]) -> list[Outcome]:
    """Turn the answers of a batch into its part of the candidate table and its manifests, on disk.

    Args:
        run: What all batches share.
        batch: The events.
        answers: One per search of the batch, in that order.

    Returns:
        How each event ended, in the order of the batch.
    """
    shared = _share(batch, answers)
    items = pa.concat_tables([answer.items for answer in answers])
    slots = [slot for plan in batch.plans for slot in plan.slots]
    complete = [
        answered[plan.search_of(slot, run.recipe)].complete
        for plan, answered in zip(batch.plans, shared, strict=True)
        for slot in plan.slots
    ]
    scored = score(items, slots, run.recipe, complete=complete)
    candidates = select(scored, run.recipe.policy, plans=batch.plans, recipe=run.recipe)
    run.folder.write_candidates(batch.number, candidates)
    run.folder.write_searches(batch.number, tabulate_searches(batch, answers))
    of_event, assessments = split_by_event(candidates), assess(batch.plans, candidates, run.recipe)
    none = candidates.slice(0, 0)
    return [
        _finish_event(run, plan, of_event.get(event_id, none), answered, assessments[event_id])
        for event_id, plan, answered in zip(assessments, batch.plans, shared, strict=True)
    ]


def tabulate_searches(batch: Batch, answers: Sequence[Answer]) -> pa.Table:
    """Tell what became of the searches of a batch, a SEARCHES row each."""
    rows = [
        {
            "batch": batch.number,
            "collection": search.collection,
            **dict(zip(("west", "south", "east", "north"), search.bbox, strict=True)),
            "start": search.window and search.window.start,
            "end": search.window and search.window.end,
            "reason": answer.problem,
            "n_items": len(answer.items),
            **{name: getattr(answer, name) for name in _ANSWER_COLUMNS},
        }
        for search, answer in zip(batch.searches, answers, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=SEARCHES)


def _share(batch: Batch, answers: Sequence[Answer]) -> list[dict[Search, Answer]]:
    """Give each event the answers to its own questions; what a shared search took is put down to the first event."""
    answered = dict(zip(batch.searches, answers, strict=True))
    charged: set[Search] = set()
    shared: list[dict[Search, Answer]] = []
    for plan in batch.plans:
        own: dict[Search, Answer] = {}
        for question in plan.searches:
            carrier = batch.carrier_of(question)
            answer = answered[carrier].about(question)
            own[question] = replace(answer, n_requests=0, seconds=0.0) if carrier in charged else answer
            charged.add(carrier)
        shared.append(own)
    return shared


def _finish_event(
    run: Run, plan: EventPlan, candidates: pa.Table, answers: Mapping[Search, Answer], assessment: Assessment
) -> Outcome:
    shortfalls = find_shortfalls(plan, candidates, answers, run.recipe)
    manifest = build_manifest(
        plan,
        candidates,
        recipe=run.recipe,
        catalog_id=run.catalog_id,
        answers=answers,
        shortfalls=shortfalls,
        assessment=assessment,
    )
    run.folder.write_manifest(plan.event.event_id, manifest)
    return conclude(plan, candidates, answers, shortfalls, assessment)
