"""An estimate of a sweep: how long it takes, and which part of the system limits it.

A sweep keeps several things busy at the same time, and the busiest one sets its time:

    requests at once     requests × seconds of a request / requests at once
    requests a second    requests / requests a second
    workers              their CPU seconds / their cores
    driver               its CPU seconds and those of the scheduler, on one core
    one machine          all CPU seconds / its cores, if it runs workers, driver and scheduler

Then comes the time in which they are not all busy: the first requests on the way, and the last
batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Final

import orjson

from floodscan.planning.expected_items import expect_items
from floodscan.planning.extents import count_pages
from floodscan.planning.slots import MIN_BATCH_EVENTS, PART_EVENTS, SEARCHES_PER_TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from floodscan.model import Policy, Recipe, Search
    from floodscan.planning.slots import BatchPlan

AT_ONCE: Final = "requests at once"
A_SECOND: Final = "requests a second"
WORKERS: Final = "workers"
DRIVER: Final = "driver"
MACHINE: Final = "one machine"

CORES_OF_A_PROCESS: Final = 1.2
"""Cores that the threads of one process keep busy: the interpreter runs one of them at a time."""

_ROUND_TRIPS: Final = 2  # the landing page and the last search


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU seconds on one core of the machine that ``benchmarks.model`` measured, by one policy.

    Attributes:
        event: Of a worker, for an event without candidates: its slots, its part of the files.
        request: Of a worker, for a request.
        item: Of a worker, for an item that a request finds.
        stored_megabyte: Of a worker, for a million bytes of row groups, as they are stored.
        joined_item: Of a worker, for an item that a join finds: it is written, and read again.
        candidate: Of a worker, for a candidate of a slot.
        choice: Of a worker, for the choices of an event with candidates.
        worker_task: Of a worker, to get a task and to send its results.
        driver_event: Of the driver, for an event: it is read, planned and merged.
        task: Of the driver and its scheduler, for a task.
        item_bytes: Bytes of an item in an answer that has only the searched members.
    """

    event: float
    request: float
    item: float
    stored_megabyte: float
    joined_item: float
    candidate: float
    choice: float
    worker_task: float
    driver_event: float
    task: float
    item_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSize:
    """How much a sweep does.

    Attributes:
        n_events: Number of events.
        n_requests: Number of requests to a STAC API.
        n_items: Number of items in their answers.
        n_candidates: Number of candidates of all slots.
        n_choices: Number of events with candidates.
        n_joined_items: Number of items in the answers of the join with archives.
        n_row_groups: Number of row groups that the join reads; each lot reads its own.
        n_bytes: Bytes of these, as they are stored.
    """

    n_events: int
    n_requests: float
    n_items: float
    n_candidates: float
    n_choices: int
    n_joined_items: float = 0.0
    n_row_groups: int = 0
    n_bytes: int = 0

    @property
    def n_tasks(self) -> float:
        """Number of Dask tasks: searches in groups, choices of parts, and one write for a batch."""
        return (
            self.n_requests / SEARCHES_PER_TASK
            + self.n_events / PART_EVENTS
            + self.n_events / MIN_BATCH_EVENTS
        )


def _is_covered(search: Search) -> bool:
    del search
    return True


