"""A STAC API that misbehaves in many ways, each below a path of its own.

``http://127.0.0.1:PORT/KIND`` is the landing page of one kind. Its collections are those of the
demo; only its searches are hostile. Most kinds refuse a search of several collections.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import orjson

from floodscan.testing.build_demo import build_collections
from tests.servers.hostile_kinds import KINDS, TAKES_SEVERAL, Search

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, Any]

_CONFORMS_TO = [
    f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections", "item-search")
]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a request."""
        length = int(self.headers.get("Content-Length") or 0)
        body = orjson.loads(self.rfile.read(length) or b"{}")
        host = self.headers["Host"]
        path, _, query = self.path.partition("?")
        _, kind, *rest = unquote(path).split("/")
        base = f"http://{host}/{quote(kind)}"
        self.server.visits.append((host, kind))  # type: ignore[attr-defined]
        page = int(body.get("token") or query.partition("page=")[2] or 0)
        with suppress(ConnectionError):  # the client had enough
            if rest == ["search"]:
                body.setdefault("collections", ["sentinel-2-l2a"])
                if len(body["collections"]) == 1 or kind in TAKES_SEVERAL:
                    KINDS[kind](Search(self, base, body, page))
                else:
                    self.send_error(400, "one collection at a time")
            elif rest[:1] == ["collections"]:
                self.send_json(orjson.dumps(_collection(rest[1])))
            else:
                self.send_json(orjson.dumps(_landing(base)))

    do_POST = do_GET  # noqa: N815 - as inherited

    def send_head(self, *headers: str, content_type: str = "application/geo+json") -> None:
        """Send the head of an answer, which ends with the connection."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Connection", "close")
        for header in headers:
            self.send_header(*header.split(": "))
        self.end_headers()
        self.close_connection = True

    def send_json(
        self, content: bytes, *headers: str, content_type: str = "application/geo+json"
    ) -> None:
        """Send a whole answer."""
        self.send_head(*headers, content_type=content_type)
        self.wfile.write(content)

    def send_redirect(self, url: str) -> None:
        """Send the client elsewhere."""
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.visits: list[tuple[str, str]] = []


@dataclass(frozen=True, slots=True)
class HostileApi:
    """A running server.

    Attributes:
        url: Its root.
        visits: Host and kind of each request.
    """

    url: str
    visits: list[tuple[str, str]]

    def landing(self, kind: str) -> str:
        """Return the landing page of a kind."""
        return f"{self.url}/{quote(kind)}"

    def n_visits(self, kind: str) -> int:
        """Count the requests to a kind so far."""
        return sum(visited == kind for _, visited in self.visits)


@contextmanager
def hostile_api() -> Iterator[HostileApi]:
    """Run the server in a thread of this process."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield HostileApi(f"http://127.0.0.1:{server.server_address[1]}", server.visits)
        finally:
            server.shutdown()
            thread.join()


def _landing(base: str) -> Json:
    links = [{"rel": "search", "href": f"{base}/search", "method": "POST"}]
    links += [{"rel": "self", "href": base}, {"rel": "root", "href": base}]
    links += [{"rel": "data", "href": f"{base}/collections"}]
    landing = {"type": "Catalog", "id": "hostile", "description": "misbehaves", "links": links}
    return {**landing, "stac_version": "1.0.0", "conformsTo": _CONFORMS_TO}


@cache
def _collection(name: str) -> Json:
    return next(each for each in build_collections() if each["id"] == name)
