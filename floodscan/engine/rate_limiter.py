"""One rate limiter for all workers of a cluster.

A plugin of the scheduler counts the permits, because every worker knows the scheduler and the
scheduler outlives the workers. A request of one worker looks like this::

    thread of a task              loop of the worker          loop of the scheduler
    ────────────────              ──────────────────          ─────────────────────
    with limiter.acquire():
        send ─────────────────────── acquire ───────────────▶ the permit waits its turn
        wait for an answer                                    PermitCounter grants it
        the answer is there ◀──────── granted ◀────────────── (at once, or later)
        … one HTTP request …
    end of the with block
        send ─────────────────────── release ───────────────▶ the next one is granted

The messages travel on the stream that worker and scheduler keep open. A thread that waited for the
response of an RPC instead would need a connection of its own. Exceptions to the picture:

- The run has ended: its plugin is gone, and the scheduler answers ``refused``, which raises.
- The worker closes: a waiting thread checks its worker now and then, and raises.
- The worker dies: its waiting permits are dropped, and its granted permits released after
  ``LOST_SECONDS``, because the catalog may still work on the requests.
- A thread raises while it waits: it sends ``release``, which withdraws the waiting permit.
- A pause is an RPC: it holds on all workers when the call returns.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, update_wrapper
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed import SchedulerPlugin, get_worker
from distributed.utils import sync
from distributed.worker import WORKER_ANY_RUNNING

from floodscan.catalogs.rate_limiter import PermitCounter, RateLimiter, RateLimits
from floodscan.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Worker
    from distributed.scheduler import Scheduler

CHECK_SECONDS = 5.0
"""How often a waiting thread checks that its worker is alive, and the scheduler that leases end."""

LOST_SECONDS = 30.0
"""When a worker is lost, the catalog has given up on its requests after this time."""

UNDOCUMENTED = {
    "distributed.Scheduler.stream_handlers": "workers can't ask for permits",
    "distributed.Scheduler.handlers": "workers can't pause the others",
    "distributed.Scheduler.send_all": "permits don't reach the workers",
    "distributed.Scheduler.plugins": "the scheduler doesn't find the rate limiter",
    "distributed.Worker.stream_handlers": "permits don't reach the threads that wait",
    "distributed.Worker.batched_send": "workers can't ask for permits",
    "distributed.Worker.loop": "threads can't send anything",
    "distributed.Worker.scheduler": "workers can't pause the others",
    "distributed.Worker.status": "threads wait for ever on a worker that closes",
    "distributed.worker.WORKER_ANY_RUNNING": "threads wait for ever on a worker that closes",
    "distributed.utils.sync": "workers can't pause the others",
}
"""Parts of distributed without a promise in its documentation, and what breaks without each.

A test looks for every part.
"""

_ACQUIRE, _RELEASE, _PAUSE, _GRANTED, _REFUSED = (
    f"floodscan-rate_limiter-{verb}"
    for verb in ("acquire", "release", "pause", "granted", "refused")
)


@contextmanager
def open_rate_limiter(client: Client, rates: RateLimits) -> Iterator[RateLimiter]:
    """Open a rate limiter for the tasks of a run, and remove it at the end.

    Args:
        client: Client of the cluster.
        rates: The limits.
    """
    name = f"floodscan-rate_limiter-{uuid.uuid4().hex}"
    client.register_plugin(RateLimiterPlugin(rates, name))
    try:
        yield ClusterRateLimiter(name)
    finally:
        if client.status == "running":  # else the scheduler is gone too
            client.unregister_scheduler_plugin(name)


class RateLimiterPlugin(SchedulerPlugin):
    """The scheduler's side of a rate limiter.

    All methods run in the event loop of the scheduler, so that they need no lock.

    Args:
        rates: The limits.
        name: Tells the rate limiters of a scheduler apart.
    """

    def __init__(self, rates: RateLimits, name: str) -> None:
        self.name = name
        self._rates = rates
        self._waiting: OrderedDict[str, str] = OrderedDict()  # permit to address of the worker
        self._granted: dict[str, str] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Listen to workers."""
        self._scheduler = scheduler
        self._counter = PermitCounter(self._rates)
        self._timer = asyncio.get_running_loop().call_soon(self._grant)
        # shared by all rate limiters and never removed: distributed closes the connection of a
        # worker that sends a message without a handler
        scheduler.stream_handlers[_ACQUIRE] = partial(_on_acquire, scheduler)
        scheduler.stream_handlers[_RELEASE] = partial(_on_release, scheduler)
        # distributed reads the name of this handler
        scheduler.handlers[_PAUSE] = update_wrapper(partial(_on_pause, scheduler), _on_pause)

    def remove_worker(
        self,
        scheduler: Scheduler,
        worker: str,
        **_: Any,  # noqa: ANN401 - as inherited
    ) -> None:
        """Take back the permits of a lost worker: waiting ones now, granted ones later."""
        del scheduler
        for permit in [permit for permit, at in self._waiting.items() if at == worker]:
            del self._waiting[permit]
        for permit in [permit for permit, at in self._granted.items() if at == worker]:
            asyncio.get_running_loop().call_later(LOST_SECONDS, self.release, permit)

    def acquire(self, permit: str, worker: str, *, first: bool) -> None:
        """Grant a permit, now or later, in the order of these calls, or before all that wait."""
        self._waiting[permit] = worker
        if first:
            self._waiting.move_to_end(permit, last=False)
        self._grant()

    def release(self, permit: str) -> None:
        """Take a permit back, whether it is granted or waited for."""
        self._waiting.pop(permit, None)
        self._granted.pop(permit, None)
        self._counter.release(permit)
        self._grant()

    def pause(self, seconds: float) -> None:
        """Grant no permit for some seconds."""
        self._counter.pause(seconds, monotonic())

    def _grant(self) -> None:
        """Grant as many waiting permits as the limits allow, and set a timer for the rest."""
        self._timer.cancel()
        while self._waiting:
            if self.name not in self._scheduler.plugins:  # the run has ended
                _send(self._scheduler, _REFUSED, *self._waiting.popitem())
                continue
            permit = next(iter(self._waiting))
            if seconds := self._counter.try_acquire(permit, monotonic()):
                self._timer = asyncio.get_running_loop().call_later(
                    min(seconds, CHECK_SECONDS), self._grant
                )
                return
            self._granted[permit] = worker = self._waiting.pop(permit)
            _send(self._scheduler, _GRANTED, permit, worker)


