"""A batch's graph: the kinds of its tasks, in what order they run, and what travels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from dask.utils import key_split
from distributed.protocol import pickle

from floodscan import Recipe
from floodscan.catalogs import open_catalog
from floodscan.engine.graph import PickledCall, TaskKind, draw_batch
from floodscan.model import SearchPrices
from floodscan.pipeline import Run
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import BatchPlan, cut_batches, plan_batch
from floodscan.store import RunFolder
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from pathlib import Path

N_EVENTS = 20
MONTH = timedelta(days=30)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose slots all search for themselves."""
    recipe = Recipe(searches=SearchPrices(request_items=0))
    return Run(
        catalog=open_catalog("demo"), catalog_id="demo", recipe=recipe, folder=RunFolder(tmp_path)
    )


@pytest.fixture
def plan(run: Run) -> BatchPlan:
    """A batch of 20 events, each in another month."""
    events = [
        replace(event, phase_dates={p: day + n * MONTH for p, day in event.phase_dates.items()})
        for n, event in enumerate(demo_copies(N_EVENTS))
    ]
    (batch,) = cut_batches(list_events(events), run_id="")
    return plan_batch(batch, run.recipe)


def test_every_task_is_of_a_kind_that_dask_groups_by(run: Run, plan: BatchPlan) -> None:
    """Dask's dashboard and task stream show the kinds: 16 searches and 16 events per task."""
    kinds = Counter(map(key_split, draw_batch(run, plan).dask))
    n_searches = len(plan.searches)
    assert n_searches > 2 * 16
    assert kinds == {
        TaskKind.SEARCH: -(-n_searches // 16),
        TaskKind.CHOOSE: 2,
        TaskKind.WRITE: 1,
    }


def test_joined_answers_are_read_where_scenes_are_chosen(run: Run) -> None:
    """They are on disk, so no task fetches them for another."""
    (batch,) = cut_batches(list_events(demo_copies(N_EVENTS)), run_id="")
    plan = plan_batch(batch, run.recipe, joins=lambda _: True)
    assert plan.searches
    kinds = Counter(map(key_split, draw_batch(run, plan).dask))
    assert kinds == {TaskKind.CHOOSE: 2, TaskKind.WRITE: 1}


def test_choices_wait_for_their_own_searches(run: Run, plan: BatchPlan) -> None:
    """A search waits for nothing, a choice for some searches, and the writing for all choices."""
    graph = draw_batch(run, plan).dask
    waits: dict[str, list[set[str]]] = {kind: [] for kind in TaskKind}
    counts: dict[str, list[int]] = {kind: [] for kind in TaskKind}
    for key, needed in graph.get_all_dependencies().items():
        waits[key_split(key)].append(set(map(key_split, needed)))
        counts[key_split(key)].append(len(needed))
    assert set(map(frozenset, waits[TaskKind.SEARCH])) == {frozenset()}
    assert waits[TaskKind.CHOOSE] == [{TaskKind.SEARCH}] * 2
    assert max(counts[TaskKind.CHOOSE]) < len(waits[TaskKind.SEARCH])
    assert waits[TaskKind.WRITE] == [{TaskKind.CHOOSE}]


def test_a_call_travels_as_bytes() -> None:
    """The scheduler holds a few bytes and none of the objects that the call needs."""
    call = PickledCall.of(divmod, 17)
    arrived = pickle.loads(pickle.dumps(call))
    assert isinstance(arrived.content, bytes)
    assert arrived(5) == (3, 2)
    assert PickledCall.of(sorted, [3, 1, 2], reverse=True)() == [3, 2, 1]
