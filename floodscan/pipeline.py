"""One batch on one page: ask, choose, write. Read this file first.

A batch is a group of neighbouring events. Workers do these steps with it:

    answers = ask(run, searches)                       searches → an Answer with ITEMS each
    part = choose(run, plan, answers)                  ITEMS → scored CANDIDATES → decide
        read_clearness(scored, …, run.reader)          if the recipe asks for clouds over the area
        decide(scored, plans, answers)                 → ranked CANDIDATES, manifests, outcomes
    result = write(run.folder, name, parts)            files; the outcomes last

In one process ``finish_batch`` does all that comes after ``ask``. On a cluster, the engine runs
``ask`` and ``choose`` several times in parallel, each for a part of the batch, and ``write`` once.
Choosing again from stored candidates (``reselection.py``) begins with ``decide``. Only the small
result of ``write`` returns to the process that drives the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floodscan.assessment import assess_events
from floodscan.assessment.outcomes import count_outcomes, tabulate_outcomes
from floodscan.catalogs.base import Answer
from floodscan.catalogs.sources import find_api, plan_for
from floodscan.clearsky import Clearness, read_clearness
from floodscan.errors import CatalogError, FloodscanError, public_traceback
from floodscan.planning.garbage import garbage_collector_off
from floodscan.schemas import (
    CANDIDATES,
    ITEMS,
    READS,
    SEARCHES,
    SLOT,
    make_table,
    pack_table,
    split_by_event,
    unpack_table,
)
from floodscan.selection import select_scenes
from floodscan.selection.acquired import add_acquired
from floodscan.selection.candidates import score
from floodscan.selection.decisions import is_obeyed
from floodscan.threads import begin_in_threads, list_done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from floodscan.assessment.outcomes import Outcome
    from floodscan.catalogs.base import Catalog
    from floodscan.clearsky import Reader
    from floodscan.model import Decision, Recipe, Search
    from floodscan.planning.event_list import PackedEvent
    from floodscan.planning.slots import Batch, BatchPlan, EventPlan
    from floodscan.store import RunFolder
    from floodscan.threads import Begun


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Settings that all batches of a run share.

    Attributes:
        catalog: Answers the searches.
        catalog_id: STAC id of the catalog.
        recipe: The rules.
        folder: Output folder; workers write there themselves.
        search_on_driver: Whether a worker beside the driver makes all searches.
        keep_going: Whether a bug fails only the events of its batch, not the run.
        decisions: Decisions of persons, by event id.
        early_plans: Plans of batches with early searches, by the events of the batch.
        not_checked: Why a collection of what was acquired is not searched, by collection.
        reader: Reads the clouds over the areas; None if the recipe does not ask for them.
    """

    catalog: Catalog
    catalog_id: str
    recipe: Recipe
    folder: RunFolder
    search_on_driver: bool = False
    keep_going: bool = False
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    early_plans: Mapping[tuple[PackedEvent, ...], BatchPlan] = field(default_factory=dict)
    not_checked: Mapping[str, str] = field(default_factory=dict)
    reader: Reader | None = None

    def plan(self, batch: Batch) -> BatchPlan:
        """Plan a batch: which of its searches are sent, and which are joined with an archive."""
        return plan_for(self.catalog, batch, self.recipe)

    def find_api(self, slot_search: Search) -> str | None:
        """Return the location of the API that answers a slot search; None if none does."""
        return find_api(self.catalog, slot_search)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """The choices for some events of a batch.

    Attributes:
        candidates: Ranked CANDIDATES.
        searches: SEARCHES that were made for these events.
        manifests: The bytes of each event's manifest, by event id.
        outcomes: How each event ended.
        reads: READS that were made for these events.
    """

    candidates: pa.Table
    searches: pa.Table
    manifests: Mapping[str, bytes]
    outcomes: tuple[Outcome, ...]
    reads: pa.Table = field(default_factory=READS.empty_table)

    def __reduce__(
        self,
    ) -> tuple[Callable[..., BatchPart], tuple[dict[str, pa.Buffer], dict[str, Any]]]:
        """Pickle each table as one buffer."""
        tables = {
            name: pack_table(getattr(self, name)) for name in ("candidates", "searches", "reads")
        }
        return _unpack, (tables, {name: getattr(self, name) for name in ("manifests", "outcomes")})


