"""A proxy on loopback that delays, changes, cuts off or drops the answers to searches.

It stands before a STAC API and keeps the ``Host`` of a request, so that links lead back to the
proxy. It also counts the requests at once and notes their times, which a client can't know.

    python -m floodscan.testing.servers.proxy UPSTREAM [--latency SECONDS]

prints its URL and runs until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from floodscan.testing.servers.faults import FAULTS, NEXT_FAULTS, Response
from floodscan.testing.servers.process import LOOPBACK

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

Script: TypeAlias = "Callable[[int], str | None]"

_ABORTED = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError)


def no_fault(_: int) -> None:
    """Return no fault for any search."""


@dataclass(slots=True)
class Visit:
    """A search that passed the proxy.

    Attributes:
        began: Time in seconds when it was read, on the monotonic clock.
        fault: The fault of its answer.
        others: Number of other searches at the same time.
        body: Body of the request.
    """

    began: float
    fault: str | None
    others: int
    body: bytes = b""


@dataclass(slots=True)
class FaultProxy:
    """A running proxy.

    Attributes:
        upstream: URL of the server behind it.
        script: Returns the fault of the n-th search, from 0; None is no fault.
        latency: Seconds by which each request is delayed.
        tls: Settings of TLS; None is plain HTTP.
        url: Its own URL.
        visits: The searches so far.
        everywhere: True if all requests count as searches.
        n_requests: Number of all requests so far.
        n_bytes: Size of the bodies of all answers so far.
    """

    upstream: str
    script: Script = no_fault
    latency: float = 0.0
    tls: ssl.SSLContext | None = None
    url: str = ""
    visits: list[Visit] = field(default_factory=list)
    everywhere: bool = False
    n_requests: int = 0
    n_bytes: int = 0
    _inside: int = 0
    _waiting: list[str] = field(default_factory=list)
    _tasks: set[object] = field(default_factory=set)

    @property
    def most_at_once(self) -> int:
        """The largest number of searches at the same time."""
        return max((visit.others + 1 for visit in self.visits), default=0)

    @property
    def faults(self) -> list[str]:
        """The faults of the answers so far, in order."""
        return [visit.fault for visit in self.visits if visit.fault]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        # without a reference, asyncio may drop a task whose connection is gone
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
                if each is not None and self.tls:
                    each.transport.abort()  # to close TLS would wait for the other side
                elif each is not None:
                    each.close()

    async def _answer(
        self,
        head: bytes,
        body: bytes,
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request, and return True if the connection can still be used."""
        if self.tls:  # else links would lead back without TLS
            head = head.replace(b"\r\n", b"\r\nx-forwarded-proto: https\r\n", 1)
        is_search = self.everywhere or head.split(b" ")[1].split(b"?")[0].endswith(b"/search")
        fault = None
        if is_search:
            fault = self.script(len(self.visits))
            visit = Visit(time.monotonic(), fault, self._inside, body)
            self.visits.append(visit)
            self._inside += 1
        try:
            await asyncio.sleep(self.latency)
            answer = await _forward(head, body, upstream)
            self.n_requests += 1
            self.n_bytes += len(answer.body)
            if is_search:
                visit.fault = fault = self._put_off(fault, answer)
            return await FAULTS[fault](answer, writer)
        finally:
            self._inside -= is_search

    def _put_off(self, fault: str | None, answer: Response) -> str | None:
        """Keep a fault of the next link for a later answer that has one."""
        has_next = b'"next"' in answer.body
        if fault in NEXT_FAULTS and not has_next:
            self._waiting.append(fault)
            return None
        return self._waiting.pop() if fault is None and has_next and self._waiting else fault


@contextmanager
def fault_proxy(
    upstream: str,
    *,
    script: Script = no_fault,
    latency: float = 0.0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[FaultProxy]:
    """Run a proxy in a thread of this process.

    Args:
        upstream: URL of the server behind it.
        script: Returns the fault of the n-th search.
        latency: Seconds by which each request is delayed.
        tls: Settings of TLS; None is plain HTTP.

    Yields:
        The proxy, once it answers.
    """
    proxy = FaultProxy(upstream, script, latency, tls)
    ready, stopping = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(_run(proxy, ready.set, stopping))
    )
    thread.start()
    try:
        ready.wait()
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()


async def _run(proxy: FaultProxy, on_ready: Callable[[], Any], stopping: asyncio.Event) -> None:
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0, backlog=1024, ssl=proxy.tls)
    proxy.url = (
        f"{'https' if proxy.tls else 'http'}://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    )
    on_ready()
    await stopping.wait()
    server.close()
    await asyncio.sleep(0)  # new connections become tasks
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


async def _forward(
    head: bytes, body: bytes, upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> Response:
    """Ask the server for an uncompressed answer, and read it whole."""
    reader, writer = upstream
    lines = [
        line for line in head.split(b"\r\n") if not line.lower().startswith(b"accept-encoding:")
    ]
    writer.write(b"\r\n".join(lines) + body)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    status = answer.split(b"\r\n", 1)[0].partition(b" ")[2]
    content = await _read_body(reader, answer)
    return Response(status, content, _headers(answer).get(b"content-type", b"application/json"))


def main() -> None:
    """Run until it is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("upstream")
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    proxy = FaultProxy(given.upstream, latency=given.latency)

    def print_url() -> None:
        sys.stdout.write(f"{proxy.url}\n")
        sys.stdout.flush()

    asyncio.run(_run(proxy, print_url, asyncio.Event()))


if __name__ == "__main__":
    main()
