"""Connections to a catalog: made as the environment says, kept alive, and bounded in time from first byte to last.

``requests`` reads proxies, certificates and passwords and opens the pools; what is sent again and
again then goes straight to a pool of ``urllib3``, for a third of the CPU.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Timeout

if TYPE_CHECKING:
    import socket

    from requests import PreparedRequest
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

CHUNK = 2**16
_CONNECTIONS = 64
_WAYS = 64


class Connections:
    """Sends requests; used by all threads of a process.

    Args:
        url: Any address of the catalog. Its password, or the environment's, and its query go with
            each request to the same host, and with no other.
        connect_seconds: For a connection to be there.
        silence_seconds: Without a byte from the server.
        request_seconds: From the first byte of an answer's head that is waited for to the last of
            its body.
    """

    def __init__(
        self, url: str, *, connect_seconds: float, silence_seconds: float, request_seconds: float
    ) -> None:
        self._timeout = Timeout(connect=connect_seconds, read=silence_seconds)
        self._response = partial(
            _TimedResponse, silence_seconds=silence_seconds, seconds=request_seconds
        )
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=_CONNECTIONS)
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "gzip"
        settings = self._session.merge_environment_settings(url, {}, None, None, None)
        self._proxies, self._verify, self._cert = (
            settings["proxies"],
            settings["verify"],
            settings["cert"],
        )
        auth = requests.utils.get_auth_from_url(url)
        self._auth = auth if any(auth) else requests.utils.get_netrc_auth(url)
        self._url, self._query = url, parse_qsl(urlsplit(url).query, keep_blank_values=True)
        self._session.trust_env = False
        self._find_way = lru_cache(maxsize=_WAYS)(self._find_new_way)

    def send(self, method: str, url: str, body: bytes | None) -> BaseHTTPResponse:
        """Send a request and give its answer, of which only the head is read.

        Redirects are not followed.
        """
        way = self._find_way(method, url)
        return way.pool.urlopen(
            method,
            way.target,
            body=body,
            headers=way.headers,
            timeout=self._timeout,
            redirect=False,
            assert_same_host=False,  # a proxy is asked for another host than its own
            retries=False,
            preload_content=False,
        )

    def _find_new_way(self, method: str, url: str) -> _Way:
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
        if getattr(pool.ConnectionCls, "response_class", None) is HTTPResponse:
            timed = {"response_class": staticmethod(self._response)}
            pool.ConnectionCls = type("TimedConnection", (pool.ConnectionCls,), timed)
        headers = {
            name: value for name, value in prepared.headers.items() if name != "Content-Length"
        }
        if method == "POST":
            headers["Content-Type"] = "application/json"
        return _Way(pool, self._adapter.request_url(prepared, self._proxies), headers)


@dataclass(frozen=True, slots=True)
class _Way:
    """How to ask one address.

    Attributes:
        pool: Connections to its host, or to the proxy before it.
        target: What to ask for there.
        headers: What to send with it.
    """

    pool: HTTPConnectionPool
    target: str
    headers: dict[str, str]


class _Adapter(HTTPAdapter):
    """Opens pools without sending anything."""

    def open_pool(
        self,
        prepared: PreparedRequest,
        *,
        verify: Any,  # noqa: ANN401 - as inherited
        proxies: Any,  # noqa: ANN401 - as inherited
        cert: Any,  # noqa: ANN401 - as inherited
    ) -> HTTPConnectionPool:
        if not str(prepared.url).lower().startswith(("http://", "https://")):
            raise requests.exceptions.InvalidSchema
        pool = self.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
        self.cert_verify(pool, prepared.url, verify, cert)  # type: ignore[no-untyped-call]
        return cast("HTTPConnectionPool", pool)


class _TimedResponse(HTTPResponse):
    """An answer that must be there in time, its head too: a timeout of a socket bounds each read alone."""

    def __init__(
        self,
        sock: socket.socket,
        *args: Any,  # noqa: ANN401 - as inherited
        silence_seconds: float,
        seconds: float,
        **more: Any,  # noqa: ANN401 - as inherited
    ) -> None:
        super().__init__(sock, *args, **more)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_TimedReader(raw, sock, silence_seconds, seconds), CHUNK)


class _TimedReader(io.RawIOBase):
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
