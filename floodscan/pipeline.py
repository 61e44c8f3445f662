"""One batch on one page: ask, choose, write; what comes back is a small row."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floodscan.assessment import assess_events
from floodscan.assessment.outcomes import count_outcomes, tabulate_outcomes
from floodscan.catalogs.base import Answer
from floodscan.errors import CatalogError, FloodscanError, public_traceback
from floodscan.schemas import CANDIDATES, ITEMS, SEARCHES, make_table, pack_table, unpack_table
from floodscan.selection import select
from floodscan.selection.candidates import score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from floodscan.assessment.outcomes import Outcome
    from floodscan.catalogs.base import Catalog
    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import BatchPlan
    from floodscan.store import RunFolder


_log = logging.getLogger(__name__)

_ANSWER_COLUMNS = (
    "complete",
    "n_pages",
    "n_requests",
    "n_retries",
    "n_bisections",
    "cached",
    "seconds",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all batches of a run share.

    Attributes:
        catalog: Where items are searched.
        catalog_id: STAC id of the catalog.
        recipe: The rules.
        folder: Where results go; workers write there themselves.
        search_on_driver: Whether workers beside the driver search, and nodes do everything else.
        keep_going: Whether a bug fails only the events of its batch, not the run.
    """

    catalog: Catalog
    catalog_id: str
    recipe: Recipe
    folder: RunFolder
    search_on_driver: bool = False
    keep_going: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """What was chosen for some events of a batch.

    Attributes:
        candidates: Ranked CANDIDATES.
        searches: What became of the searches, SEARCHES.
        manifests: Each event's, as the bytes of its file.
        outcomes: How each event ended.
    """

    candidates: pa.Table
    searches: pa.Table
    manifests: Mapping[str, bytes]
    outcomes: tuple[Outcome, ...]

    def __reduce__(
        self,
    ) -> tuple[Callable[..., BatchPart], tuple[pa.Buffer, pa.Buffer, dict[str, Any]]]:
        """Be pickled with each table as one piece."""
        others = {name: getattr(self, name) for name in ("manifests", "outcomes")}
        return _unpack, (pack_table(self.candidates), pack_table(self.searches), others)


def _unpack(candidates: pa.Buffer, searches: pa.Buffer, others: dict[str, Any]) -> BatchPart:
    return BatchPart(candidates=unpack_table(candidates), searches=unpack_table(searches), **others)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What is told of a batch that is on disk.

    Attributes:
        name: Which batch.
        counts: Its events by status, slots, candidates and requests.
    """

    name: str
    counts: Mapping[str, int]


def ask(run: Run, searches: Sequence[Search]) -> list[Answer]:
    """Send searches to the catalog side by side.

    A search that the catalog can't answer gives an answer without items, with the problem in it.
    Any other exception is a bug: it is logged with its traceback and its search, and raised.
    """
    with ThreadPoolExecutor(len(searches)) as threads:
        return list(threads.map(partial(_ask_one, run), searches))


def _ask_one(run: Run, search: Search) -> Answer:
    started = perf_counter()
    try:
        answer = run.catalog.search(search)
    except CatalogError as err:
        answer = _fail(err)
    except FloodscanError:
        raise
    except Exception as err:
        _log.error("%s failed by a bug: %s", search, public_traceback(err))
        raise
    return replace(answer, seconds=perf_counter() - started)


def _fail(err: CatalogError) -> Answer:
    return Answer(items=ITEMS.empty_table(), complete=False, n_requests=1, problem=str(err))


def choose(run: Run, part: BatchPlan, answers: Mapping[Search, Answer]) -> BatchPart:
    """Score what was found for a part of a batch, select, and say why.

    Args:
        run: What all batches share.
        part: The events.
        answers: Of all searches of the part.
    """
    shared = _share(part, answers)
    items = pa.concat_tables([answers[search].items for search in part.searches])
    slots = [slot for plan in part.plans for slot in plan.slots]
    complete = [
        answered[slot.search].complete
        for plan, answered in zip(part.plans, shared, strict=True)
        for slot in plan.slots
    ]
    scored = score(items, slots, run.recipe, complete=complete)
    candidates = select(scored, part.plans, run.recipe)
    manifests, outcomes = assess_events(
        part.plans, candidates, shared, recipe=run.recipe, catalog_id=run.catalog_id
    )
    return BatchPart(
        candidates=candidates,
        searches=tabulate_searches(part, answers),
        manifests=manifests,
        outcomes=tuple(outcomes),
    )


def write(
    run: Run, name: str, parts: Sequence[BatchPart], *, given_up: Sequence[Outcome]
) -> BatchResult:
    """Put a batch on disk: candidates, searches, manifests, and last the outcomes, which mark it as done.

    Args:
        run: What all batches share.
        name: The batch's.
        parts: What was chosen, in the order of the batch.
        given_up: Ends of events that nothing could be chosen for.
    """
    outcomes = [*(outcome for part in parts for outcome in part.outcomes), *given_up]
    events = tabulate_outcomes(name, outcomes)
    searches = pa.concat_tables([SEARCHES.empty_table(), *(part.searches for part in parts)])
    candidates = pa.concat_tables([CANDIDATES.empty_table(), *(part.candidates for part in parts)])
    run.folder.write_candidates(name, candidates)
    run.folder.write_manifests(
        name, {key: each for part in parts for key, each in part.manifests.items()}
    )
    run.folder.drop_manifests(outcome.event_id for outcome in given_up)
    run.folder.searches.write(name, searches)
    run.folder.events.write(name, events)
    return BatchResult(name, count_outcomes(events))


def tabulate_searches(part: BatchPlan, answers: Mapping[Search, Answer]) -> pa.Table:
    """Tell what became of searches, a SEARCHES row each.

    Those that another part tells of are left to it.
    """
    rows = [
        {
            "batch": part.name,
            "collection": search.collection,
            **dict(zip(("west", "south", "east", "north"), search.bbox, strict=True)),
            "start": search.window and search.window.start,
            "end": search.window and search.window.end,
            "reason": answers[search].problem,
            "n_items": len(answers[search].items),
            **{name: getattr(answers[search], name) for name in _ANSWER_COLUMNS},
        }
        for search in part.searches
        if search not in part.reported_in_earlier_part
    ]
    return make_table(rows, SEARCHES)


def _share(part: BatchPlan, answers: Mapping[Search, Answer]) -> list[dict[Search, Answer]]:
    """Give each event the answers to its own slot_searches.

    What a shared search took is put down to the first event.
    """
    charged = set(part.reported_in_earlier_part)
    shared: list[dict[Search, Answer]] = []
    for plan in part.plans:
        own: dict[Search, Answer] = {}
        for slot_search in plan.searches:
            merged = part.merged_search_for(slot_search)
            answer = answers[merged].answer_for(slot_search)
            own[slot_search] = (
                replace(answer, n_requests=0, seconds=0.0) if merged in charged else answer
            )
            charged.add(merged)
        shared.append(own)
    return shared
