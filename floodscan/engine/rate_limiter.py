"""One rate_limiter before a catalog for all workers of a cluster: a plugin of the scheduler counts, and workers ask it.

The scheduler is what all workers know and what outlives each of them. It holds the ``PermitCounter``; a
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

from floodscan.catalogs.rate_limiter import LocalRateLimiter, PermitCounter, RateLimiter, RateLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Worker
    from distributed.scheduler import Scheduler

_LOOK_SECONDS = 5.0
"""Who waits looks so often whether those he waits for are still there."""

_ACQUIRE_OP, _RELEASE_OP, _PAUSE_OP = (
    f"floodscan-rate_limiter-{verb}" for verb in ("enter", "leave", "hold")
)
_GRANTED_OP, _TURNED_AWAY_OP = (
    "floodscan-rate_limiter-entered",
    "floodscan-rate_limiter-turned-away",
)
"""What a worker is told, of whatever rate_limiter: permits are never the same."""

LOST_SECONDS = 30.0
"""After so long a catalog has given up on a request, whose worker is gone."""


@contextmanager
def open_rate_limiter(client: Client | None, rates: RateLimits) -> Iterator[RateLimiter]:
    """Put up a rate_limiter where tasks run, and take it down at the end.

    Args:
        client: Client of the cluster; None is this process.
        rates: The limits of the rate_limiter.
    """
    name = f"floodscan-rate_limiter-{uuid.uuid4().hex}"
    if client is None:
        yield LocalRateLimiter(rates, name)
    else:
        client.register_plugin(RateLimiterPlugin(rates, name))
        try:
            yield ClusterRateLimiter(name)
        finally:
            if client.status == "running":  # else there is no scheduler any more
                client.unregister_scheduler_plugin(name)


class RateLimiterPlugin(SchedulerPlugin):
    """The scheduler's side of a rate_limiter.

    Args:
        rates: The limits.
        name: Tells rate_limiters apart.
    """

    def __init__(self, rates: RateLimits, name: str) -> None:
        self.name = name
        self._rates = rates
        self._line: dict[str, str] = {}
        self._inside: dict[str, str] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Listen to workers."""
        self._scheduler = scheduler
        self._turnstile = PermitCounter(self._rates)
        self._next_look = asyncio.get_running_loop().call_soon(self._let_in)
        # the same for all rate_limiters, and never taken away: a message that nobody knows would end its
        # worker's connection
        scheduler.stream_handlers[_ACQUIRE_OP] = partial(_enter, scheduler)
        scheduler.stream_handlers[_RELEASE_OP] = partial(_leave, scheduler)
        scheduler.handlers[_PAUSE_OP] = update_wrapper(
            partial(_pause, scheduler), _pause
        )  # distributed asks for its name

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401 - as inherited
        """Free the places of a worker that is gone, after a while.

        One that had nothing to ask has none.
        """
        del scheduler
        self._line = {
            permit: address for permit, address in self._line.items() if address != worker
        }
        for permit in [permit for permit, address in self._inside.items() if address == worker]:
            asyncio.get_running_loop().call_later(LOST_SECONDS, self.leave, permit)

    def request_permit(self, permit: str, worker: str) -> None:
        """Let in who comes, sooner or later."""
        self._line[permit] = worker
        self._let_in()

    def _let_in(self) -> None:
        """Let in whoever may enter now, in the order of asking, and look again when the next may."""
        self._next_look.cancel()
        while self._line:
            if self.name not in self._scheduler.plugins:
                _turn_away(self._scheduler, *self._line.popitem())
                continue
            permit = next(iter(self._line))
            if wait := self._turnstile.try_acquire(permit, monotonic()):
                self._next_look = asyncio.get_running_loop().call_later(
                    min(wait, _LOOK_SECONDS), self._let_in
                )
                return
            self._inside[permit] = worker = self._line.pop(permit)
            self._scheduler.send_all({}, {worker: [{"op": _GRANTED_OP, "permit": permit}]})

    def leave(self, permit: str) -> None:
        """Free a place."""
        self._line.pop(permit, None)
        self._inside.pop(permit, None)
        self._turnstile.leave(permit)
        self._let_in()

    def pause(self, seconds: float) -> None:
        """Let nobody in for some seconds."""
        self._turnstile.pause(seconds, monotonic())


def _enter(scheduler: Scheduler, rate_limiter: str, permit: str, worker: str) -> None:
    if isinstance(plugin := scheduler.plugins.get(rate_limiter), RateLimiterPlugin):
        plugin.request_permit(permit, worker)
    else:
        _turn_away(scheduler, permit, worker)


def _leave(scheduler: Scheduler, rate_limiter: str, permit: str, worker: str) -> None:
    del worker
    if isinstance(plugin := scheduler.plugins.get(rate_limiter), RateLimiterPlugin):
        plugin.leave(permit)


def _pause(scheduler: Scheduler, rate_limiter: str, seconds: float) -> None:
    if isinstance(plugin := scheduler.plugins.get(rate_limiter), RateLimiterPlugin):
        plugin.pause(seconds)


def _turn_away(scheduler: Scheduler, permit: str, worker: str) -> None:
    """Tell who is left of a run that has ended to make no more requests."""
    scheduler.send_all({}, {worker: [{"op": _TURNED_AWAY_OP, "permit": permit}]})


_HERE: dict[str, Worker] = {}
_GRANTED: dict[str, Event] = {}


def remember_worker() -> None:
    """Note the worker that a task runs on: threads that the task starts have no other way to it."""
    _HERE["worker"] = worker = get_worker()
    worker.stream_handlers[_GRANTED_OP] = _note_entered
    worker.stream_handlers[_TURNED_AWAY_OP] = _note_turned_away


def _note_entered(permit: str) -> None:
    if entered := _GRANTED.get(permit):
        entered.set()


def _note_turned_away(permit: str) -> None:
    if entered := _GRANTED.pop(permit, None):
        entered.set()


@dataclass(frozen=True)
class ClusterRateLimiter:
    """The workers' side of a rate_limiter.

    All but a hold is told in passing, on the connection that worker and scheduler keep: to wait for
    an answer would take a connection for each thread.

    Attributes:
        name: Which rate_limiter.
    """

    name: str

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait until a request may start.

        Raises:
            CommClosedError: The scheduler is gone, or the rate_limiter.
        """
        worker, permit = _HERE["worker"], uuid.uuid4().hex
        entered = _GRANTED[permit] = Event()
        try:
            self._tell(worker, _ACQUIRE_OP, permit)
            while not entered.wait(_LOOK_SECONDS):
                if worker.status not in WORKER_ANY_RUNNING:
                    raise CommClosedError
            if permit not in _GRANTED:
                raise CommClosedError
            yield
        finally:
            self._tell(worker, _RELEASE_OP, permit)
            _GRANTED.pop(permit, None)

    def pause(self, seconds: float) -> None:
        """Let nothing start for some seconds, on any worker, from the moment that this returns."""
        worker = _HERE["worker"]
        sync(
            worker.loop,
            getattr(worker.scheduler, _PAUSE_OP),
            rate_limiter=self.name,
            seconds=seconds,
        )

    def _tell(self, worker: Worker, verb: str, permit: str) -> None:
        worker.loop.add_callback(
            worker.batched_send, {"op": verb, "rate_limiter": self.name, "permit": permit}
        )


_: type[RateLimiter] = ClusterRateLimiter
