"""Workers that end on purpose don't count as crashed."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any

import pytest
from distributed import Client, Scheduler, Worker
from distributed.core import Status

from floodscan.clusters.scheduler import LenientScheduler

N_ENDS = 5
_GOES_ON = Event()


@pytest.mark.parametrize(("kind", "status"), [(Scheduler, "error"), (LenientScheduler, "pending")])
def test_task_survives_workers_that_announce_their_end(kind: type[Scheduler], status: str) -> None:
    """Five workers end amid a task: distributed's own scheduler fails the task, ours does not."""
    _GOES_ON.clear()
    try:
        assert asyncio.run(outlive(kind)) == status
    finally:
        _GOES_ON.set()


async def outlive(kind: type[Scheduler]) -> str:
    """Let workers end one after the other amid a task, and return the task's status."""
    closed: dict[str, Any] = {
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "host": "127.0.0.1",
    }
    async with (
        kind(port=0, **closed) as scheduler,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        waiting = client.submit(take_long)
        for _ in range(N_ENDS):
            worker = await Worker(scheduler.address, nthreads=1, **closed)
            while waiting.status == "pending" and not worker.state.executing:  # noqa: ASYNC110 - distributed's own state
                await asyncio.sleep(0.01)
            scheduler.handle_worker_status_change(Status.closing, worker.address, "test")
            await scheduler.remove_worker(worker.address, stimulus_id="test")
            await worker.close(timeout=0, executor_wait=False)
        status: str = waiting.status
        return status


def take_long() -> None:
    """Last until the test ends."""
    _GOES_ON.wait()
