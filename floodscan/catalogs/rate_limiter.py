"""A limit on the requests to a catalog, shared by all who search it.

Each request needs a permit from a rate limiter. ``PermitCounter`` decides when a permit is granted,
with the time as an argument. ``LocalRateLimiter`` applies it to the threads of one process, and
``floodscan.engine.rate_limiter`` to the workers of a cluster.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

LEASE_SECONDS = 600.0
"""A permit that is not released after this time counts as released."""


class RateLimiter(Protocol):
    """Gives permits for requests. Implementations are small values that travel to workers."""

    def acquire(self, *, first: bool = False) -> AbstractContextManager[None]:
        """Wait for a permit; the end of the context releases it.

        Args:
            first: Go before all that wait.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Grant no permit for some seconds, because the catalog asked for it."""
        ...


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of a rate limiter.

    Attributes:
        max_in_flight: Most requests in progress; None is no limit.
        max_per_second: Most requests that start in a second; None is no limit.
    """

    max_in_flight: int | None = None
    max_per_second: float | None = None


@dataclass(slots=True)
class PermitCounter:
    """Counts granted permits and decides when the next is granted.

    A pause halves the limit on requests in progress. After that, the limit grows by one for each
    round of released permits, up to its first value.

    Attributes:
        rates: The limits.
        granted: Moment at which the lease of each granted permit ends.
    """

    rates: RateLimits
    granted: dict[str, float] = field(default_factory=dict)
    _allowed: float = inf
    _next_start: float = -inf
    _paused_until: float = -inf

    def __post_init__(self) -> None:
        """Start with the full limit."""
        self._allowed = self.rates.max_in_flight or inf

    def try_acquire(self, permit: str, now: float) -> float:
        """Grant a permit, or return how long to wait before the next try.

        Args:
            permit: Id of the permit.
            now: Seconds on a clock that does not jump.

        Returns:
            0 if the permit is granted; infinity if another permit must be released first.
        """
        self.granted = {each: end for each, end in self.granted.items() if end > now}
        start = max(self._paused_until, self._next_start)
        if now < start:
            return start - now
        if len(self.granted) >= max(int(self._allowed) if self._allowed < inf else inf, 1):
            return inf
        self.granted[permit] = now + LEASE_SECONDS
        if self.rates.max_per_second:
            self._next_start = now + 1 / self.rates.max_per_second
        return 0.0

    def release(self, permit: str) -> None:
        """Take a permit back; it may be unknown, or its lease may have ended."""
        if self.granted.pop(permit, None) is not None and self.rates.max_in_flight:
            self._allowed = min(self._allowed + 1 / self._allowed, self.rates.max_in_flight)

    def pause(self, seconds: float, now: float) -> None:
        """Grant nothing for some seconds, and fewer permits at once after that."""
        if now >= self._paused_until and self.rates.max_in_flight:
            self._allowed = max(self._allowed / 2, 1.0)
        self._paused_until = max(self._paused_until, now + seconds)


@dataclass(frozen=True, slots=True)
class LocalRateLimiter:
    """The rate limiter of a process; equal values share their permits.

    Attributes:
        rates: The limits.
        name: Tells rate limiters with the same limits apart.
    """

    rates: RateLimits = RateLimits()
    name: str = ""

    @contextmanager
    def acquire(self, *, first: bool = False) -> Iterator[None]:
        """Wait for a permit; the end of the context releases it."""
        line, permit = _open(self), f"{threading.get_ident()}"
        line.wait(permit, first=first)
        try:
            yield
        finally:
            line.leave(permit)

    def pause(self, seconds: float) -> None:
        """Grant no permit for some seconds."""
        _open(self).pause(seconds)


class _Line:
    """The threads that wait for a permit, in the order in which they came.

    Only the first one is woken: to wake a hundred for one permit takes more CPU than a request.

    Args:
        rates: The limits.
    """

    def __init__(self, rates: RateLimits) -> None:
        self._counter = PermitCounter(rates)
        self._guard = threading.Lock()
        self._waiting: deque[threading.Condition] = deque()

    def wait(self, permit: str, *, first: bool) -> None:
        """Wait until the permit is granted."""
        turn = threading.Condition(self._guard)
        with self._guard:
            (self._waiting.appendleft if first else self._waiting.append)(turn)
            try:
                while seconds := self._try(permit, turn):
                    turn.wait(min(seconds, LEASE_SECONDS))
            finally:
                self._waiting.remove(turn)
                self._wake_first()

    def leave(self, permit: str) -> None:
        """Release a permit."""
        with self._guard:
            self._counter.release(permit)
            self._wake_first()

    def pause(self, seconds: float) -> None:
        """Grant nothing for some seconds."""
        with self._guard:
            self._counter.pause(seconds, time.monotonic())

    def _try(self, permit: str, turn: threading.Condition) -> float:
        """Return how long to wait before the next try; 0 if the permit is granted."""
        is_first = self._waiting[0] is turn
        return self._counter.try_acquire(permit, time.monotonic()) if is_first else inf

    def _wake_first(self) -> None:
        if self._waiting:
            self._waiting[0].notify()


@cache
def _open(rate_limiter: LocalRateLimiter) -> _Line:
    return _Line(rate_limiter.rates)


_: type[RateLimiter] = LocalRateLimiter
