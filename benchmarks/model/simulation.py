"""The real scheduler and the engine with thousands of places for tasks, which only sleep.

A node is a worker process with 128 threads. Its tasks sleep, so sixteen nodes fit on two cores. The
scheduler, the connections, the engine and the shape of the graphs are those of a sweep, and so is
the size of what the tasks carry.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dask import config
from distributed import Client, LocalCluster

from floodscan.clusters.local import SETTINGS
from floodscan.engine.graph import PickledCall, TaskKind, draw_task
from floodscan.engine.run_batches import run_batches
from floodscan.pipeline import BatchResult
from floodscan.planning.slots import MIN_BATCH_EVENTS, PART_EVENTS

if TYPE_CHECKING:
    from dask.delayed import Delayed

PARTS = 3
"""Choices of a batch; a batch has about 46 events."""

_SEARCHES = 6  # tasks of 16 searches
_ACT_SECONDS = {TaskKind.SEARCH: 10.0, TaskKind.CHOOSE: 1.0, TaskKind.WRITE: 0.5}
_BYTES_OF_AN_EVENT = 6000  # its plan, pickled


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated sweep.

    Attributes:
        n_places: Tasks that can run at the same time.
        n_tasks: Number of tasks.
        seconds: Wall time.
        asleep: Seconds of all tasks together.
        driver_cpu: CPU seconds of the engine and the scheduler.
    """

    n_places: int
    n_tasks: int
    seconds: float
    asleep: float
    driver_cpu: float

    @property
    def cpu_of_a_task(self) -> float:
        """CPU seconds of a task, of the engine and the scheduler."""
        return self.driver_cpu / self.n_tasks


@dataclass(frozen=True, slots=True)
class SleepingWork:
    """Batches whose tasks sleep as long as those of a sweep may take.

    Attributes:
        scale: Factor for the times.
    """

    scale: float

    def draw(self, batch: int) -> Delayed:
        """Draw the graph of a batch."""
        searches = [self._draw(TaskKind.SEARCH, b"") for _ in range(_SEARCHES)]
        plans = bytes(_BYTES_OF_AN_EVENT * PART_EVENTS)
        parts = [self._draw(TaskKind.CHOOSE, plans, searches) for _ in range(PARTS)]
        call = PickledCall.of(finish, self.scale * _ACT_SECONDS[TaskKind.WRITE], f"{batch:06}")
        return draw_task(TaskKind.WRITE, call, parts)

    def _draw(self, kind: TaskKind, plans: bytes, *inputs: list[Delayed]) -> Delayed:
        return draw_task(
            kind, PickledCall.of(rest, self.scale * _ACT_SECONDS[kind], plans), *inputs
        )

    def isolate(self, batch: int, client: Client) -> BatchResult:
        """Fail: no task that sleeps crashes its worker."""
        raise RuntimeError(f"batch {batch} crashed on {client}")

    def fail(self, batch: int, err: Exception) -> None:
        """End the run."""
        del batch, err

    @property
    def seconds_of_a_batch(self) -> float:
        """Seconds of all tasks of a batch."""
        of_kind = _ACT_SECONDS
        searching, choosing = _SEARCHES * of_kind[TaskKind.SEARCH], PARTS * of_kind[TaskKind.CHOOSE]
        return self.scale * (searching + choosing + of_kind[TaskKind.WRITE])


def rest(seconds: float, plans: bytes, *inputs: object) -> bytes:
    """Sleep, as a task that waits for the catalog or for another core does."""
    del plans, inputs
    time.sleep(seconds)
    return b""


def finish(seconds: float, name: str, *inputs: object) -> BatchResult:
    """Sleep, and return the result of a batch."""
    del inputs
    time.sleep(seconds)
    return BatchResult(name, {"events": MIN_BATCH_EVENTS})


def simulate(n_batches: int, *, n_nodes: int, n_threads: int, scale: float) -> Simulation:
    """Run batches on simulated nodes."""
    work = SleepingWork(scale)
    with (
        config.set(SETTINGS),
        LocalCluster(
            n_workers=n_nodes, threads_per_worker=n_threads, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(n_nodes)
        started, driver = time.perf_counter(), time.process_time()
        n_done = sum(1 for _ in run_batches(work, iter(range(n_batches)), client=client))
        seconds, driver = time.perf_counter() - started, time.process_time() - driver
    return Simulation(
        n_places=n_nodes * n_threads,
        n_tasks=n_done * (_SEARCHES + PARTS + 1),
        seconds=seconds,
        asleep=n_done * work.seconds_of_a_batch,
        driver_cpu=driver,
    )
