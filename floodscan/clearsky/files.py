"""Parts of files over HTTP(S), read through the transport of the catalogs.

Reads are bounded, retried and counted as searches are, and have a rate limiter of their own. Files
of Azure's blob storage are read with a SAS token of Planetary Computer, which is in memory only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from floodscan.catalogs.guard import Guard
from floodscan.catalogs.limits import Budget, Limits, RequestError
from floodscan.catalogs.sas_tokens import ask_token, find_container, forget_token
from floodscan.catalogs.transport import Request, Transport

if TYPE_CHECKING:
    from floodscan.catalogs.rate_limiter import RateLimiter

READ_LIMITS = Limits(
    purpose="read",
    request_seconds=60.0,
    silence_seconds=30.0,
    max_bytes=2**20,
    tries=4,
    search_tries=8,
    search_seconds=300.0,
)
"""Bounds on the requests for one scene."""

_REFUSED = {401, 403}  # HTTP statuses of a token that ended or was withdrawn


class UnreadError(Exception):
    """A scene can't be read; its text is the reason, without secrets."""


@dataclass(slots=True)
class Cost:
    """What reading a scene has cost so far.

    Attributes:
        budget: Its requests and retries, and their bounds.
        n_bytes: Bytes of the answers.
    """

    budget: Budget
    n_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """How requests for scenes are sent.

    Attributes:
        rate_limiter: Gives a permit to each request.
        limits: Bounds on the requests for one scene.
        guard: Says which hosts may be reached; None is all.
    """

    rate_limiter: RateLimiter
    limits: Limits = READ_LIMITS
    guard: Guard | None = field(default_factory=Guard)

    def ask(self, request: Request, cost: Cost) -> bytes:
        """Send a request, and return the body of its answer.

        Raises:
            RequestError: No try was answered.
        """
        parts = urlsplit(request.url)
        transport = _open_transport(f"{parts.scheme}://{parts.netloc}", self)
        content = transport.ask(request, cost.budget, decode=bytes, use=lambda body: body)
        cost.n_bytes += len(content)
        return content

    def read(self, href: str, first: int, end: int, cost: Cost) -> bytes:
        """Read a part of a file.

        Args:
            href: Address of the file, unsigned.
            first: First byte.
            end: The byte behind the last one.
            cost: Pays for it.

        Raises:
            UnreadError: It can't be read.
        """
        signed = _sign(href)
        try:
            try:
                return self.ask(_part_of(signed.url, first, end), cost)
            except RequestError as err:
                if err.status not in _REFUSED or signed.token is None:
                    raise
            _forget(href, signed.token)
            cost.budget.n_retries += 1
            signed = _sign(href)
            return self.ask(_part_of(signed.url, first, end), cost)
        except RequestError as err:
            why = f" ({signed.problem})" if signed.problem else ""
            raise UnreadError(f"its file {err.reason}{why}") from None


@lru_cache(maxsize=64)
def _open_transport(origin: str, line: Line) -> Transport:
    """Open the connections to a host once per process."""
    return Transport(origin, line.limits, line.rate_limiter, line.guard)


def _part_of(url: str, first: int, end: int) -> Request:
    return Request("GET", url, span=(first, end - 1))


class _Signed(NamedTuple):
    """An address with its token, if it has one, and why it has none, if it should."""

    url: str
    token: str | None = None
    problem: str | None = None


def _sign(href: str) -> _Signed:
    """Sign the address of a file.

    Raises:
        UnreadError: It is not an address on the web.
    """
    try:
        parts = urlsplit(href)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise UnreadError("its file has no address that begins with https:// or http://")
    container = find_container(href)
    if container is None or parts.query:
        return _Signed(href)
    try:
        token = ask_token(*container).token.lstrip("?")
    except PermissionError as err:
        return _Signed(href, problem=str(err))
    return _Signed(f"{href}?{token}", token)


def _forget(href: str, token: str) -> None:
    if container := find_container(href):
        forget_token(*container, token)
