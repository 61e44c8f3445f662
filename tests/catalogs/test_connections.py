"""Connections: proxies and passwords of the environment, and bounds on time."""

from __future__ import annotations

import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from urllib3.exceptions import ReadTimeoutError

from floodscan.catalogs.connections import Connections
from tests.servers.tls import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from ssl import SSLContext


class Listener(socketserver.StreamRequestHandler):
    """Answers each request of a connection with ``{}``, and notes its head."""

    def handle(self) -> None:
        """Serve one connection."""
        while head := [*iter(lambda: self.rfile.readline().strip(), b"")]:
            self.server.heads.append(b"\n".join(head).decode())  # type: ignore[attr-defined]
            sizes = [
                int(line.split(b":")[1])
                for line in head
                if line.lower().startswith(b"content-length:")
            ]
            self.rfile.read(sum(sizes))
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


@contextmanager
def listening(
    handler: type[socketserver.BaseRequestHandler] = Listener, tls: SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server and the heads of its requests."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.heads = heads = []  # type: ignore[attr-defined,var-annotated]
        server.tls = tls  # type: ignore[attr-defined]
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", heads
        finally:
            server.shutdown()
            thread.join()


class Dripper(socketserver.BaseRequestHandler):
    """Sends an answer that never ends, a byte at a time."""

    def handle(self) -> None:
        """Serve one connection, until the other side closes it."""
        tls = self.server.tls  # type: ignore[attr-defined]
        connection = tls.wrap_socket(self.request, server_side=True) if tls else self.request
        with connection, suppress(OSError):
            for byte in chain(b"HTTP/1.1 200 OK\r\n", repeat(ord("x"))):
                connection.sendall(bytes([byte]))
                time.sleep(0.02)


def open_connections(url: str) -> Connections:
    """Open connections with short bounds."""
    return Connections(url, connect_seconds=1, silence_seconds=1)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the whole URL, and its own password."""
    with listening() as (address, heads):
        monkeypatch.setenv("http_proxy", f"http://me:word@{address}")
        connections = open_connections("http://stac.test/api")
        assert (
            connections.send("POST", "http://stac.test/api/search", b"{}", seconds=2).data == b"{}"
        )
    assert heads[0].startswith("POST http://stac.test/api/search HTTP/1.1")
    assert "Proxy-Authorization: Basic " in heads[0].title()


def test_a_password_is_sent_to_its_own_host_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password of ``.netrc`` is not sent to other hosts of the catalog's links."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with listening() as (address, heads):
        connections = open_connections(f"http://{address}/")
        for host in (address, address.replace("127.0.0.1", "localhost")):
            assert connections.send("GET", f"http://{host}/", None, seconds=2).data == b"{}"
    assert ["Authorization" in head for head in heads] == [True, False]


def test_secrets_of_the_url_are_sent_to_its_own_host_only() -> None:
    """Searches carry its password and query, once, and only with the same scheme."""
    with listening() as (address, heads):
        connections = open_connections(f"http://me:w%2Fd@{address}/?key=k%201&token=mine")
        hosts = (address, address.replace("127.0.0.1", "localhost"))
        for url in (
            f"http://{hosts[0]}/search?token=page",
            f"http://{hosts[1]}/search",
            f"http://{hosts[0]}/a",
        ):
            assert connections.send("POST", url, b"{}", seconds=2).data == b"{}"
        assert "Authorization" not in connections._find_route("GET", f"https://{address}/").headers
    assert [head.split(" ")[1] for head in heads] == [
        "/search?token=page&key=k+1",
        "/search",
        "/a?key=k+1&token=mine",
    ]
    assert ["Authorization: Basic bWU6dy9k" in head for head in heads] == [True, False, True]


@pytest.mark.parametrize("way", ["http", "https", "proxy"])
def test_an_answer_is_bounded_as_a_whole_by_every_class_of_pool(
    way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A byte now and then does not extend the time."""
    tls = make_context(tmp_path / "certificate") if way == "https" else None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate"))
    with listening(Dripper, tls) as (address, _):
        if way == "proxy":
            monkeypatch.setenv("http_proxy", f"http://{address}")
        url = "http://stac.test/" if way == "proxy" else f"{way}://{address}/"
        connections = Connections(url, connect_seconds=5, silence_seconds=5)
        with pytest.raises(ReadTimeoutError):
            connections.send("GET", url, None, seconds=0.3)


def test_a_connection_is_used_again() -> None:
    """Several requests in a row need one connection."""
    with listening() as (address, heads):
        connections = open_connections(f"http://{address}/")
        for _ in range(3):
            url = f"http://{address}/search"
            with connections.send("POST", url, b"{}", seconds=2) as response:
                assert response.read1(100) == b"{}"
                assert not response.read1(100)
        (pool,) = {connections._find_route("POST", f"http://{address}/search").pool}
    assert len(heads) == 3
    assert pool.num_connections == 1
