"""A proxy on loopback that misbehaves on demand: each search may be answered late, wrong, in part or not at all.

It stands before a STAC API and keeps the `Host` it was asked for, so that links lead back to it. It also sees what
no client can tell of itself: how many requests were on their way at once, and when each began.

    python -m tests.servers.proxy UPSTREAM [--latency SECONDS] prints its URL and runs until it is stopped
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import orjson

from tests.servers.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.catalogue import Json

Script: TypeAlias = "Callable[[int], str | None]"

_BOMB_BYTES = 50_000_000
_DRIP_SECONDS = 0.05
_SILENT_SECONDS = 30.0
_RETRY_SECONDS = 1
_ABORTED = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError)


def no_fault(_: int) -> None:
    """Answer every search as the server does."""


@dataclass(slots=True)
class Visit:
    """A search that came by.

    Attributes:
        began: Second at which it was read, on the monotonic clock.
        fault: What was done to it.
        others: How many others were on their way then.
    """

    began: float
    fault: str | None
    others: int


@dataclass(slots=True)
class FaultProxy:
    """A proxy that runs.

    Attributes:
        upstream: URL of the server behind it.
        script: Names the fault of the n-th search, counted from 0; None is no fault.
        latency: Seconds that each request waits.
        url: Its own URL.
        visits: The searches so far.
        everywhere: Whether all requests count as searches.
    """

    upstream: str
    script: Script = no_fault
    latency: float = 0.0
    url: str = ""
    visits: list[Visit] = field(default_factory=list)
    everywhere: bool = False
    _inside: int = 0
    _tasks: set[object] = field(default_factory=set)

    @property
    def most_at_once(self) -> int:
        """The most searches that were on their way at the same time."""
        return max((visit.others + 1 for visit in self.visits), default=0)

    @property
    def faults(self) -> list[str]:
        """The faults that were done, in order."""
        return [visit.fault for visit in self.visits if visit.fault]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        # asyncio itself may forget a task whose connection is gone
        task = asyncio.current_task()
        self._tasks.add(task)
        here = urlsplit(self.upstream)
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while head := await _read_head(reader):
                body = await _read_body(reader, head)
                upstream = upstream or await asyncio.open_connection(here.hostname, here.port)
                if not await self._answer(head, body, upstream, writer):
                    break
        except _ABORTED:
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, upstream[1] if upstream else None):
                if each is not None:
                    each.close()

    async def _answer(
        self,
        head: bytes,
        body: bytes,
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request, and tell whether the connection is still good."""
        is_search = self.everywhere or head.split(b" ")[1].split(b"?")[0].endswith(b"/search")
        fault = None
        if is_search:
            fault = self.script(len(self.visits))
            self.visits.append(Visit(time.monotonic(), fault, self._inside))
            self._inside += 1
        try:
            await asyncio.sleep(self.latency)
            answer = await _forward(head, body, upstream)
            return await _FAULTS[fault](answer, writer)
        finally:
            self._inside -= is_search


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the server behind the proxy."""

    status: bytes
    body: bytes
    media_type: bytes

    def edit(self, change: Callable[[Json], None]) -> Response:
        """Change the page."""
        page = orjson.loads(self.body)
        change(page)
        return Response(self.status, orjson.dumps(page), self.media_type)

    def head(self, *more: bytes, length: int | None = None) -> bytes:
        """Write the head."""
        size = len(self.body) if length is None else length
        lines = (b"HTTP/1.1 " + self.status, b"content-type: " + self.media_type, b"content-length: %d" % size, *more)
        return b"\r\n".join((*lines, b"", b""))


async def _pass(answer: Response, writer: asyncio.StreamWriter) -> bool:
    writer.write(answer.head() + answer.body)
    await writer.drain()
    return True


async def _reset(_: Response, writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


async def _truncate(answer: Response, writer: asyncio.StreamWriter) -> bool:
    writer.write(answer.head() + answer.body[: len(answer.body) // 2])
    await writer.drain()
    return False


async def _break_json(answer: Response, writer: asyncio.StreamWriter) -> bool:
    return await _pass(Response(answer.status, answer.body[: len(answer.body) // 2], answer.media_type), writer)


async def _no_page(answer: Response, writer: asyncio.StreamWriter) -> bool:
    return await _pass(Response(answer.status, b'{"code":"oops"}', answer.media_type), writer)


async def _drip(answer: Response, writer: asyncio.StreamWriter) -> bool:
    writer.write(answer.head())
    for byte in answer.body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)
    return True


async def _drip_head(answer: Response, writer: asyncio.StreamWriter) -> bool:
    for byte in answer.head():
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)
    return await _pass(answer, writer)


async def _be_silent(_: Response, __: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(_SILENT_SECONDS)
    return False


def _packed(pack: Callable[[bytes], bytes]) -> Fault:
    async def fault(answer: Response, writer: asyncio.StreamWriter) -> bool:
        packed = pack(answer.body)
        writer.write(answer.head(b"content-encoding: gzip", length=len(packed)) + packed)
        await writer.drain()
        return True

    return fault


@cache
def _pack_bomb() -> bytes:
    return gzip.compress(b" " * _BOMB_BYTES)


def _fail(status: bytes, *more: Callable[[], bytes]) -> Fault:
    async def fault(_: Response, writer: asyncio.StreamWriter) -> bool:
        answer = Response(status, b"{}", b"application/json")
        writer.write(answer.head(*(line() for line in more)) + answer.body)
        await writer.drain()
        return True

    return fault


def _edit(change: Callable[[Json], None]) -> Fault:
    async def fault(answer: Response, writer: asyncio.StreamWriter) -> bool:
        return await _pass(answer.edit(change) if answer.status.startswith(b"200") else answer, writer)

    return fault


def _drop_next(page: Json) -> None:
    page["links"] = [link for link in page["links"] if link["rel"] != "next"]


def _lead_away(page: Json) -> None:
    for link in page["links"]:
        if link["rel"] == "next":
            link["href"] = "http://localhost:9/search"


def _lead_by_get(page: Json) -> None:
    for link in page["links"]:
        if link["rel"] == "next":
            link.update(method="GET", href=f"{link['href']}?token={link['body']['token']}")


def _repeat_items(page: Json) -> None:
    page["features"] += page["features"][: len(page["features"]) // 2 + 1]


def _lead_in_circles(page: Json) -> None:
    for link in page["links"]:
        if link["rel"] == "next":
            link["body"].pop("token", None)


Fault: TypeAlias = Callable[[Response, asyncio.StreamWriter], Awaitable[bool]]

_FAULTS: dict[str | None, Fault] = {
    None: _pass,
    "reset": _reset,
    "truncated": _truncate,
    "broken json": _break_json,
    "no page": _no_page,
    "slow drip": _drip,
    "slow head": _drip_head,
    "silence": _be_silent,
    "gzip bomb": _packed(lambda _: _pack_bomb()),
    "gzip cut off": _packed(lambda body: gzip.compress(body)[:-20]),
    "gzip with an error": _packed(lambda body: gzip.compress(body)[:-8] + bytes(8)),  # of the check sum
    "gzip that is none": _packed(lambda body: gzip.compress(body)[10:]),
    "429 seconds": _fail(b"429 Too Many Requests", lambda: b"retry-after: %d" % _RETRY_SECONDS),
    "429 date": _fail(
        b"429 Too Many Requests",
        lambda: b"retry-after: " + formatdate(time.time() + _RETRY_SECONDS, usegmt=True).encode(),
    ),
    "429 for 3 s": _fail(b"429 Too Many Requests", lambda: b"retry-after: 3"),
    "429 for an hour": _fail(b"429 Too Many Requests", lambda: b"retry-after: 3600"),
    "429": _fail(b"429 Too Many Requests"),
    "500": _fail(b"500 Internal Server Error"),
    "502": _fail(b"502 Bad Gateway"),
    "503": _fail(b"503 Service Unavailable"),
    "504": _fail(b"504 Gateway Timeout"),
    "400": _fail(b"400 Bad Request"),
    "redirect": _fail(b"302 Found", lambda: b"location: http://localhost:9/search"),
    "missing next": _edit(_drop_next),
    "next on another host": _edit(_lead_away),
    "next by GET": _edit(_lead_by_get),
    "repeated items": _edit(_repeat_items),
    "next in circles": _edit(_lead_in_circles),
}
MENDABLE_FAULTS = (
    "reset", "truncated", "broken json", "no page", "slow drip", "slow head", "silence", "gzip bomb", "gzip cut off",
    "gzip with an error", "gzip that is none", "429 seconds", "429 date", "500", "502", "503", "504", "missing next",
    "next on another host", "repeated items", "next in circles",
)  # fmt: skip
"""Faults after which a client that takes care has everything in the end."""


@contextmanager
def fault_proxy(upstream: str, *, script: Script = no_fault, latency: float = 0.0) -> Iterator[FaultProxy]:
    """Run a proxy in a thread of this process.

    Args:
        upstream: URL of the server behind it.
        script: Names the fault of the n-th search.
        latency: Seconds that each request waits.

    Yields:
        The proxy, once it answers.
    """
    proxy = FaultProxy(upstream, script, latency)
    ready, stopping = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_run(proxy, ready.set, stopping)))
    thread.start()
    try:
        ready.wait()
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()


async def _run(proxy: FaultProxy, on_ready: Callable[[], Any], stopping: asyncio.Event) -> None:
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0, backlog=1024)
    proxy.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    on_ready()
    await stopping.wait()
    server.close()
    await asyncio.sleep(0)  # what was accepted just now becomes a task
    while pending := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the connections to close


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    headers = _headers(head)
    if headers.get(b"transfer-encoding") == b"chunked":
        pieces: list[bytes] = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(pieces)
    return await reader.readexactly(int(headers.get(b"content-length", b"0")))


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


async def _forward(head: bytes, body: bytes, upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> Response:
    """Ask the server for an answer that is not packed, and read it whole."""
    reader, writer = upstream
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"accept-encoding:")]
    writer.write(b"\r\n".join(lines) + body)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    status = answer.split(b"\r\n", 1)[0].partition(b" ")[2]
    content = await _read_body(reader, answer)
    return Response(status, content, _headers(answer).get(b"content-type", b"application/json"))


def main() -> None:
    """Run until stopped, in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("upstream")
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    proxy = FaultProxy(given.upstream, latency=given.latency)

    def tell() -> None:
        sys.stdout.write(f"{proxy.url}\n")
        sys.stdout.flush()

    asyncio.run(_run(proxy, tell, asyncio.Event()))


if __name__ == "__main__":
    main()
