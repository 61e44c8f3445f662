"""How many requests may be on their way at once, and when the next may start, for all who share a catalog.

A rate_limiter is asked before each request. ``PermitCounter`` decides, with the clock as an argument;
``LocalRateLimiter`` lets the threads of one process through by it, and a cluster's rate_limiter
(``floodscan.engine.rate_limiter``) the workers of a cluster.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

LEASE_SECONDS = 600.0
"""After so long a request counts as over, whatever became of who made it."""


class RateLimiter(Protocol):
    """What every request passes. Implementations are small values that travel to workers."""

    def enter(self) -> AbstractContextManager[None]:
        """Wait until a request may start; it is over when the context ends."""
        ...

    def pause(self, seconds: float) -> None:
        """Let nothing start for some seconds: the catalog asked for it."""
        ...


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of a rate_limiter.

    Attributes:
        max_in_flight: Requests on their way at once; None is any number.
        max_per_second: Requests that start in a second; None is any number.
    """

    max_in_flight: int | None = None
    max_per_second: float | None = None


@dataclass(slots=True)
class PermitCounter:
    """Counts who is inside and decides who may enter.

    After a catalog asked to wait, half as many are let in at once as before, and one more after
    each round that went well.

    Attributes:
        rates: The limits.
        inside: Moment at which each permit runs out.
    """

    rates: RateLimits
    inside: dict[str, float] = field(default_factory=dict)
    _allowed: float = inf
    _next_start: float = -inf
    _held_until: float = -inf

    def __post_init__(self) -> None:
        """Start with all places open."""
        self._allowed = self.rates.max_in_flight or inf

    def try_acquire(self, permit: str, now: float) -> float:
        """Let a permit in, or tell how long to wait before it is worth asking again.

        Args:
            permit: IdSet the request.
            now: Seconds on a clock that doesn't jump.

        Returns:
            0 where it is inside now; infinity where somebody has to leave first.
        """
        self.inside = {each: until for each, until in self.inside.items() if until > now}
        start = max(self._held_until, self._next_start)
        if now < start:
            return start - now
        if len(self.inside) >= max(int(self._allowed) if self._allowed < inf else inf, 1):
            return inf
        self.inside[permit] = now + LEASE_SECONDS
        if self.rates.max_per_second:
            self._next_start = now + 1 / self.rates.max_per_second
        return 0.0

    def leave(self, permit: str) -> None:
        """Take a permit back; one that is unknown or ran out is no error."""
        if self.inside.pop(permit, None) is not None and self.rates.max_in_flight:
            self._allowed = min(self._allowed + 1 / self._allowed, self.rates.max_in_flight)

    def pause(self, seconds: float, now: float) -> None:
        """Let nobody in for some seconds, and fewer at once after that."""
        if now >= self._held_until and self.rates.max_in_flight:
            self._allowed = max(self._allowed / 2, 1.0)
        self._held_until = max(self._held_until, now + seconds)


@dataclass(frozen=True, slots=True)
class LocalRateLimiter:
    """Lets the threads of this process through; equal rate_limiters are one rate_limiter.

    Attributes:
        rates: The limits.
        name: Tells rate_limiters with the same limits apart.
    """

    rates: RateLimits = RateLimits()
    name: str = ""

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait until a request may start."""
        turnstile, changed = _open(self)
        permit = f"{threading.get_ident()}"
        with changed:
            while wait := turnstile.try_acquire(permit, time.monotonic()):
                changed.wait(min(wait, LEASE_SECONDS))
        try:
            yield
        finally:
            with changed:
                turnstile.leave(permit)
                changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nothing start for some seconds."""
        turnstile, changed = _open(self)
        with changed:
            turnstile.pause(seconds, time.monotonic())


@cache
def _open(rate_limiter: LocalRateLimiter) -> tuple[PermitCounter, threading.Condition]:
    return PermitCounter(rate_limiter.rates), threading.Condition()


_: type[RateLimiter] = LocalRateLimiter
