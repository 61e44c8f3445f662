"""Connections to a catalog: opened as the environment says, kept alive, and bounded in time.

``requests`` reads proxies, certificates and passwords from the environment and opens the pools.
Requests then go straight to a pool of ``urllib3``, which takes a third of the CPU.

The timeout of a socket bounds a single read only. A server that sends a byte now and then could
keep a worker for hours, so the connections here bound the whole answer, from the first byte of its
head to the last byte of its body. ``urllib3`` makes the objects of answers itself, and has no way
to pass a bound of one request on to them: they read it from a context variable.
"""

from __future__ import annotations

import io
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket

    from requests import PreparedRequest
    from urllib3 import BaseHTTPResponse, PoolManager

    from floodscan.catalogs.guard import Guard

CHUNK = 2**16
_CONNECTIONS = 64
_ROUTES = 64

UNDOCUMENTED = {
    "http.client.HTTPConnection.response_class": "answers are not bounded in time",
    "http.client.HTTPResponse.fp": "answers are not bounded in time",
    "urllib3.connection.HTTPConnection.proxy": "reads may reach private addresses, or no proxy",
    "urllib3.HTTPConnectionPool.ConnectionCls": "answers are not bounded in time",
    "urllib3.PoolManager.pool_classes_by_scheme": "answers are not bounded in time",
    "requests.Session.should_strip_auth": "passwords go to other hosts, or nowhere",
    "requests.utils.get_netrc_auth": "passwords of .netrc are not sent",
    "requests.utils.get_auth_from_url": "passwords of a URL are not sent",
    "requests.adapters.HTTPAdapter.get_connection_with_tls_context": "no pool is opened",
    "requests.adapters.HTTPAdapter.cert_verify": "certificates of the environment are not used",
}
"""Parts of other packages without a promise in their documentation, and what breaks without each.

Tried with urllib3 2.0 to 2.8 and requests 2.32 to 2.34; a test looks for every part.
"""