@dataclass(slots=True)
class SizeCounter:
    """Counts how much a sweep will do, as its batches are planned.

    Which row groups it reads is not known here: ``floodscan.catalogs.usage`` counts them.

    Attributes:
        recipe: The rules, which say how many items to expect.
        covers: Whether the source of a slot search covers its window; slots that are not covered
            stay empty. It is asked for batches that are joined with an archive.
    """

    recipe: Recipe
    covers: Callable[[Search], bool] = _is_covered
    _n_events: int = 0
    _n_requests: float = 0.0
    _n_items: float = 0.0
    _n_candidates: float = 0.0
    _n_choices: int = 0
    _n_joined_items: float = 0.0

    def count(self, batches: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """Count batches as they pass by."""
        for batch in batches:
            self._add(batch)
            yield batch

    def _add(self, batch: BatchPlan) -> None:
        searches = batch.searches
        sent = [search for search in searches if not search.joined]
        items = expect_items(sent, self.recipe)
        self._n_events += len(batch.plans)
        self._n_requests += float(count_pages(items, self.recipe.searches).sum())
        self._n_items += float(items.sum())
        covers = self.covers if len(sent) < len(searches) else _is_covered
        by_event = [[*filter(covers, plan.searches)] for plan in batch.plans]
        self._n_choices += sum(any(search.window for search in found) for found in by_event)
        slot_searches = list(chain.from_iterable(by_event))
        candidates = expect_items(slot_searches, self.recipe)
        self._n_candidates += float(candidates.sum())
        joined = [batch.merged_search_for(search).joined for search in slot_searches]
        self._n_joined_items += float(candidates[joined].sum())

    @property
    def size(self) -> SweepSize:
        """The size of the batches so far."""
        return SweepSize(
            n_events=self._n_events,
            n_requests=self._n_requests,
            n_items=self._n_items,
            n_candidates=self._n_candidates,
            n_choices=self._n_choices,
            n_joined_items=self._n_joined_items,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where a sweep runs, and what its catalog allows.

    Attributes:
        n_cores: Cores that the workers can use.
        request_seconds: Time of a request.
        in_flight: Most requests at once; None for no limit.
        per_second: Most requests in a second; None for no limit.
        machine_cores: Cores of the one machine that runs workers, driver and scheduler; None if the
            driver has a core of its own.
        other_cpu: CPU seconds of other processes on that machine.
        has_tasks: False in one process, which runs the whole sweep without Dask.
    """

    n_cores: float
    request_seconds: float
    in_flight: int | None = None
    per_second: float | None = None
    machine_cores: float | None = None
    other_cpu: float = 0.0
    has_tasks: bool = True


@dataclass(frozen=True, slots=True)
class Estimate:
    """The time of a sweep.

    Attributes:
        seconds: From the first request to the merged tables.
        limits: Seconds for which each part of the system is busy.
    """

    seconds: float
    limits: Mapping[str, float]

    @property
    def bottleneck(self) -> str:
        """The part that is busy for the longest time."""
        return max(self.limits, key=lambda name: self.limits[name])


def read_costs(policy: Policy) -> Costs:
    """Read the measured costs."""
    found = orjson.loads((files("floodscan.data") / "costs.json").read_bytes())
    return Costs(**found["costs"][policy])


def sum_worker_cpu(size: SweepSize, costs: Costs) -> float:
    """Sum the CPU seconds of all stages on the workers, without what their tasks add."""
    return (
        size.n_events * costs.event
        + size.n_requests * costs.request
        + size.n_items * costs.item
        + size.n_bytes / 1e6 * costs.stored_megabyte
        + size.n_joined_items * costs.joined_item
        + size.n_candidates * costs.candidate
        + size.n_choices * costs.choice
    )


def estimate(size: SweepSize, setup: Setup, costs: Costs) -> Estimate:
    """Estimate the time of a sweep, and name what limits it."""
    worker_cpu, driver_cpu = sum_worker_cpu(size, costs), size.n_events * costs.driver_event
    if setup.has_tasks:
        worker_cpu += size.n_tasks * costs.worker_task
        driver_cpu += size.n_tasks * costs.task
    else:
        worker_cpu, driver_cpu = worker_cpu + driver_cpu, 0.0
    waiting, all_cpu = size.n_requests * setup.request_seconds, worker_cpu + driver_cpu
    limits = {
        AT_ONCE: waiting / setup.in_flight if setup.in_flight else 0.0,
        A_SECOND: size.n_requests / setup.per_second if setup.per_second else 0.0,
        WORKERS: worker_cpu / setup.n_cores,
        DRIVER: driver_cpu,
        MACHINE: (all_cpu + setup.other_cpu) / setup.machine_cores if setup.machine_cores else 0.0,
    }
    tail = _ROUND_TRIPS * setup.request_seconds if size.n_requests else 0.0
    return Estimate(max(limits.values()) + tail, limits)
