"""One gate before a catalog for all workers of a cluster: a plugin of the scheduler counts, and workers ask it.

The scheduler is what all workers know and what outlives each of them. It holds the ``Turnstile``; a
worker asks to enter before each request and says when it is done. The places of a worker that is
gone are kept for a while: the catalog may still be at work on what it was asked.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, update_wrapper
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed import SchedulerPlugin, get_worker
from distributed.comm.core import CommClosedError
from distributed.utils import sync
from distributed.worker import WORKER_ANY_RUNNING

from floodscan.catalogs.rate_limiter import Gate, LocalGate, Rates, Turnstile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Worker
    from distributed.scheduler import Scheduler

_LOOK_SECONDS = 5.0
"""Who waits looks so often whether those he waits for are still there."""

_ENTER_OP, _LEAVE_OP, _HOLD_OP = (f"floodscan-gate-{verb}" for verb in ("enter", "leave", "hold"))
_ENTERED_OP, _TURNED_AWAY_OP = "floodscan-gate-entered", "floodscan-gate-turned-away"
"""What a worker is told, of whatever gate: tickets are never the same."""

LOST_SECONDS = 30.0
"""After so long a catalog has given up on a request, whose worker is gone."""


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
        try:
            yield ClusterGate(name)
        finally:
            if client.status == "running":  # else there is no scheduler any more
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
        self._line: dict[str, str] = {}
        self._inside: dict[str, str] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Listen to workers."""
        self._scheduler = scheduler
        self._turnstile = Turnstile(self._rates)
        self._next_look = asyncio.get_running_loop().call_soon(self._let_in)
        # the same for all gates, and never taken away: a message that nobody knows would end its
        # worker's connection
        scheduler.stream_handlers[_ENTER_OP] = partial(_enter, scheduler)
        scheduler.stream_handlers[_LEAVE_OP] = partial(_leave, scheduler)
        scheduler.handlers[_HOLD_OP] = update_wrapper(
            partial(_hold, scheduler), _hold
        )  # distributed asks for its name

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401 - as inherited
        """Free the places of a worker that is gone, after a while.

        One that had nothing to ask has none.
        """
        del scheduler
        self._line = {
            ticket: address for ticket, address in self._line.items() if address != worker
        }
        for ticket in [ticket for ticket, address in self._inside.items() if address == worker]:
            asyncio.get_running_loop().call_later(LOST_SECONDS, self.leave, ticket)

    def stand_in_line(self, ticket: str, worker: str) -> None:
        """Let in who comes, sooner or later."""
        self._line[ticket] = worker
        self._let_in()

    def _let_in(self) -> None:
        """Let in whoever may enter now, in the order of asking, and look again when the next may."""
        self._next_look.cancel()
        while self._line:
            if self.name not in self._scheduler.plugins:
                _turn_away(self._scheduler, *self._line.popitem())
                continue
            ticket = next(iter(self._line))
            if wait := self._turnstile.try_enter(ticket, monotonic()):
                self._next_look = asyncio.get_running_loop().call_later(
                    min(wait, _LOOK_SECONDS), self._let_in
                )
                return
            self._inside[ticket] = worker = self._line.pop(ticket)
            self._scheduler.send_all({}, {worker: [{"op": _ENTERED_OP, "ticket": ticket}]})

    def leave(self, ticket: str) -> None:
        """Free a place."""
        self._line.pop(ticket, None)
        self._inside.pop(ticket, None)
        self._turnstile.leave(ticket)
        self._let_in()

    def hold(self, seconds: float) -> None:
        """Let nobody in for some seconds."""
        self._turnstile.hold(seconds, monotonic())


def _enter(scheduler: Scheduler, gate: str, ticket: str, worker: str) -> None:
    if isinstance(plugin := scheduler.plugins.get(gate), GatePlugin):
        plugin.stand_in_line(ticket, worker)
    else:
        _turn_away(scheduler, ticket, worker)


def _leave(scheduler: Scheduler, gate: str, ticket: str, worker: str) -> None:
    del worker
    if isinstance(plugin := scheduler.plugins.get(gate), GatePlugin):
        plugin.leave(ticket)


def _hold(scheduler: Scheduler, gate: str, seconds: float) -> None:
    if isinstance(plugin := scheduler.plugins.get(gate), GatePlugin):
        plugin.hold(seconds)


def _turn_away(scheduler: Scheduler, ticket: str, worker: str) -> None:
    """Tell who is left of a run that has ended to make no more requests."""
    scheduler.send_all({}, {worker: [{"op": _TURNED_AWAY_OP, "ticket": ticket}]})


_HERE: dict[str, Worker] = {}
_ENTERED: dict[str, Event] = {}


def remember_worker() -> None:
    """Note the worker that a task runs on: threads that the task starts have no other way to it."""
    _HERE["worker"] = worker = get_worker()
    worker.stream_handlers[_ENTERED_OP] = _note_entered
    worker.stream_handlers[_TURNED_AWAY_OP] = _note_turned_away


def _note_entered(ticket: str) -> None:
    if entered := _ENTERED.get(ticket):
        entered.set()


def _note_turned_away(ticket: str) -> None:
    if entered := _ENTERED.pop(ticket, None):
        entered.set()


@dataclass(frozen=True)
class ClusterGate:
    """The workers' side of a gate.

    All but a hold is told in passing, on the connection that worker and scheduler keep: to wait for
    an answer would take a connection for each thread.

    Attributes:
        name: Which gate.
    """

    name: str

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait until a request may start.

        Raises:
            CommClosedError: The scheduler is gone, or the gate.
        """
        worker, ticket = _HERE["worker"], uuid.uuid4().hex
        entered = _ENTERED[ticket] = Event()
        try:
            self._tell(worker, _ENTER_OP, ticket)
            while not entered.wait(_LOOK_SECONDS):
                if worker.status not in WORKER_ANY_RUNNING:
                    raise CommClosedError
            if ticket not in _ENTERED:
                raise CommClosedError
            yield
        finally:
            self._tell(worker, _LEAVE_OP, ticket)
            _ENTERED.pop(ticket, None)

    def hold(self, seconds: float) -> None:
        """Let nothing start for some seconds, on any worker, from the moment that this returns."""
        worker = _HERE["worker"]
        sync(worker.loop, getattr(worker.scheduler, _HOLD_OP), gate=self.name, seconds=seconds)

    def _tell(self, worker: Worker, verb: str, ticket: str) -> None:
        worker.loop.add_callback(
            worker.batched_send, {"op": verb, "gate": self.name, "ticket": ticket}
        )


_: type[Gate] = ClusterGate
