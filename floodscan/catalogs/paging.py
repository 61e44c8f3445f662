"""All pages of one search, and all parts of a search that can't be had whole.

A page that is full but names no next one is not taken for the end, nor is a search that the server
gives up on: both are asked again in halves, of time first, then of space, down to a floor. What
can't be had even so is a ``MissingPart``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import orjson

from floodscan.catalogs.base import MissingPart
from floodscan.catalogs.bisection import halve, split_at_antimeridian
from floodscan.catalogs.page_json import decode_page
from floodscan.catalogs.transport import Budget, Request, RequestError, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from floodscan.catalogs.page_json import Item, Page
    from floodscan.catalogs.transport import Limits, Transport
    from floodscan.model import Search

    Json = dict[str, Any]
    ReadPages = Callable[[Search, "SearchCounters"], Iterator[list[Item]]]

_MAX_EMPTY_PAGES = 10
_MAX_FAILED_PARTS = 6
"""Parts that fail one after the other and are cut all the same.

The last of them may be a 32nd of the first.
"""
_USUAL_CAPS = {50, 100, 200, 250, 500}
"""Items on a page at which servers stop, whatever they are asked for.

A page of just so many may not be the last.
"""


class NotTheEndError(Exception):
    """The pages ended although the server holds, or may hold, more."""


@dataclass(slots=True)
class SearchCounters:
    """What a search took.

    Attributes:
        budget: Requests and time.
        n_pages: Pages that were read.
        n_bisections: Cuts into halves.
    """

    budget: Budget
    n_pages: int = 0
    n_bisections: int = 0


@dataclass(slots=True)
class Pager:
    """Follows ``next`` links.

    Attributes:
        transport: Makes the requests.
        url: Where searches are posted.
        full_page: The most items that came on a page with a ``next`` link; a server may give fewer
            than asked for.
    """

    transport: Transport
    url: str
    full_page: int = 0

    def read(self, body: Json, counters: SearchCounters) -> Iterator[list[Item]]:
        """Give the items of each page of a search.

        Args:
            body: The search as it is posted.
            counters: Counts pages and requests.

        Raises:
            RequestError: A page can't be had.
            NotTheEndError: The last page was not the end.
        """
        request: Request | None = Request("POST", self.url, body)
        asked: list[Request] = []
        seen: set[str] = set()
        n_empty = 0
        while request:
            if request in asked or n_empty > _MAX_EMPTY_PAGES:
                raise NotTheEndError("pages lead back to pages that were read already")
            asked.append(request)
            page = self.transport.ask(request, counters.budget, decode=_decode)
            features = page.features or []
            ids = {item.id for item in features}  # a page may repeat items
            seen |= ids
            counters.n_pages += 1
            n_empty = 0 if features else n_empty + 1
            yield features
            request = self._next(page, request)
            if request:
                self.full_page = max(self.full_page, len(ids))
            else:
                self._check_end(page, {len(features), len(ids)}, len(seen))

    def _next(self, page: Page, request: Request) -> Request | None:
        link = next((each for each in page.links if each.get("rel") == "next"), None)
        if link is None:
            return None
        try:
            following = self._follow(link, request)
            elsewhere = origin(following.url) != origin(self.url)
            orjson.dumps(following.body)  # JSON knows larger numbers than the encoder
        except (TypeError, ValueError) as err:
            raise NotTheEndError("the link to the next page can't be read") from err
        if elsewhere:
            # whoever answers there is not whom the user named, and might be sent what was meant for
            # that one
            raise NotTheEndError("the next page is said to be on another host")
        return following

    def _follow(self, link: Json, request: Request) -> Request:
        url = urljoin(request.url, link.get("href") or self.url)
        if str(link.get("method", "GET")).upper() == "POST":
            merged = (request.body or {}) if link.get("merge") else {}
            return Request("POST", url, {**merged, **(link.get("body") or {})})
        return Request("GET", url, None)

    def _check_end(self, page: Page, sizes: set[int], n_items: int) -> None:
        counted = isinstance(page.matched, int)
        if counted and page.matched > n_items:
            raise NotTheEndError(f"{n_items} of {page.matched} items were given")
        caps = {
            self.full_page or self.transport.limits.page_items,
            *(() if counted else _USUAL_CAPS),
        }
        if sizes & caps or max(sizes) >= self.transport.limits.page_items:
            raise NotTheEndError("a full page names no next one")


def read_whole(
    search: Search, read: ReadPages, counters: SearchCounters, limits: Limits
) -> Iterator[list[Item] | MissingPart]:
    """Give the items of a search page by page, cutting it into halves where it can't be had whole.

    Args:
        search: What is asked.
        read: Gives the pages of a search that needs no cut at the antimeridian.
        counters: Counts the cuts.
        limits: How many cuts are made at most.

    Yields:
        The items of a page, some of them more than once; or a part that can't be had.
    """
    parts = [*reversed(split_at_antimeridian(search))]
    n_failed = 0  # one after the other
    while parts:
        part = parts.pop()
        try:
            yield from read(part, counters)
            n_failed = 0
            continue
        except NotTheEndError as err:
            n_failed = 0
            reason, mends = str(err), True
        except RequestError as err:
            n_failed += 1
            reason, mends = err.reason, err.too_much and n_failed <= _MAX_FAILED_PARTS
        halves = halve(part) if mends and counters.n_bisections < limits.max_bisections else None
        if halves and not counters.budget.is_spent:
            counters.n_bisections += 1
            parts += reversed(halves)
        else:
            yield MissingPart(part, reason)


def _decode(content: bytes) -> Page:
    page = decode_page(content)
    if page.features is None:
        raise ValueError("the answer is no page of items")
    return page
