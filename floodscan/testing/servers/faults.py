"""The faults of the proxy: an answer is late, wrong, cut off or missing."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import orjson

if TYPE_CHECKING:
    from floodscan.testing.servers.catalog import Json

_BOMB_BYTES = 50_000_000
_CAP = 50
_DEPTH = 20_000
_DRIP_SECONDS = 0.05
_LATE_SECONDS = 0.3
_SILENT_SECONDS = 30.0
_RETRY_SECONDS = 1


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
        lines = (
            b"HTTP/1.1 " + self.status,
            b"content-type: " + self.media_type,
            b"content-length: %d" % size,
            *more,
        )
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
    return await _pass(
        Response(answer.status, answer.body[: len(answer.body) // 2], answer.media_type), writer
    )


async def _no_page(answer: Response, writer: asyncio.StreamWriter) -> bool:
    return await _pass(Response(answer.status, b'{"code":"oops"}', answer.media_type), writer)


async def _nest(answer: Response, writer: asyncio.StreamWriter) -> bool:
    nest = b"[" * _DEPTH + b"]" * _DEPTH
    return await _pass(
        Response(answer.status, answer.body[:-1] + b',"more":%b}' % nest, answer.media_type), writer
    )


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


async def _fail_late(answer: Response, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(_LATE_SECONDS)
    return await FAULTS["504"](answer, writer)


def _edit(change: Callable[[Json], None]) -> Fault:
    async def fault(answer: Response, writer: asyncio.StreamWriter) -> bool:
        return await _pass(
            answer.edit(change) if answer.status.startswith(b"200") else answer, writer
        )

    return fault


def _drop_next(page: Json) -> None:
    page["links"] = [link for link in page["links"] if link["rel"] != "next"]


def _cap(page: Json) -> None:
    _drop_next(page)
    del page["features"][_CAP:]


def _lead_away(page: Json) -> None:
    for link in page["links"]:
        if link["rel"] == "next":
            link["href"] = "http://localhost:9/search"


def _lead_nowhere(page: Json) -> None:
    for link in page["links"]:
        if link["rel"] == "next":
            link["href"] = "http://[x/search"


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

FAULTS: dict[str | None, Fault] = {
    None: _pass,
    "reset": _reset,
    "truncated": _truncate,
    "broken json": _break_json,
    "no page": _no_page,
    "nested too deep": _nest,
    "slow drip": _drip,
    "slow head": _drip_head,
    "silence": _be_silent,
    "gzip bomb": _packed(lambda _: _pack_bomb()),
    "gzip cut off": _packed(lambda body: gzip.compress(body)[:-20]),
    "gzip with an error": _packed(
        lambda body: gzip.compress(body)[:-8] + bytes(8)
    ),  # in the checksum
    "gzip that is none": _packed(lambda body: gzip.compress(body)[10:]),
    "429 seconds": _fail(b"429 Too Many Requests", lambda: b"retry-after: %d" % _RETRY_SECONDS),
    "429 date": _fail(
        b"429 Too Many Requests",
        lambda: b"retry-after: " + formatdate(time.time() + _RETRY_SECONDS, usegmt=True).encode(),
    ),
    "429 for 3 s": _fail(b"429 Too Many Requests", lambda: b"retry-after: 3"),
    "429 for an hour": _fail(b"429 Too Many Requests", lambda: b"retry-after: 3600"),
    "403 seconds": _fail(b"403 Forbidden", lambda: b"retry-after: %d" % _RETRY_SECONDS),
    "429": _fail(b"429 Too Many Requests"),
    "500": _fail(b"500 Internal Server Error"),
    "502": _fail(b"502 Bad Gateway"),
    "503": _fail(b"503 Service Unavailable"),
    "504": _fail(b"504 Gateway Timeout"),
    "504 late": _fail_late,
    "520": _fail(b"520 Web Server Returned an Unknown Error"),
    "400": _fail(b"400 Bad Request"),
    "403": _fail(b"403 Forbidden"),
    "404": _fail(b"404 Not Found"),
    "redirect": _fail(b"302 Found", lambda: b"location: http://localhost:9/search"),
    "redirect to no URL": _fail(b"302 Found", lambda: b"location: http://[x/search"),
    "missing next": _edit(_drop_next),
    "fifty and no next": _edit(_cap),
    "next on another host": _edit(_lead_away),
    "next that is no URL": _edit(_lead_nowhere),
    "next by GET": _edit(_lead_by_get),
    "repeated items": _edit(_repeat_items),
    "next in circles": _edit(_lead_in_circles),
}
RECOVERABLE_FAULTS = (
    "missing next", "next on another host", "next in circles", "next that is no URL",
    "repeated items", "reset", "truncated", "broken json", "no page", "slow drip", "slow head",
    "silence", "gzip bomb", "gzip cut off", "gzip with an error", "gzip that is none",
    "429 seconds", "429 date", "500", "502", "503", "504", "403 seconds", "520", "nested too deep",
)  # fmt: skip
"""Faults after which a careful client still gets the whole answer."""
NEXT_FAULTS = RECOVERABLE_FAULTS[:4]
"""Recoverable faults that change only answers with a next link."""
