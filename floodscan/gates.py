"""One gate before a catalogue for all workers of a cluster: a plugin of the scheduler counts, and workers ask it.

The scheduler is what all workers know and what outlives each of them. It holds the ``Turnstile``; a worker asks to
enter before each request and says when it is done. The places of a worker that is gone are kept for a while: the
catalogue may still be at work on what it was asked.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isinf
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed import SchedulerPlugin, get_worker
from distributed.utils import sync

from floodscan.catalogs.gate import Gate, LocalGate, Rates, Turnstile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Worker
    from distributed.scheduler import Scheduler

_ANSWER_SECONDS = 20.0
"""The scheduler answers after so long, if only that nobody may enter yet."""

LOST_SECONDS = 30.0
"""After so long a catalogue has given up on a request, whose worker is gone."""


@contextmanager
def open_gate(client: Client | None, rates: Rates) -> Iterator[Gate]:
    """Put up a gate where tasks run, and take it down at the end.

    Args:
        client: Client of the cluster; None is this process.
        rates: The limits of the gate.
    """
    name = f"floodscan-gate-{uuid.uuid4().hex}"
    if client is None:
        yield LocalGate(rates, name)
    else:
        client.register_plugin(GatePlugin(rates, name))
        yield ClusterGate(name)
        client.unregister_scheduler_plugin(name)


class GatePlugin(SchedulerPlugin):
    """The scheduler's side of a gate.

    Args:
        rates: The limits.
        name: Tells gates apart.
    """

    def __init__(self, rates: Rates, name: str) -> None:
        self.name = name
        self._rates = rates
        self._inside: dict[str, str] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Listen to workers."""
        self._scheduler = scheduler
        self._turnstile = Turnstile(self._rates)
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()
        scheduler.handlers[f"{self.name}-enter"] = self._enter
        scheduler.handlers[f"{self.name}-hold"] = self._hold
        scheduler.stream_handlers[f"{self.name}-leave"] = lambda ticket, worker: self._leave(ticket)  # noqa: ARG005

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401 - as inherited
        """Free the places of a worker that is gone, after a while; one that had nothing to ask has none."""
        del scheduler
        for ticket in [ticket for ticket, address in self._inside.items() if address == worker]:
            self._leave_later(ticket)

    async def _enter(self, ticket: str, worker: str) -> bool:
        """Wait for a place, in the order of asking, and tell whether there was one in time."""
        try:
            await asyncio.wait_for(self._wait_in_line(ticket), _ANSWER_SECONDS)
        except TimeoutError:
            self._turnstile.leave(ticket)
            return False
        self._inside[ticket] = worker
        if worker not in self._scheduler.workers:
            self._leave_later(ticket)
        return True

    async def _wait_in_line(self, ticket: str) -> None:
        async with self._line:
            while wait := self._turnstile.try_enter(ticket, monotonic()):
                self._changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), None if isinf(wait) else wait)

    def _leave_later(self, ticket: str) -> None:
        asyncio.get_running_loop().call_later(LOST_SECONDS, self._leave, ticket)

    def _leave(self, ticket: str) -> None:
        self._inside.pop(ticket, None)
        self._turnstile.leave(ticket)
        self._changed.set()

    def _hold(self, seconds: float) -> None:
        self._turnstile.hold(seconds, monotonic())


_HERE: dict[str, Worker] = {}


def remember_worker() -> None:
    """Note the worker that a task runs on: threads that the task starts have no other way to it."""
    _HERE["worker"] = get_worker()


@dataclass(frozen=True)
class ClusterGate:
    """The workers' side of a gate.

    Attributes:
        name: Which gate.
    """

    name: str

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait until a request may start."""
        ticket, worker = uuid.uuid4().hex, _HERE["worker"]
        while not self._ask("enter", ticket=ticket, worker=worker.address):
            pass
        try:
            yield
        finally:
            # told in passing: an answer would be waited for by a thread that has other things to do
            worker.loop.add_callback(worker.batched_send, {"op": f"{self.name}-leave", "ticket": ticket})

    def hold(self, seconds: float) -> None:
        """Let nothing start for some seconds, on any worker."""
        self._ask("hold", seconds=seconds)

    def _ask(self, verb: str, **arguments: Any) -> Any:  # noqa: ANN401 - what the handler gives
        worker = _HERE["worker"]
        return sync(worker.loop, getattr(worker.scheduler, f"{self.name}-{verb}"), **arguments)


_: type[Gate] = ClusterGate
