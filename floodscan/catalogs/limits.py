"""Bounds on the requests of a search or a read, and the error of a request without an answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the time, size and number of requests.

    Attributes:
        purpose: The requests are of a ``search`` or of a ``read``, for messages. What is said here
            of a search holds for a read too.
        page_items: Number of items that a request asks for.
        connect_seconds: Longest time to open a connection.
        silence_seconds: Longest time without a byte from the server.
        request_seconds: Longest time for one request and its whole answer.
        max_bytes: Largest size of one answer, uncompressed. A page of 1000 items of Planetary
            Computer has 16 MB.
        max_items: Largest number of items of one search: the candidates that they become take
            about 10 KB each while they are scored.
        max_items_bytes: Largest size of all items of one search, in memory. About 18,000 items with
            12 assets have this size.
        tries: Number of tries of one request.
        tries_too_much: Number of tries of a request that the server can't answer in time; after
            that, its search is cut into halves.
        too_much_seconds: A server that gives up sooner than this is out of order, and would not
            answer halves either.
        search_tries: Number of repeated requests of one search, with all its halves.
        search_seconds: Longest time of one search with all its halves and pauses, but without the
            wait for permits.
        max_bisections: Number of cuts into halves of one search.
        pause_seconds: Longest pause before the first retry; it doubles with each retry.
        max_pause_seconds: Longest pause before any retry.
    """

    purpose: str = "search"
    page_items: int = 1000
    connect_seconds: float = 10.0
    silence_seconds: float = 60.0
    request_seconds: float = 120.0
    max_bytes: int = 2**26
    max_items: int = 20_000
    max_items_bytes: int = 2**26
    tries: int = 8
    tries_too_much: int = 2
    too_much_seconds: float = 2.0
    search_tries: int = 60
    search_seconds: float = 1800.0
    max_bisections: int = 200
    pause_seconds: float = 0.5
    max_pause_seconds: float = 30.0


class TooLargeError(ValueError):
    """A document that would take too much memory."""


class RequestError(Exception):
    """A request without an answer.

    Attributes:
        reason: What happened, without secrets.
        status: HTTP status; None without one.
        passing: True if a retry may help.
        too_much: True if a smaller search may help.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        passing: bool = False,
        too_much: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.passing = passing
        self.too_much = too_much


@dataclass(slots=True)
class Budget:
    """The cost of one search so far, and its bounds.

    Attributes:
        limits: The bounds.
        started: Start of the search, in seconds on the monotonic clock.
        excused: Seconds that don't count, because the search waited for permits.
        n_requests: Number of requests, with every retry counted.
        n_retries: Number of retries.
        arrived: Called when an answer has arrived, before it is decoded.
    """

    limits: Limits
    started: float = field(default_factory=time.monotonic)
    excused: float = 0.0
    n_requests: int = 0
    n_retries: int = 0
    arrived: Callable[[], None] = lambda: None

    @property
    def seconds_left(self) -> float:
        """Time that is left for the search."""
        return self.started + self.excused + self.limits.search_seconds - time.monotonic()

    @property
    def is_spent(self) -> bool:
        """True if there are no retries or no time left."""
        return self.spent is not None

    @property
    def spent(self) -> str | None:
        """Which bound the search reached; None if there are retries and time left."""
        if self.seconds_left <= 0:
            return f"the {self.limits.purpose} was not done in {self.limits.search_seconds:g} s"
        if self.n_retries >= self.limits.search_tries:
            purpose = self.limits.purpose
            return f"the {purpose} was not done after {self.n_retries} repeated requests"
        return None

    def ends(self, state: RetryCallState) -> bool:
        """Return whether a failed try was the last one."""
        err = state.outcome and state.outcome.exception()
        too_much = isinstance(err, RequestError) and err.too_much
        tries = self.limits.tries_too_much if too_much else self.limits.tries
        return (
            self.is_spent
            or self.seconds_left <= state.upcoming_sleep
            or state.attempt_number >= tries
        )