def _unpack(tables: dict[str, pa.Buffer], others: dict[str, Any]) -> BatchPart:
    return BatchPart(**{name: unpack_table(each) for name, each in tables.items()}, **others)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch that is on disk.

    Attributes:
        name: Name of the batch.
        counts: Its events by status, slots, candidates, requests and warnings.
    """

    name: str
    counts: Mapping[str, int]


def finish_batch(run: Run, plan: BatchPlan, sent: Begun[Search, Answer]) -> BatchResult:
    """Choose and write in this process: each part once its own searches are answered.

    Args:
        run: Settings that all batches share.
        plan: The batch.
        sent: Its searches, in any order.
    """
    coming = dict(zip(sent.values, sent.each, strict=True))
    parts = [*plan.parts()]
    chosen: dict[int, BatchPart] = {}
    with sent:
        for number in list_done([coming[search] for search in part.searches] for part in parts):
            answers = {search: coming[search].result() for search in parts[number].searches}
            chosen[number] = choose(run, parts[number], answers)
    return write(run.folder, plan.name, [chosen[n] for n in range(len(parts))], given_up=())


def ask(run: Run, searches: Sequence[Search]) -> list[Answer]:
    """Send searches to the catalog side by side, and wait for the answers.

    A search that the catalog can't answer gives an answer without items, with the problem in it.
    Any other exception is a bug: it is logged with its traceback and its search, and raised.
    """
    return send(run, searches).results()


def send(run: Run, searches: Sequence[Search]) -> Begun[Search, Answer]:
    """Send searches as ``ask`` does, without waiting."""
    return begin_in_threads(partial(_ask_one, run), searches)


def choose(run: Run, part: BatchPlan, answers: Mapping[Search, Answer]) -> BatchPart:
    """Choose scenes for the events of a part of a batch.

    Args:
        run: Settings that all batches share.
        part: The events.
        answers: The answer to each search of the part.
    """
    by_event = _distribute(part, answers)
    of_slots = [
        answered[slot.search]
        for plan, answered in zip(part.plans, by_event, strict=True)
        for slot in plan.slots
    ]
    items = pa.concat_tables([answers[search].items for search in part.searches])
    slots = [slot for plan in part.plans for slot in plan.slots]
    scored = score(
        items,
        slots,
        run.recipe,
        complete=[answer.complete for answer in of_slots],
        covered=[answer.is_covered for answer in of_slots],
    )
    scored, reads = _read(run, part, scored)
    plans = add_acquired(part.plans, items, by_event, run.recipe)
    plans = [replace(plan, decision=run.decisions.get(plan.event.event_id)) for plan in plans]
    chosen = decide(scored, plans, by_event, recipe=run.recipe, catalog_id=run.catalog_id)
    return replace(chosen, searches=tabulate_searches(part, answers), reads=reads)


def _read(run: Run, part: BatchPlan, scored: pa.Table) -> Clearness:
    """Read the clouds over the areas, if the recipe asks for them."""
    if run.reader is None:
        return Clearness(scored, READS.empty_table())
    targets = {
        (plan.event.event_id, target.target_id): target
        for plan in part.plans
        for target in plan.targets
    }
    return read_clearness(scored, targets, run.recipe, run.reader)


def decide(
    scored: pa.Table,
    plans: Sequence[EventPlan],
    answers: Sequence[Mapping[Search, Answer]],
    *,
    recipe: Recipe,
    catalog_id: str,
) -> BatchPart:
    """Select among scored candidates, and assess the choices.

    Args:
        scored: CANDIDATES of the events, not ranked yet.
        plans: The events.
        answers: For each event the answers to its slot searches.
        recipe: The rules.
        catalog_id: STAC id of the catalog.

    Returns:
        The choices, without SEARCHES.
    """
    with garbage_collector_off():
        selection = select_scenes(scored, plans, recipe)
        if unmet := _find_unmet(selection.candidates, plans):
            plans = [unmet.get(plan.event.event_id, plan) for plan in plans]
            selection = select_scenes(scored, plans, recipe)
        manifests, outcomes = assess_events(
            plans, selection, answers, recipe=recipe, catalog_id=catalog_id
        )
    return BatchPart(
        candidates=selection.candidates,
        searches=SEARCHES.empty_table(),
        manifests=manifests,
        outcomes=tuple(outcomes),
    )


def _find_unmet(candidates: pa.Table, plans: Sequence[EventPlan]) -> dict[str, EventPlan]:
    """Find the events whose choices don't obey the decision; their plans are without it."""
    decided = {plan.event.event_id: plan for plan in plans if plan.decision is not None}
    if not decided:
        return {}
    of_event = split_by_event(candidates)
    return {
        event_id: replace(plan, decision=replace(plan.decision, kept=False))
        for event_id, plan in decided.items()
        if plan.decision
        and not is_obeyed(of_event.get(event_id, CANDIDATES.empty_table()), plan.decision)
    }


