"""Read all pages of a search, and cut a search into parts if it can't be read whole.

Two kinds of search are cut into parts and sent again, first by collection, then by time, then by
space, until the parts are very small: a search that the server gives up on, and a search that ends
with a full page without a ``next`` link, because more items may follow. A part without an answer
becomes a ``MissingPart``.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

import orjson

from floodscan.catalogs.base import MissingPart
from floodscan.catalogs.bisection import halve, split_at_antimeridian
from floodscan.catalogs.limits import RequestError
from floodscan.catalogs.page_json import decode_page
from floodscan.catalogs.transport import Request, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from floodscan.catalogs.limits import Budget
    from floodscan.catalogs.page_json import Item, Page
    from floodscan.catalogs.transport import Transport
    from floodscan.model import Search

    Json = dict[str, Any]
    ReadPages = Callable[[Search, "SearchCounters", "ItemSink"], None]

_MAX_EMPTY_PAGES = 10
_MAX_FAILED_PARTS = 6
"""Most parts in a row that fail without a new item and are still cut: the last is a 32nd of the
first."""
_MAX_FULL_PARTS = 24
"""The same, if each ends with a full page. To cut 60 days to an hour takes 11 cuts, and a degree to
0.02° takes 6 in each direction: the items may be that close together."""
_USUAL_CAPS = {50, 100, 200, 250, 500}
"""Usual limits of servers on the items of a page, whatever limit the request has.

