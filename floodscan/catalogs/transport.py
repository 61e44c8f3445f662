"""Send one HTTP request to a catalog: bounded in time and size, and retried if that may help.

A retry follows a connection that fails or breaks off, an answer that is late, incomplete or not
JSON, and a status that is likely to pass. Before it there is a pause of random length, which may be
twice as long each time.

``Retry-After`` is obeyed with any status: the rate limiter pauses the requests of all workers. If
the pause is longer than a search may take, this process sends no request until it is over.
Messages never quote a URL, because it may contain a secret.
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
    """Bounds on the time, size and number of requests.

    Attributes:
        page_items: Number of items that a request asks for.
        connect_seconds: Longest time to open a connection.
        silence_seconds: Longest time without a byte from the server.
        request_seconds: Longest time for one request and its whole answer.
        max_bytes: Largest size of one answer, uncompressed.
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
    """A request over HTTP.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Its address.
        body: JSON of a ``POST``.
        leaves_host: True if a ``GET`` may be redirected to another host; a ``POST`` is never
            redirected.
    """

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    leaves_host: bool = False


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
    """

    limits: Limits
    started: float = field(default_factory=time.monotonic)
    excused: float = 0.0
    n_requests: int = 0
    n_retries: int = 0

    @property
    def seconds_left(self) -> float:
        """Time that is left for the search."""
        return self.started + self.excused + self.limits.search_seconds - time.monotonic()

    @property
    def is_spent(self) -> bool:
        """True if there are no retries or no time left."""
        return self.n_retries >= self.limits.search_tries or self.seconds_left <= 0

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


class Transport:
    """Sends requests to one catalog; shared by all threads of a process.

    Args:
        url: Any address of the catalog.
        limits: Bounds on time, size and number of the requests.
        rate_limiter: Gives a permit to each request.
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
        """Send a request and return its decoded answer.

        Args:
            request: The request.
            budget: Pays for the request.
            decode: Decodes the body; raises a ValueError or RecursionError for a document of
                another kind.

        Returns:
            The result of ``decode``.

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
            raise RequestError("skipped: the server's Retry-After is longer than a search may take")

    def _pause(self, seconds: float) -> None:
        """Pause all workers, or only stop this process if no search can wait so long."""
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
        """Read the body piece by piece, because a few compressed bytes may become many."""
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
    """Yield the pieces of the uncompressed body.

    ISA-L uncompresses gzip in a third of the time that zlib takes.
    """
    body: BaseHTTPResponse | IGzipFile = response
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        response.decode_content = False
        body = IGzipFile(fileobj=response)  # type: ignore[no-untyped-call]
    try:
        while piece := body.read1(CHUNK):
            yield piece
    except (BadGzipFile, EOFError, IsalError) as err:  # type: ignore[misc]  # a wrong stub
        raise RequestError("answered with something that can't be unpacked", passing=True) from err


def _find_target(request: Request, url: str, response: BaseHTTPResponse) -> str | None:
    """Return the address of a redirect that may be followed, or None.

    A redirected search is not followed, because its POST would become a GET.
    """
    if request.body is None and response.status in _REDIRECTS:
        with suppress(ValueError):  # an invalid URL
            target = urljoin(url, response.headers.get("Location", ""))
            if request.leaves_host or origin(target) == origin(url):
                return target
    return None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _budget_of(state: RetryCallState) -> Budget:
    """Return the budget, which all tries of a request get as an argument."""
    budget: Budget = state.kwargs["budget"]
    return budget


def _count_retry(state: RetryCallState) -> None:
    _budget_of(state).n_retries += 1


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """Return ``Retry-After`` in seconds, whether it is a number or a date."""
    text = response.headers.get("Retry-After")
    try:
        return None if text is None else max(float(Retry().parse_retry_after(text)), 0.0)
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _translate(err: Exception) -> RequestError:
    """Describe an error of the connection; its own text may quote the URL."""
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
    """Return the operating system's message among the causes of an error."""
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
