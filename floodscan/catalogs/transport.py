"""Send one HTTP request to a catalog: bounded in time and size, and retried if that may help.

A retry follows a connection that fails or breaks off, an answer that is late, incomplete or not
JSON, and a status that is likely to pass. Before it there is a pause of random length, which may be
twice as long each time.

``Retry-After`` is obeyed with any status: the rate limiter pauses the requests of all workers. If
the pause is longer than a search may take, this process sends no request until it is over.
Messages never quote a URL, because it may contain a secret.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
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
from tenacity import Retrying, retry_if_exception, wait_random_exponential
from urllib3 import Retry
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from floodscan.catalogs.connections import CHUNK, Connections
from floodscan.catalogs.limits import RequestError, TooLargeError
from floodscan.threads import compute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tenacity import RetryCallState
    from urllib3 import BaseHTTPResponse

    from floodscan.catalogs.guard import Guard
    from floodscan.catalogs.limits import Budget, Limits
    from floodscan.catalogs.rate_limiter import RateLimiter

_log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_MAX_REDIRECTS = 5
_SHORTEST_SECONDS = 0.001  # a timeout of 0 is not one
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


@dataclass(frozen=True, slots=True)
class Request:
    """A request over HTTP.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Its address.
        body: JSON of a ``POST``.
        leaves_host: True if a ``GET`` may be redirected to another host; a ``POST`` is never
            redirected.
        span: First and last byte to ask for, from 0; None asks for all.
        goes_first: Whether it goes before all that wait: the next page of a search does.
    """

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    leaves_host: bool = False
    span: tuple[int, int] | None = None
    goes_first: bool = False


_SMALL_BYTES = 2**16
"""Smaller answers are decoded at once, such as a landing page, which would wait behind pages."""

_LARGE_BYTES = 2**22
_ONE_LARGE_ANSWER = threading.Lock()
"""Held by an answer from its 4,194,305th byte until it was used.