A page of exactly so many items may not be the last, unless the server has sent a longer one.
"""


_log = logging.getLogger(__name__)


class NotTheEndError(Exception):
    """The pages ended although the server has, or may have, more items.

    Attributes:
        max_parts: Most parts in a row that end like this without a new item and are still cut.
    """

    def __init__(self, reason: str, *, max_parts: int = _MAX_FAILED_PARTS) -> None:
        super().__init__(reason)
        self.max_parts = max_parts


class TooManyItemsError(Exception):
    """The items of a search do not fit in memory."""


class ItemSink(Protocol):
    """Gets the items of a search.

    Attributes:
        search: The part of the search that is read.
        without_links: Whether searches of this API ask for items without their links.
        n_dropped: Number of features without a usable id.
        too_many: Why no more items are kept; None if all fit.
    """

    search: Search
    without_links: bool
    n_dropped: int
    too_many: str | None

    @property
    def n_items(self) -> int:
        """Number of items; it grows only."""
        ...

    def add(self, items: Sequence[Item], page_url: str) -> None:
        """Keep the items of a page that are new."""
        ...


@dataclass(slots=True)
class SearchCounters:
    """The cost of a search.

    Attributes:
        budget: Requests and time.
        n_pages: Number of pages.
        n_bisections: Number of cuts into halves.
    """

    budget: Budget
    n_pages: int = 0
    n_bisections: int = 0

    @property
    def may_bisect(self) -> bool:
        """Whether the search may be cut once more."""
        limit = self.budget.limits.max_bisections
        return self.n_bisections < limit and not self.budget.is_spent

    def count_bisection(self, reason: str) -> None:
        """Count and log that a search is cut into halves."""
        _log.info("a search is cut into halves: the catalog %s", reason)
        self.n_bisections += 1


@dataclass(slots=True)
class Pager:
    """Follows ``next`` links.

    Attributes:
        transport: Sends the requests.
        url: Searches are posted here.
        full_page: Most items on a page with a ``next`` link so far; it may be less than the limit
            of the request.
        longest_page: Most items on any page so far.
        decode_page: Decodes a page: the assets with the first keys, and edges of those with the
            second keys.
    """

    transport: Transport
    url: str
    full_page: int = 0
    longest_page: int = 0
    decode_page: Callable[[bytes | bytearray, Iterable[str], Iterable[str]], Page] = decode_page

    def read(self, body: Json, counters: SearchCounters, found: ItemSink) -> None:
        """Read all pages of a search.

        Args:
            body: Body of the POST request.
            counters: Counts pages and requests.
            found: Gets the items.

        Raises:
            RequestError: A page was not answered, or the search took all its time or tries.
            NotTheEndError: More items may follow the last page.
            TooManyItemsError: The items do not fit in memory.
        """
        request: Request | None = Request("POST", self.url, body)
        asked: set[bytes] = set()
        seen: set[tuple[str | None, str]] = set()
        n_empty = n_dropped = 0
        decode = partial(self._decode, wanted=found.search.wanted.values())
        while request:
            keep = _PageFacts.keep_items(found, request)
            page = self.transport.ask(request, counters.budget, decode=decode, use=keep)
            counters.n_pages += 1
            repeats = bool(page.ids) and page.ids <= seen
            seen |= page.ids
            n_empty = 0 if page.ids else n_empty + 1
            n_dropped += page.n_dropped
            if found.too_many:
                raise TooManyItemsError(found.too_many)
            last, request = request, self._next(page, request)
            if not request:
                self._check_end(page, len(seen) + n_dropped)
                return
            asked.add(_digest(last))
            self.full_page = max(self.full_page, len(page.ids))
            if _digest(request) in asked or n_empty > _MAX_EMPTY_PAGES:
                raise NotTheEndError("the next links lead in a circle, or only to empty pages")
            if repeats:
                raise NotTheEndError("a page repeats earlier items, and links to a next page")
            if counters.budget.spent:
                raise RequestError(counters.budget.spent)

    def _decode(self, content: bytes | bytearray, *, wanted: Collection[Sequence[str]]) -> Page:
        firsts = [assets[:1] for assets in wanted]
        page = self.decode_page(content, [*chain(*wanted)], [*chain(*firsts)])
        if page.features is None:
            raise ValueError("the answer is not a page of items")
        return page

    def _next(self, page: _PageFacts, request: Request) -> Request | None:
        link = next((each for each in page.links if each.get("rel") == "next"), None)
        if link is None:
            return None
        try:
            following = self._follow(link, request)
            elsewhere = origin(following.url) != origin(self.url)
            orjson.dumps(following.body)  # JSON may hold numbers that the encoder refuses
        except (TypeError, ValueError) as err:
            raise NotTheEndError("the link to the next page can't be read") from err
        if elsewhere:
            # a request to a host that the user did not name could give its password away
            raise NotTheEndError("the link to the next page leads to another host")
        return following

    def _follow(self, link: Json, request: Request) -> Request:
        url = urljoin(request.url, link.get("href") or self.url)
        if str(link.get("method", "GET")).upper() == "POST":
            merged = (request.body or {}) if link.get("merge") else {}
            body = {**merged, **(link.get("body") or {})}
            return Request("POST", url, body, goes_first=True)
        return Request("GET", url, None, goes_first=True)

    def _check_end(self, page: _PageFacts, n_items: int) -> None:
        counted = isinstance(page.matched, int)
        if counted and page.matched > n_items:
            reason = f"only {n_items} of {page.matched} items were returned"
            raise NotTheEndError(reason, max_parts=_MAX_FULL_PARTS)
        sizes = {page.n_features, len(page.ids)}  # a page may repeat items
        self.longest_page = max(self.longest_page, len(page.ids))
        possible_caps = {cap for cap in _USUAL_CAPS if cap >= self.longest_page}
        caps = {
            self.full_page or self.transport.limits.page_items,
            *(() if counted else possible_caps),
        }
        if sizes & caps or max(sizes) >= self.transport.limits.page_items:
            reason = "a full page has no link to a next page"
            raise NotTheEndError(reason, max_parts=_MAX_FULL_PARTS)


@dataclass(frozen=True, slots=True)
class _PageFacts:
    """A page without its items.

    Attributes:
        ids: Collections and ids of the items.
        n_features: Number of features, with repeated and dropped ones.
        n_dropped: Number of features without a usable id.
        links: The page's links.
        matched: Number of items on all pages, if the server counts them.
    """

    ids: set[tuple[str | None, str]]
    n_features: int
    n_dropped: int
    links: list[Json]
    matched: Any

    @classmethod
    def keep_items(cls, found: ItemSink, request: Request) -> Callable[[Page], _PageFacts]:
        """Return a function that keeps the items of the page that answers a request."""

        def keep(page: Page) -> _PageFacts:
            items = page.features or []
            ids = {(item.collection, item.id) for item in items}
            if found.search.also and {name for name, _ in ids} - found.search.wanted.keys():
                raise NotTheEndError("does not say for each item of which collection it is")
            found.add(items, request.url)
            found.n_dropped += page.n_dropped
            n_features = len(items) + page.n_dropped
            return cls(ids, n_features, page.n_dropped, page.links, page.matched)

        return keep


def _digest(request: Request) -> bytes:
    """Return a digest of a request; a ``next`` link may have any length."""
    text = f"{request.method} {request.url} ".encode(errors="surrogatepass")
    body = orjson.dumps(request.body, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text + body).digest()


def read_whole(
    search: Search, read: ReadPages, counters: SearchCounters, found: ItemSink
) -> Iterator[MissingPart]:
    """Read all items of a search, and cut the search into halves if necessary.

    Args:
        search: The search.
        read: Reads all pages of a search that does not cross the antimeridian.
        counters: Counts the cuts.
        found: Gets the items.

    Yields:
        Parts without an answer.
    """
    parts = [*reversed(split_at_antimeridian(search))]
    n_failed = 0  # in a row, without a new item
    while parts:
        part = parts.pop()
        if counters.budget.seconds_left <= 0:
            yield MissingPart(part, str(counters.budget.spent))
            continue
        n_before = found.n_items
        try:
            read(part, counters, found)
            n_failed = 0
            continue
        except TooManyItemsError as err:
            yield MissingPart(search, str(err))
            return
        except NotTheEndError as err:
            n_failed = 0 if found.n_items > n_before else n_failed + 1
            reason, helps = str(err), n_failed <= err.max_parts
        except RequestError as err:
            n_failed += 1
            reason, helps = err.reason, _may_help(part, err) and n_failed <= _MAX_FAILED_PARTS
        if helps and counters.may_bisect and (halves := halve(part)):
            counters.count_bisection(reason)
            parts += reversed(halves)
        else:
            yield MissingPart(part, reason)


def _may_help(part: Search, err: RequestError) -> bool:
    """Return whether a cut may help; the catalog may refuse a search of several collections."""
    return err.too_much or (bool(part.also) and not err.passing)