def write(
    folder: RunFolder, name: str, parts: Sequence[BatchPart], *, given_up: Sequence[Outcome]
) -> BatchResult:
    """Write the files of a batch.

    The outcomes are written last: a batch with outcomes on disk is complete, and is not run again.

    Args:
        folder: Output folder.
        name: Name of the batch.
        parts: The choices, in the order of the batch.
        given_up: Outcomes of events that could not be processed.
    """
    candidates = pa.concat_tables([CANDIDATES.empty_table(), *(part.candidates for part in parts)])
    searches = pa.concat_tables([SEARCHES.empty_table(), *(part.searches for part in parts)])
    reads = pa.concat_tables([READS.empty_table(), *(part.reads for part in parts)])
    manifests = {key: content for part in parts for key, content in part.manifests.items()}
    outcomes = [*(outcome for part in parts for outcome in part.outcomes), *given_up]
    _log_choices(candidates, outcomes)
    events = tabulate_outcomes(name, outcomes)
    folder.write_candidates(name, candidates)
    folder.write_manifests(name, manifests)
    folder.drop_manifests(outcome.event_id for outcome in given_up)
    folder.searches.write(name, searches)
    folder.write_reads(name, reads)
    folder.events.write(name, events)
    return BatchResult(name, count_outcomes(events))


def _log_choices(candidates: pa.Table, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        slots = f"{outcome.n_filled} of {outcome.n_slots} slots filled"
        _log.info("event %s: %s, %s", outcome.event_id, outcome.status, slots)
    if _log.isEnabledFor(logging.DEBUG):
        chosen = candidates.filter(candidates["selected"]).select([*SLOT, "item_id"])
        for event_id, *slot, item_id in zip(*chosen.to_pydict().values(), strict=True):
            _log.debug("event %s, %s: chosen %s", event_id, "/".join(filter(None, slot)), item_id)


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
    answer = replace(answer, seconds=perf_counter() - started)
    _log_answer(search, answer)
    return answer


def _log_answer(search: Search, answer: Answer) -> None:
    found = "from the cache" if answer.cached else f"in {answer.n_requests} requests"
    _log.info(
        "search of %s, box %s, window %s: %d items %s, %d retries, %d cuts, %.2f s%s",
        " and ".join(search.wanted),
        ", ".join(f"{edge:g}" for edge in search.bbox),
        search.window or "any time",
        len(answer.items),
        found,
        answer.n_retries,
        answer.n_bisections,
        answer.seconds,
        "" if answer.complete else f"; not complete: {answer.problem}",
    )


def _fail(err: CatalogError) -> Answer:
    return Answer(items=ITEMS.empty_table(), complete=False, n_requests=1, problem=str(err))


def _distribute(part: BatchPlan, answers: Mapping[Search, Answer]) -> list[dict[Search, Answer]]:
    """Give each event the answers to its own slot searches.

    The cost of a merged search is charged to the first event that uses it.
    """
    charged = set(part.reported_in_earlier_part)
    free = {each: replace(answers[each], n_requests=0, seconds=0.0) for each in part.searches}
    by_event: list[dict[Search, Answer]] = []
    for plan in part.plans:
        own: dict[Search, Answer] = {}
        for slot_search in plan.searches:
            merged = part.merged_search_for(slot_search)
            answer = (free if merged in charged else answers)[merged]
            own[slot_search] = answer.answer_for(slot_search)
            charged.add(merged)
        by_event.append(own)
    return by_event


_ANSWER_COLUMNS = (
    "complete",
    "n_dropped",
    "n_pages",
    "n_requests",
    "n_retries",
    "n_bisections",
    "cached",
    "seconds",
)


def tabulate_searches(part: BatchPlan, answers: Mapping[Search, Answer]) -> pa.Table:
    """Make a SEARCHES row of each search that no earlier part of the batch reports."""
    asked = {
        search: answers[search]
        for search in part.searches
        if search not in part.reported_in_earlier_part
    }
    rows = [
        {
            "batch": part.name,
            "collections": [*search.wanted],
            **dict(zip(("west", "south", "east", "north"), search.bbox, strict=True)),
            "start": search.window and search.window.start,
            "end": search.window and search.window.end,
            "reason": answer.problem,
            "n_items": len(answer.items),
            **{name: getattr(answer, name) for name in _ANSWER_COLUMNS},
        }
        for search, answer in asked.items()
    ]
    return make_table(rows, SEARCHES)
