"""One HTTP request to a catalog and its answer: bounded in time and size, tried again where that may help.

What is tried again: a connection that fails or breaks off, an answer that is late, cut off or not
JSON, and the statuses that pass. Between tries there is a pause of random length, up to twice as
long each time; where the server names the pause (``Retry-After``), whatever its status, the rate_limiter
holds everybody's requests so long, or, where that is longer than a search may take, this process
makes none. No message holds a URL: a URL may hold a secret.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from gzip import BadGzipFile
from http import HTTPStatus
from math import inf
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from isal.igzip import IGzipFile
from isal.isal_zlib import IsalError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential
from urllib3 import Retry
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    ReadTimeoutError,
    SSLError,
)

from floodscan.catalogs.connections import CHUNK, Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from floodscan.catalogs.rate_limiter import RateLimiter

T = TypeVar("T")

_MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    *(509, 520, 521, 522, 523, 524),  # of hosting panels and of Cloudflare
}
_GAVE_UP = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT, 524}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long, how large and how often.

    Attributes:
        page_items: Items asked for at once.
        connect_seconds: For a connection to be there.
        silence_seconds: Without a byte from the server.
        request_seconds: For one request and its whole answer.
        max_bytes: Of one answer, unpacked.
        tries: Of one request.
        tries_too_much: Of one request that the server can't answer in time: halves of it may be
            better.
        too_much_seconds: What gives up sooner than this is out of order, and halves are no better.
        search_tries: Repeated requests of one search and its halves together.
        search_seconds: For one search and its halves together, with all its pauses, but not the
            wait at the rate_limiter.
        max_bisections: Cuts into halves of one search.
        pause_seconds: Longest pause after a first try; it doubles with each.
        max_pause_seconds: Longest pause.
    """

    page_items: int = 1000
    connect_seconds: float = 10.0
    silence_seconds: float = 60.0
    request_seconds: float = 120.0
    max_bytes: int = 2**28
    tries: int = 8
    tries_too_much: int = 2
    too_much_seconds: float = 2.0
    search_tries: int = 60
    search_seconds: float = 1800.0
    max_bisections: int = 200
    pause_seconds: float = 0.5
    max_pause_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked over HTTP.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Where to.
        body: JSON of a ``POST``.
        leaves_host: Whether a ``GET`` may be redirected to another host; a ``POST`` is never
            redirected.
    """

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    leaves_host: bool = False


class RequestError(Exception):
    """A request that wasn't answered.

    Attributes:
        reason: Why, without secrets.
        status: HTTP status; None where there was none.
        passing: Whether another try may help.
        too_much: Whether asking for less may help.
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
    """What one search may still cost, and what it has cost.

    Attributes:
        limits: The bounds.
        started: Second at which it began, on the monotonic clock.
        excused: Seconds that don't count: it waited at the rate_limiter, for the sake of others.
        n_requests: Requests that were made, each try counted.
        n_retries: Those that were made again.
    """

    limits: Limits
    started: float = field(default_factory=time.monotonic)
    excused: float = 0.0
    n_requests: int = 0
    n_retries: int = 0

    @property
    def seconds_left(self) -> float:
        """Time that the search may still take."""
        return self.started + self.excused + self.limits.search_seconds - time.monotonic()

    @property
    def is_spent(self) -> bool:
        """Tell whether there is nothing left for another try."""
        return self.n_retries >= self.limits.search_tries or self.seconds_left <= 0

    def ends(self, state: RetryCallState) -> bool:
        """Tell, after a try that failed, whether it was the last."""
        err = state.outcome and state.outcome.exception()
        too_much = isinstance(err, RequestError) and err.too_much
        tries = self.limits.tries_too_much if too_much else self.limits.tries
        return (
            self.is_spent
            or self.seconds_left <= state.upcoming_sleep
            or state.attempt_number >= tries
        )


