"""A batch as a small Dask graph.

    search 1-16  ─┬─ choose, events 1-16  ─┐
                  │                        │
    search 17-32 ─┼─ choose, events 17-32 ─┼─ write ── BatchResult
                  │                        │
    search 33-40 ─┴─ choose, events 33-35 ─┘

A ``choose`` task waits for the ``search`` tasks that its events need, and ``write`` for all of
``choose``. It reads the answers of a join itself: they are on disk, and would otherwise be pickled
between workers. If the run reads clouds, each ``choose`` task also waits for the one before it, so
that it finds in the cache the scenes which both need. A task costs the scheduler a millisecond or
two, hence the groups of 16.
"""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dask.base import annotate
from dask.delayed import delayed
from distributed.protocol import pickle

from floodscan.catalogs.archive.joined import join_shard
from floodscan.clusters.resources import SCORE, SEARCH
from floodscan.engine.rate_limiter import remember_worker
from floodscan.pipeline import ask, choose, write
from floodscan.planning.slots import SEARCHES_PER_TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dask.delayed import Delayed

    from floodscan.assessment.outcomes import Outcome
    from floodscan.catalogs.archive import ArchiveCatalog
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.catalogs.base import Answer
    from floodscan.model import Search
    from floodscan.pipeline import BatchPart, Run
    from floodscan.planning.slots import BatchPlan

    SearchGroup = tuple[Search, ...]


class TaskKind(StrEnum):
    """The kinds of tasks; Dask's dashboard and task stream group tasks by these names.

    The key of a task is the name of its kind and a unique id: ``floodscan-search-0c7b…``.
    """

    JOIN = "floodscan-join"
    SEARCH = "floodscan-search"
    CHOOSE = "floodscan-choose"
    WRITE = "floodscan-write"
    RESELECT = "floodscan-reselect"


@dataclass(frozen=True, slots=True)
class PickledCall:
    """A function with its first arguments, as bytes; inputs from other tasks follow at the call.

    The scheduler unpickles a graph, and keeps its objects in memory until the task is done. Events
    and plans as objects take three times the memory of their bytes, and would make the scheduler
    import shapely and pyarrow.

    Attributes:
        content: The function, its arguments and its keyword arguments, pickled.
    """

    content: bytes

    @classmethod
    def of(cls, function: Callable[..., Any], *args: object, **kwargs: object) -> PickledCall:
        """Pickle a function and its arguments."""
        return cls(pickle.dumps((function, args, kwargs)))

    def __call__(self, *inputs: object) -> object:
        """Call the function; this runs on a worker."""
        function, args, kwargs = pickle.loads(self.content)
        return function(*args, *inputs, **kwargs)


def draw_batch(run: Run, plan: BatchPlan, *, given_up: Sequence[Outcome] = ()) -> Delayed:
    """Draw the graph of a batch; its result is a BatchResult.

    Args:
        run: Settings that all batches share.
        plan: The batch.
        given_up: Outcomes of events that are not in the plan because they crash their workers.
    """
    searches = tuple(search for search in plan.searches if not search.joined)
    starts = range(0, len(searches), SEARCHES_PER_TASK)
    groups = [searches[start : start + SEARCHES_PER_TASK] for start in starts]
    with _on_workers_with(SEARCH, run):
        answers = {
            group: draw_task(TaskKind.SEARCH, PickledCall.of(search_group, run, group))
            for group in groups
        }
    parts: list[Delayed] = []
    with _on_workers_with(SEARCH if run.reader else SCORE, run):
        for part in plan.parts():
            parts.append(_draw_part(run, part, answers, parts[-1:] if run.reader else []))
    with _on_workers_with(SCORE, run):
        finish = PickledCall.of(write, run.folder, plan.name, given_up=given_up)
        return draw_task(TaskKind.WRITE, finish, parts)


def draw_join(run: Run, job: tuple[ArchiveCatalog, Shard], folder: Path, number: int) -> Delayed:
    """Draw the task that joins a shard of an archive; its result is what could not be read.

    Args:
        run: Settings that all batches share.
        job: The archive, and the shard.
        folder: Folder of the answers.
        number: Number of the shard.
    """
    archive, shard = job
    with _on_workers_with(SEARCH if archive.is_remote else SCORE, run):
        return draw_task(TaskKind.JOIN, PickledCall.of(join_shard, archive, shard, folder, number))


def _draw_part(
    run: Run,
    part: BatchPlan,
    answers: Mapping[SearchGroup, Delayed],
    before: list[Delayed],
) -> Delayed:
    needed = frozenset(part.searches)
    groups = [group for group in answers if not needed.isdisjoint(group)]
    call = PickledCall.of(choose_part, run, part, groups)
    return draw_task(TaskKind.CHOOSE, call, [answers[group] for group in groups], before)


def draw_task(kind: TaskKind, call: PickledCall, *inputs: list[Delayed]) -> Delayed:
    """Draw a task with a key by its kind."""
    key = f"{kind}-{uuid.uuid4().hex}"
    task: Delayed = delayed(call, traverse=False)(*inputs, dask_key_name=key)
    return task


def _on_workers_with(resource: str, run: Run) -> AbstractContextManager[None]:
    """Keep tasks to workers with a resource, if only some workers search."""
    kept: AbstractContextManager[None] = (
        annotate(resources={resource: 1}) if run.search_on_driver else nullcontext()
    )
    return kept


def search_group(run: Run, group: SearchGroup) -> list[Answer]:
    """Run a search task.

    Returns:
        The answer to each search of the group.
    """
    _remember_worker()
    return ask(run, group)


def _remember_worker() -> None:
    """Note the worker that runs this task; without a cluster there is none, and none is needed."""
    with suppress(ValueError):
        remember_worker()


def choose_part(
    run: Run,
    part: BatchPlan,
    groups: Sequence[SearchGroup],
    answers: Sequence[Sequence[Answer]],
    before: Sequence[BatchPart] = (),
) -> BatchPart:
    """Run a choose task.

    Args:
        run: Settings that all batches share.
        part: Some events of a batch.
        groups: The groups of searches that the events need.
        answers: The answers to each group.
        before: The part before this one, if it has read what this one may need.
    """
    del before
    _remember_worker()
    found = {
        search: answer
        for group, answered in zip(groups, answers, strict=True)
        for search, answer in zip(group, answered, strict=True)
    }
    joined = [search for search in part.searches if search.joined]
    found |= zip(joined, ask(run, joined), strict=True)
    return choose(run, part, found)