def _on_acquire(
    scheduler: Scheduler,
    rate_limiter: str,
    permit: str,
    worker: str,
    first: bool,  # noqa: FBT001 - distributed names it
) -> None:
    if plugin := _find(scheduler, rate_limiter):
        plugin.acquire(permit, worker, first=first)
    else:
        _send(scheduler, _REFUSED, permit, worker)


def _on_release(scheduler: Scheduler, rate_limiter: str, permit: str, worker: str) -> None:
    del worker
    if plugin := _find(scheduler, rate_limiter):
        plugin.release(permit)


def _on_pause(scheduler: Scheduler, rate_limiter: str, seconds: float) -> None:
    if plugin := _find(scheduler, rate_limiter):
        plugin.pause(seconds)


def _find(scheduler: Scheduler, rate_limiter: str) -> RateLimiterPlugin | None:
    """Return the plugin of a rate limiter; None if its run has ended."""
    plugin = scheduler.plugins.get(rate_limiter)
    return plugin if isinstance(plugin, RateLimiterPlugin) else None


def _send(scheduler: Scheduler, verb: str, permit: str, worker: str) -> None:
    scheduler.send_all({}, {worker: [{"op": verb, "permit": permit}]})


_HERE: dict[str, Worker] = {}
"""The worker of this process."""

_ANSWERS: dict[str, Future[None]] = {}
"""The answer that a thread waits for, by permit."""


def remember_worker() -> None:
    """Note the worker that runs this task: the threads of a task can't find it themselves."""
    _HERE["worker"] = worker = get_worker()
    worker.stream_handlers[_GRANTED] = _on_granted
    worker.stream_handlers[_REFUSED] = _on_refused


def _on_granted(permit: str) -> None:
    if answer := _ANSWERS.pop(permit, None):
        answer.set_result(None)


def _on_refused(permit: str) -> None:
    if answer := _ANSWERS.pop(permit, None):
        answer.set_exception(ClusterError("the run that asked for a permit has ended"))


@dataclass(frozen=True)
class ClusterRateLimiter:
    """The workers' side of a rate limiter.

    Attributes:
        name: Name of the scheduler's side.
    """

    name: str

    @contextmanager
    def acquire(self, *, first: bool = False) -> Iterator[None]:
        """Wait for a permit; the end of the context releases it.

        Args:
            first: Go before all that wait.

        Raises:
            ClusterError: The run has ended, or the worker closes.
        """
        worker, permit = _HERE["worker"], uuid.uuid4().hex
        answer = _ANSWERS[permit] = Future()
        try:
            self._send(worker, _ACQUIRE, permit, first=first)
            while not wait([answer], timeout=CHECK_SECONDS).done:
                if worker.status not in WORKER_ANY_RUNNING:
                    raise ClusterError("the worker closes")
            answer.result()
            yield
        finally:
            self._send(worker, _RELEASE, permit)
            _ANSWERS.pop(permit, None)

    def pause(self, seconds: float) -> None:
        """Grant no permit for some seconds, on any worker, from when this returns.

        Raises:
            ClusterError: The scheduler can't be reached.
        """
        worker = _HERE["worker"]
        call = getattr(worker.scheduler, _PAUSE)
        try:
            sync(worker.loop, call, rate_limiter=self.name, seconds=seconds)
        except OSError as err:
            raise ClusterError("the scheduler can't be reached") from err

    def _send(self, worker: Worker, verb: str, permit: str, **more: bool) -> None:
        message = {"op": verb, "rate_limiter": self.name, "permit": permit, **more}
        worker.loop.add_callback(worker.batched_send, message)


_: type[RateLimiter] = ClusterRateLimiter
