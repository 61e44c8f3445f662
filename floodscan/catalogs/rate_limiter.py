"""How many requests may be on their way at once, and when the next may start, for all who share a catalog.

A gate is asked before each request. ``Turnstile`` decides, with the clock as an argument;
``LocalGate`` lets the threads of one process through by it, and a cluster's gate
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


class Gate(Protocol):
    """What every request passes. Implementations are small values that travel to workers."""

    def enter(self) -> AbstractContextManager[None]:
        """Wait until a request may start; it is over when the context ends."""
        ...

    def hold(self, seconds: float) -> None:
        """Let nothing start for some seconds: the catalog asked for it."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of a gate.

    Attributes:
        max_in_flight: Requests on their way at once; None is any number.
        max_per_second: Requests that start in a second; None is any number.
    """

    max_in_flight: int | None = None
    max_per_second: float | None = None


@dataclass(slots=True)
class Turnstile:
    """Counts who is inside and decides who may enter.

    After a catalog asked to wait, half as many are let in at once as before, and one more after
    each round that went well.

    Attributes:
        rates: The limits.
        inside: Moment at which each ticket runs out.
    """

    rates: Rates
    inside: dict[str, float] = field(default_factory=dict)
    _allowed: float = inf
    _next_start: float = -inf
    _held_until: float = -inf

    def __post_init__(self) -> None:
        """Start with all places open."""
        self._allowed = self.rates.max_in_flight or inf

    def try_enter(self, ticket: str, now: float) -> float:
        """Let a ticket in, or tell how long to wait before it is worth asking again.

        Args:
            ticket: IdSet the request.
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
        self.inside[ticket] = now + LEASE_SECONDS
        if self.rates.max_per_second:
            self._next_start = now + 1 / self.rates.max_per_second
        return 0.0

    def leave(self, ticket: str) -> None:
        """Take a ticket back; one that is unknown or ran out is no error."""
        if self.inside.pop(ticket, None) is not None and self.rates.max_in_flight:
            self._allowed = min(self._allowed + 1 / self._allowed, self.rates.max_in_flight)

    def hold(self, seconds: float, now: float) -> None:
        """Let nobody in for some seconds, and fewer at once after that."""
        if now >= self._held_until and self.rates.max_in_flight:
            self._allowed = max(self._allowed / 2, 1.0)
        self._held_until = max(self._held_until, now + seconds)


@dataclass(frozen=True, slots=True)
class LocalGate:
    """Lets the threads of this process through; equal gates are one gate.

    Attributes:
        rates: The limits.
        name: Tells gates with the same limits apart.
    """

    rates: Rates = Rates()
    name: str = ""

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait until a request may start."""
        turnstile, changed = _open(self)
        ticket = f"{threading.get_ident()}"
        with changed:
            while wait := turnstile.try_enter(ticket, time.monotonic()):
                changed.wait(min(wait, LEASE_SECONDS))
        try:
            yield
        finally:
            with changed:
                turnstile.leave(ticket)
                changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Let nothing start for some seconds."""
        turnstile, changed = _open(self)
        with changed:
            turnstile.hold(seconds, time.monotonic())


@cache
def _open(gate: LocalGate) -> tuple[Turnstile, threading.Condition]:
    return Turnstile(gate.rates), threading.Condition()


_: type[Gate] = LocalGate
