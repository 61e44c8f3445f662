"""The ways in which the hostile API answers a search."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from floodscan import Recipe
from floodscan.testing.build_demo import build_items

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]

TITLE, COLOUR, C1 = "\x1b]0;owned\x07", "\x1b[31;5m", "\x9b2J"
MARKUP = "[/x][bold]:smile:"
SCRIPT = "javascript:alert(1)"
_BLANKS = b" " * 2**20
_MANY = 20_000
_MILLION = 1_000_000


SENSORS = {asked.collection: asked for asked in Recipe().sensors.values()}


class Client(Protocol):
    """The other side of the connection."""

    wfile: Any

    def send_head(self, *headers: str, content_type: str = ...) -> None:
        """Send the head of an answer, which ends with the connection."""

    def send_json(self, content: bytes, *headers: str, content_type: str = ...) -> None:
        """Send a whole answer."""

    def send_redirect(self, url: str) -> None:
        """Send the client elsewhere."""


@dataclass(slots=True)
class Search:
    """A search that arrived.

    Attributes:
        answer: Writes to the client.
        base: Landing page of the kind.
        body: What was asked.
        page: Number of the page, from 0.
    """

    answer: Client
    base: str
    body: Json
    page: int

    @property
    def collection(self) -> str:
        """The collection that was asked for."""
        return str(self.body["collections"][0])

    @property
    def limit(self) -> int:
        """The number of items that were asked for."""
        return int(self.body["limit"])

    def next(self, **more: object) -> Json:
        """Link to the next page, which no other link leads to."""
        body = {**self.body, "token": self.page + 1}
        return {"rel": "next", "href": f"{self.base}/search", "method": "POST", "body": body} | more

    def send(self, features: list[bytes], *links: Json, **more: object) -> None:
        """Send a page of items."""
        rest = orjson.dumps({"type": "FeatureCollection", "links": links, **more})
        self.answer.send_json(b'{"features":[' + b",".join(features) + b"]," + rest[1:])


@cache
def demo_items(collection: str) -> list[Json]:
    """Make the demo's items of a collection, without their links."""
    return [{**item, "links": []} for item in build_items()[collection]]


@cache
def _pattern(collection: str) -> tuple[bytes, bytes]:
    """Cut an item over Luxembourg in two where its id is."""
    if collection == "cop-dem-glo-30":
        item = next(each for each in demo_items(collection) if "N49_00_E006" in each["id"])
    else:
        days = "2021-07-1"
        dated = (each for each in demo_items(collection) if days in each["properties"]["datetime"])
        item = next(dated)
    wanted = SENSORS[collection].assets
    kept = {
        "assets": {key: {"href": item["assets"][key]["href"]} for key in wanted},
        "properties": {"datetime": item["properties"]["datetime"], "eo:cloud_cover": 1.5},
    }
    text = orjson.dumps({**item, "id": "@", **kept})
    before, _, after = text.partition(b'"@"')
    return before + b'"', b'"' + after


def items(collection: str, numbers: range) -> list[bytes]:
    """Write items that differ in nothing but their ids."""
    before, after = _pattern(collection)
    return [b"%bhostile-%07d%b" % (before, number, after) for number in numbers]


def changed(search: Search, change: Callable[[Json], None]) -> list[bytes]:
    """Write the demo's items with a change."""
    copies = [orjson.loads(orjson.dumps(item)) for item in demo_items(search.collection)]
    for copy in copies:
        change(copy)
    return [orjson.dumps(copy) for copy in copies]


def whole(search: Search) -> list[bytes]:
    """Write the demo's items as they are."""
    return [orjson.dumps(item) for item in demo_items(search.collection)]


def same(search: Search) -> None:
    """Send the same items again and again, with a fresh token."""
    search.send(items(search.collection, range(100)), search.next())


def endless(search: Search) -> None:
    """Send new items without end."""
    start = search.page * search.limit
    search.send(items(search.collection, range(start, start + search.limit)), search.next())


def one_new(search: Search) -> None:
    """Send one new item on each page, beside many that were there before."""
    numbers = [*range(200), 1000 + search.page]
    found = [
        item for number in numbers for item in items(search.collection, range(number, number + 1))
    ]
    search.send(found, search.next())


def empty(search: Search) -> None:
    """Send empty pages without end."""
    search.send([], search.next())


def ignores_limit(search: Search) -> None:
    """Send 20,000 items a page, up to a million."""
    start = search.page * _MANY
    links = [search.next()] if start + _MANY < _MILLION else []
    found = items(search.collection, range(start, start + _MANY))
    search.send(found, *links, numberMatched=_MILLION)


def million(search: Search) -> None:
    """Send a million items, page by page."""
    start = search.page * search.limit
    links = [search.next()] if start + search.limit < _MILLION else []
    found = items(search.collection, range(start, start + search.limit))
    search.send(found, *links, numberMatched=_MILLION)


def full_pages(search: Search) -> None:
    """Send the same full page to every search, and never a link."""
    search.send(items(search.collection, range(search.limit)))