class Connections:
    """Sends requests; shared by all threads of a process.

    Args:
        url: Any address of the catalog. The password and query of this URL, or the password that
            the environment holds for its host, are sent with each request to the same host, and
            with no other.
        connect_seconds: Longest time to open a connection.
        silence_seconds: Longest time without a byte from the server.
        guard: Says which addresses may be reached; None is all.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float,
        silence_seconds: float,
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard
        self._connect_seconds = connect_seconds
        self._silence_seconds = silence_seconds
        self._adapter = _Adapter()
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "gzip"
        settings = self._session.merge_environment_settings(url, {}, None, None, None)
        self._proxies = settings["proxies"]
        self._verify, self._cert = settings["verify"], settings["cert"]
        auth = requests.utils.get_auth_from_url(url)
        self._auth = auth if any(auth) else requests.utils.get_netrc_auth(url)
        self._url, self._query = url, parse_qsl(urlsplit(url).query, keep_blank_values=True)
        self._session.trust_env = False
        self._find_route = lru_cache(maxsize=_ROUTES)(self._make_route)

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        seconds: float,
        span: tuple[int, int] | None = None,
    ) -> BaseHTTPResponse:
        """Send a request, and return its answer as soon as the head is there.

        Args:
            method: ``GET`` or ``POST``; redirects are not followed.
            url: Its address.
            body: Body of a ``POST``.
            seconds: Longest time to open a connection, and for the answer from its first byte.
            span: First and last byte to ask for; None asks for all.

        Raises:
            RequestError: The guard refuses the address.
        """
        if self._guard:
            self._guard.check_host(urlsplit(url).hostname or "")
        route = self._find_route(method, url)
        silence = min(self._silence_seconds, seconds)
        bounds = _BOUNDS.set(_Bounds(silence, seconds, self._guard))
        try:
            return route.pool.urlopen(
                method,
                route.target,
                body=body,
                headers=route.headers | _ask_for(span),
                timeout=Timeout(connect=min(self._connect_seconds, seconds), read=silence),
                redirect=False,
                assert_same_host=False,  # a proxy is asked for the URL of another host
                retries=False,
                preload_content=False,
            )
        finally:
            _BOUNDS.reset(bounds)

    def _make_route(self, method: str, url: str) -> _Route:
        prepared = self._session.prepare_request(requests.Request(method, url))
        if not self._session.should_strip_auth(self._url, url):  # type: ignore[no-untyped-call]
            given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
            prepared.prepare_url(
                url, [(name, value) for name, value in self._query if name not in given]
            )
            prepared.prepare_auth(self._auth)
        pool = self._adapter.open_pool(
            prepared, verify=self._verify, proxies=self._proxies, cert=self._cert
        )
        headers = {
            name: value for name, value in prepared.headers.items() if name != "Content-Length"
        }
        if method == "POST":
            headers["Content-Type"] = "application/json"
        return _Route(pool, self._adapter.request_url(prepared, self._proxies), headers)


def _ask_for(span: tuple[int, int] | None) -> dict[str, str]:
    """Return the headers that ask for a part of a file, as its bytes are."""
    if span is None:
        return {}
    return {"Range": f"bytes={span[0]}-{span[1]}", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class _Route:
    """The way of a request to one address.

    Attributes:
        pool: Connections to the host, or to the proxy in front of it.
        target: URL or path in the first line of the request.
        headers: Headers of the request.
    """

    pool: HTTPConnectionPool
    target: str
    headers: dict[str, str]


class _Bounds(NamedTuple):
    """The bounds of a request: longest silence and longest time in seconds, and the guard."""

    silence_seconds: float
    seconds: float
    guard: Guard | None


_BOUNDS: ContextVar[_Bounds] = ContextVar("bounds")
"""The bounds of the request that this thread sends."""


class _TimedResponse(HTTPResponse):
    """An answer that is bounded in time as a whole, its head included."""

    def __init__(
        self,
        sock: socket.socket,
        *args: Any,  # noqa: ANN401 - as inherited
        **more: Any,  # noqa: ANN401 - as inherited
    ) -> None:
        super().__init__(sock, *args, **more)
        raw = self.fp.detach()
        bounds = _BOUNDS.get()
        timed = _TimedReader(raw, sock, bounds.silence_seconds, bounds.seconds)
        self.fp = io.BufferedReader(timed, CHUNK)


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each time with no more than the time that is left as its timeout."""

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, silence_seconds: float, seconds: float
    ) -> None:
        self._raw = raw
        self._sock = sock
        self._silence_seconds = silence_seconds
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as inherited
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._silence_seconds))
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        super().close()
        self._raw.close()


class _TimedHTTPConnection(HTTPConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _TimedHTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        super().connect()
        _check_peer(self)


def _check_peer(connection: HTTPConnection) -> None:
    """Ask the guard about the other side, unless it is a proxy, which the environment names.

    The name of a host may lead to another address each time, so the address is checked here.
    """
    guard = _BOUNDS.get().guard
    if guard and connection.proxy is None and connection.sock is not None:
        guard.check_address(connection.host, connection.sock.getpeername()[0])


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    """Opens pools of timed connections, without sending anything.

    Behind a SOCKS proxy the pools are urllib3's own, where the timeout of each read is the only
    bound: they come with PySocks, which floodscan does not depend on.
    """

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - as inherited
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(
        self,
        proxy: str,
        **more: Any,  # noqa: ANN401 - as inherited
    ) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **more)
        if isinstance(manager, ProxyManager):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def open_pool(
        self,
        prepared: PreparedRequest,
        *,
        verify: Any,  # noqa: ANN401 - as inherited
        proxies: Any,  # noqa: ANN401 - as inherited
        cert: Any,  # noqa: ANN401 - as inherited
    ) -> HTTPConnectionPool:
        """Return the pool of connections for a request."""
        if not str(prepared.url).lower().startswith(("http://", "https://")):
            raise requests.exceptions.InvalidSchema
        pool = self.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
        self.cert_verify(pool, prepared.url, verify, cert)  # type: ignore[no-untyped-call]
        return cast("HTTPConnectionPool", pool)
