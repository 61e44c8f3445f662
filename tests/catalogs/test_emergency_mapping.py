"""Activations from an API like that of Copernicus EMS, over HTTP."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from floodscan.catalogs.emergency_mapping import fetch_activations
from floodscan.errors import CatalogError
from tests.event_lists.made_up import activation, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serve(*, status: int = 200, body: bytes | None = None) -> Iterator[str]:
    """Serve one activation, EMSR001, or always the same answer; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            found = [activation()] if asked == {"code": ["EMSR001"]} else []
            content = json.dumps(answer(*found)).encode() if body is None else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/public-activations/"
        finally:
            server.shutdown()
            thread.join()


def test_an_activation_comes_as_the_api_gives_it() -> None:
    """With its areas and products."""
    with serve() as url:
        assert fetch_activations(["EMSR001"], url) == [activation()]


def test_an_unknown_code_is_one_message() -> None:
    """Also if it has letters that mean something in a URL."""
    with serve() as url, pytest.raises(CatalogError, match="has no activation 'EMSR9&x=1'; write"):
        fetch_activations(["EMSR9&x=1"], url)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(404, b"", "HTTP status 404"), (403, b"<html>", "HTTP status 403")],
)
def test_an_error_of_the_api_is_one_message(status: int, body: bytes, message: str) -> None:
    """With its status."""
    with serve(status=status, body=body) as url, pytest.raises(CatalogError, match=message):
        fetch_activations(["EMSR001"], url)


def test_an_address_that_no_one_serves_is_one_message() -> None:
    """After no retry, because the URL can't become valid."""
    with pytest.raises(CatalogError, match="its URL is not valid"):
        fetch_activations(["EMSR001"], "nonsense://x")