Large answers are read one after the other in each process, or many at once could fill its memory.
"""


class Transport:
    """Sends requests to one catalog; shared by all threads of a process.

    Args:
        url: Any address of the catalog.
        limits: Bounds on time, size and number of the requests.
        rate_limiter: Gives a permit to each request.
        guard: Says which addresses may be reached; None is all.
    """

    def __init__(
        self, url: str, limits: Limits, rate_limiter: RateLimiter, guard: Guard | None = None
    ) -> None:
        self.limits = limits
        self._rate_limiter = rate_limiter
        self._closed_until = -inf
        self._connections = Connections(
            url,
            connect_seconds=limits.connect_seconds,
            silence_seconds=limits.silence_seconds,
            guard=guard,
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

    def ask(
        self,
        request: Request,
        budget: Budget,
        *,
        decode: Callable[[bytes | bytearray], T],
        use: Callable[[T], R],
    ) -> R:
        """Send a request, and use its decoded answer.

        Args:
            request: The request.
            budget: Pays for the request.
            decode: Decodes the body; raises a ValueError or RecursionError for a document of
                another kind, and a TooLargeError if a smaller search may help.
            use: Gets the result of ``decode``; its errors are bugs.

        Returns:
            The result of ``use``.

        Raises:
            RequestError: No try was answered.
        """
        answer: R = self._tries(self._try, request, decode, use, budget=budget)
        return answer

    def _try(
        self,
        request: Request,
        decode: Callable[[bytes | bytearray], T],
        use: Callable[[T], R],
        *,
        budget: Budget,
    ) -> R:
        with ExitStack() as held:
            content = self._receive(request, budget, held)
            budget.arrived()
            if len(content) < _SMALL_BYTES:
                found = _decode(content, decode, use)
            else:
                found = compute(_decode, content, decode, use)
        if isinstance(found, RequestError):
            del content  # else the traceback keeps it in memory until the garbage collector runs
            raise found
        return found

    def _receive(self, request: Request, budget: Budget, held: ExitStack) -> bytearray:
        self._check_open()
        asked = time.monotonic()
        with self._rate_limiter.acquire(first=request.goes_first):
            budget.excused += time.monotonic() - asked
            self._check_open()
            if budget.seconds_left <= 0:
                raise RequestError(str(budget.spent))
            budget.n_requests += 1
            began = time.monotonic()
            seconds = min(self.limits.request_seconds, budget.seconds_left)
            try:
                with self._send(request, until=began + seconds) as response:
                    self._check_status(response, request, budget, seconds=time.monotonic() - began)
                    return self._read(response, held)
            except (requests.RequestException, HTTPError, OSError, ValueError) as err:
                if time.monotonic() > began + seconds:
                    late = f"was not done with its answer in {seconds:g} s"
                    reason = budget.spent or late
                    raise RequestError(reason, passing=True, too_much=True) from err
                raise _translate(err) from err

    def _check_open(self) -> None:
        if time.monotonic() < self._closed_until:
            reason = f"the server's Retry-After is longer than a {self.limits.purpose} may take"
            raise RequestError(f"skipped: {reason}")

    def _pause(self, seconds: float) -> None:
        """Pause all workers, or only stop this process if no search can wait so long."""
        _log.info("the catalog asks to wait for %.0f s", seconds)
        if seconds > self.limits.search_seconds:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)
        else:
            self._rate_limiter.pause(seconds)

    def _send(self, request: Request, *, until: float) -> BaseHTTPResponse:
        body = None if request.body is None else orjson.dumps(request.body)
        url = request.url
        for _ in range(_MAX_REDIRECTS):
            seconds = max(until - time.monotonic(), _SHORTEST_SECONDS)
            response = self._connections.send(
                request.method, url, body, seconds=seconds, span=request.span
            )
            target = _find_target(request, url, response)
            if target is None:
                break
            response.close()
            url = target
        return response

    def _check_status(
        self, response: BaseHTTPResponse, request: Request, budget: Budget, *, seconds: float
    ) -> None:
        status = response.status
        wanted = HTTPStatus.OK if request.span is None else HTTPStatus.PARTIAL_CONTENT
        if status == wanted:
            return
        if status == HTTPStatus.OK:
            raise RequestError("does not answer with a part of a file")
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

    def _read(self, response: BaseHTTPResponse, held: ExitStack) -> bytearray:
        """Read the body piece by piece, because a few compressed bytes may become many."""
        body = bytearray()
        try:
            for piece in _unpack(response):
                if len(body) <= _LARGE_BYTES < len(body) + len(piece):
                    held.enter_context(_ONE_LARGE_ANSWER)
                body += piece
                self._check_size(len(body))
        except BaseException:
            body.clear()  # else the traceback keeps it in memory until the garbage collector runs
            raise
        return body

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            reason = f"answered with more than {self.limits.max_bytes} bytes"
            raise RequestError(reason, passing=True, too_much=True)


def _decode(
    content: bytearray, decode: Callable[[bytes | bytearray], T], use: Callable[[T], R]
) -> R | RequestError:
    """Decode and use an answer; return an error if it can't be decoded."""
    try:
        found = decode(content)
    except TooLargeError as err:
        return RequestError(f"answered with {err}", passing=True, too_much=True)
    except (ValueError, RecursionError):
        return RequestError("answered with something that can't be read", passing=True)
    return use(found)


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
    err = state.outcome and state.outcome.exception()
    _log.info("a request is repeated in %.1f s: the catalog %s", state.upcoming_sleep, err)


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
    if isinstance(err, NewConnectionError):  # a kind of ConnectTimeoutError
        unknown = isinstance(err, NameResolutionError)
        cause = "unknown host" if unknown else _system_error(err)
        return RequestError(f"can't be reached: {cause}", passing=True)
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
            return seen.strerror[:1].lower() + seen.strerror[1:]
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        reason = getattr(inner, "reason", None)
        seen = (
            (reason if isinstance(reason, BaseException) else inner)
            or seen.__cause__
            or seen.__context__
        )
    return type(err).__name__