def huge(search: Search) -> None:
    """Send blanks without end."""
    search.answer.send_head()
    search.answer.wfile.write(b'{"features":[')
    while True:
        search.answer.wfile.write(_BLANKS)


def many_values(search: Search) -> None:
    """Send millions of empty links, which take twenty times as much memory as their text."""
    search.answer.send_json(b'{"features":[],"links":[' + b"{}," * 15_000_000 + b"{}]}")


def long_ids(search: Search) -> None:
    """Send ids of 50,000 letters."""
    before, after = _pattern(search.collection)
    start = search.page * 1000
    numbers = range(start, start + 1000)
    search.send([b"%b%050000d%b" % (before, number, after) for number in numbers], search.next())


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 2**27, compresslevel=1)


def gzip_bomb(search: Search) -> None:
    """Send half a megabyte that becomes 128."""
    search.answer.send_json(_bomb(), "Content-Encoding: gzip")


def drip(search: Search) -> None:
    """Send a byte now and then."""
    search.answer.send_head()
    while True:
        search.answer.wfile.write(b" ")
        time.sleep(0.05)


def truncated(search: Search) -> None:
    """Send half a page as if it were whole."""
    page = b'{"features":[' + b",".join(whole(search))
    search.answer.send_json(page[: len(page) // 2])


def markup(search: Search) -> None:
    """Send words that look like rich's markup."""

    def change(item: Json) -> None:
        item["id"] += MARKUP
        item["properties"] |= {"sat:orbit_state": MARKUP, "platform": MARKUP}

    search.send(changed(search, change))


def escapes(search: Search) -> None:
    """Send sequences that set the title, the colour and the screen of a terminal."""

    def change(item: Json) -> None:
        item["id"] += TITLE + COLOUR + C1
        item["properties"] |= {"sat:orbit_state": TITLE, "platform": C1}

    search.send(changed(search, change))


def odd_ids(search: Search) -> None:
    """Send items whose ids are no ids, beside the demo's."""
    odd = [b'{"id":%b}' % each for each in (b'""', b"null", b"5", b"[]", b"{}")]
    search.send([*odd, b"{}", b"3", b"null", *whole(search)])


def redirect(search: Search) -> None:
    """Lead elsewhere, where somebody listens."""
    search.answer.send_redirect(f"{elsewhere(search.base)}/search")


def next_redirect(search: Search) -> None:
    """Lead elsewhere from the second page on."""
    if search.page:
        search.answer.send_redirect(f"{elsewhere(search.base)}/search")
    else:
        search.send(whole(search), search.next(method="GET", href=f"{search.base}/search?page=1"))


def next_elsewhere(search: Search) -> None:
    """Link to a next page that is elsewhere."""
    search.send(whole(search), search.next(href=f"{elsewhere(search.base)}/search"))


def elsewhere(base: str) -> str:
    """Return the address of this server under another name."""
    return base.replace("127.0.0.1", "localhost")


def html(search: Search) -> None:
    """Send a page for a browser."""
    search.answer.send_json(b"<html><body>Please log in</body></html>", "X-Login: yes")


def other_type(search: Search) -> None:
    """Send a page of items as if it were a picture."""
    page = b'{"features":[' + b",".join(whole(search)) + b"]}"
    search.answer.send_json(page, content_type="image/png")


def _numbers(text: bytes) -> Callable[[Search], None]:
    def send(search: Search) -> None:
        """Send a number that JSON or a float can't have."""
        page = b'{"features":[' + b",".join(whole(search)) + b"]}"
        search.answer.send_json(page.replace(b'"proj:epsg":', b'"eo:cloud_cover":%b,"x":' % text))

    return send


def hrefs(search: Search) -> None:
    """Send relative hrefs, and one that is a program."""

    def change(item: Json) -> None:
        for asset in item["assets"].values():
            asset["href"] = "./scene.tif"
        first = SENSORS[search.collection].assets[0]
        item["assets"][first]["href"] = SCRIPT

    search.send(changed(search, change))


def no_collection(search: Search) -> None:
    """Send items that do not say of which collection they are."""
    found = [item for name in search.body["collections"] for item in demo_items(name)]
    search.send([orjson.dumps({**item, "collection": None}) for item in found])


TAKES_SEVERAL = {"no collection"}
"""Kinds that answer a search of several collections."""

KINDS: dict[str, Callable[[Search], None]] = {
    "same items": same,
    "new items": endless,
    "one new item": one_new,
    "empty pages": empty,
    "no limit": ignores_limit,
    "a million items": million,
    "full pages": full_pages,
    "large body": huge,
    "many values": many_values,
    "long ids": long_ids,
    "gzip bomb": gzip_bomb,
    "slow drip": drip,
    "half a page": truncated,
    "markup": markup,
    "escapes": escapes,
    "odd ids": odd_ids,
    "redirect": redirect,
    "next redirected": next_redirect,
    "next elsewhere": next_elsewhere,
    "HTML": html,
    "other type": other_type,
    "NaN": _numbers(b"NaN"),
    "1e400": _numbers(b"1e400"),
    "hrefs": hrefs,
    "no collection": no_collection,
}