class Transport:
    """Makes requests to one catalog; used by all threads of a process.

    Args:
        url: Any address of the catalog.
        limits: How long, how large and how often.
        rate_limiter: What every request passes.
    """

    def __init__(self, url: str, limits: Limits, rate_limiter: RateLimiter) -> None:
        self.limits = limits
        self._rate_limiter = rate_limiter
        self._closed_until = -inf
        self._connections = Connections(
            url,
            connect_seconds=limits.connect_seconds,
            silence_seconds=limits.silence_seconds,
            request_seconds=limits.request_seconds,
        )
        self._tries = Retrying(
            retry=retry_if_exception(lambda err: isinstance(err, RequestError) and err.passing),
            wait=wait_random_exponential(
                multiplier=limits.pause_seconds, max=limits.max_pause_seconds
            ),
            stop=lambda state: _budget_of(state).ends(state),
            before_sleep=_count_retry,
            reraise=True,
        )

    def ask(self, request: Request, budget: Budget, *, decode: Callable[[bytes], T]) -> T:
        """Make a request and give its answer.

        Args:
            request: What to ask.
            budget: What the search may still cost.
            decode: Makes of the body what is wanted; raises a ValueError where the body is no such
                thing.

        Raises:
            RequestError: No try was answered.
        """
        answer: T = self._tries(self._try, request, decode, budget=budget)
        return answer

    def _try(self, request: Request, decode: Callable[[bytes], T], *, budget: Budget) -> T:
        content = self._receive(request, budget)
        try:
            return decode(content)
        except (ValueError, RecursionError) as err:
            raise RequestError("answered with something that can't be read", passing=True) from err

    def _receive(self, request: Request, budget: Budget) -> bytes:
        self._check_open()
        asked = time.monotonic()
        with self._rate_limiter.acquire():
            budget.excused += time.monotonic() - asked
            self._check_open()
            budget.n_requests += 1
            began = time.monotonic()
            try:
                with self._send(request) as response:
                    self._check_status(response, budget, seconds=time.monotonic() - began)
                    return self._read(response)
            except (requests.RequestException, HTTPError, OSError, ValueError) as err:
                if time.monotonic() > began + self.limits.request_seconds:
                    reason = f"was not done with its answer in {self.limits.request_seconds:g} s"
                    raise RequestError(reason, passing=True, too_much=True) from err
                raise _translate(err) from err

    def _check_open(self) -> None:
        if time.monotonic() < self._closed_until:
            raise RequestError(
                "is not asked: it wants to be left alone for longer than a search may take"
            )

    def _pause(self, seconds: float) -> None:
        """Let nothing start for some seconds; what no search can wait for is not waited for."""
        if seconds > self.limits.search_seconds:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)
        else:
            self._rate_limiter.pause(seconds)

    def _send(self, request: Request) -> BaseHTTPResponse:
        body = None if request.body is None else orjson.dumps(request.body)
        url = request.url
        for _ in range(_MAX_REDIRECTS):
            response = self._connections.send(request.method, url, body)
            target = _find_target(request, url, response)
            if target is None:
                break
            response.close()
            url = target
        return response

    def _check_status(self, response: BaseHTTPResponse, budget: Budget, *, seconds: float) -> None:
        status = response.status
        if status == HTTPStatus.OK:
            return
        reason = f"answered with HTTP status {status}"
        if (pause := _retry_after(response)) is not None:
            self._pause(pause)
            budget.excused -= pause
            if budget.seconds_left < 0:
                raise RequestError(f"{reason} and asked to wait for {pause:.0f} s", status=status)
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            self._rate_limiter.pause(self.limits.pause_seconds)
        passing = pause is not None or status in _PASSING
        gave_up = status in _GAVE_UP and seconds >= self.limits.too_much_seconds
        too_much = gave_up or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise RequestError(reason, status=status, passing=passing, too_much=too_much)

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """Read the body piece by piece: a server may send little that unpacks to much."""
        pieces: list[bytes] = []
        size = 0
        for piece in _unpack(response):
            pieces.append(piece)
            size += len(piece)
            if size > self.limits.max_bytes:
                raise RequestError(
                    f"answered with more than {self.limits.max_bytes} bytes",
                    passing=True,
                    too_much=True,
                )
        return b"".join(pieces)


def _unpack(response: BaseHTTPResponse) -> Iterator[bytes]:
    """Give the body piece by piece as it was packed.

    Of gzip by ISA-L, in a third of the time that zlib takes.
    """
    body: BaseHTTPResponse | IGzipFile = response
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        response.decode_content = False
        body = IGzipFile(fileobj=response)  # type: ignore[no-untyped-call]
    try:
        while piece := body.read1(CHUNK):
            yield piece
    except (BadGzipFile, EOFError, IsalError) as err:  # type: ignore[misc]  # its stub takes it for an instance
        raise RequestError("answered with something that can't be unpacked", passing=True) from err


def _find_target(request: Request, url: str, response: BaseHTTPResponse) -> str | None:
    """Tell where a redirect leads to that is followed: not a search's, whose POST would turn into another GET."""
    if request.body is None and response.status in _REDIRECTS:
        with suppress(ValueError):  # what is no URL leads nowhere
            target = urljoin(url, response.headers.get("Location", ""))
            if request.leaves_host or origin(target) == origin(url):
                return target
    return None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Tell whom a URL leads to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _budget_of(state: RetryCallState) -> Budget:
    """Tell what a request may still cost: its tries were given that."""
    budget: Budget = state.kwargs["budget"]
    return budget


def _count_retry(state: RetryCallState) -> None:
    _budget_of(state).n_retries += 1


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """Read how long the server wants to be left alone, seconds; both forms, a number and a date."""
    text = response.headers.get("Retry-After")
    try:
        return None if text is None else max(float(Retry().parse_retry_after(text)), 0.0)
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _translate(err: Exception) -> RequestError:
    """Say what went wrong on the way; the error's own text may hold the URL."""
    if isinstance(err, requests.RequestException | ValueError):
        return RequestError("can't be reached: its URL is not valid")
    if isinstance(err, ReadTimeoutError):
        return RequestError("was silent for too long", passing=True, too_much=True)
    if isinstance(err, ConnectTimeoutError):
        return RequestError("can't be reached in time", passing=True)
    if isinstance(err, SSLError) and isinstance(err.args[0], SSLCertVerificationError):
        return RequestError("can't be reached: its certificate is not valid")
    cause = _system_error(err)
    return RequestError(f"can't be reached or read: {cause}", passing=True)


def _system_error(err: BaseException) -> str:
    """Find the operating system's word for it among the causes."""
    seen: BaseException | None = err
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        reason = getattr(inner, "reason", None)
        seen = (
            (reason if isinstance(reason, BaseException) else inner)
            or seen.__cause__
            or seen.__context__
        )
    return type(err).__name__
