"""Read all pages of a search, and cut a search into parts if it can't be read whole.

Two kinds of search are cut into halves and sent again, first by time and then by space, until the
halves are very small: a search that the server gives up on, and a search that ends with a full page
without a ``next`` link, because more items may follow. A part without an answer becomes a
``MissingPart``.
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
"""Most failed parts in a row that are still cut: the last is a 32nd of the first."""
_USUAL_CAPS = {50, 100, 200, 250, 500}
"""Usual limits of servers on the items of a page, whatever limit the request has.

A page of exactly so many items may not be the last.
"""


class NotTheEndError(Exception):
    """The pages ended although the server has, or may have, more items."""


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


@dataclass(slots=True)
class Pager:
    """Follows ``next`` links.

    Attributes:
        transport: Sends the requests.
        url: Searches are posted here.
        full_page: Most items on a page with a ``next`` link so far; it may be less than the limit
            of the request.
    """

    transport: Transport
    url: str
    full_page: int = 0

    def read(self, body: Json, counters: SearchCounters) -> Iterator[list[Item]]:
        """Yield the items of each page of a search.

        Args:
            body: Body of the POST request.
            counters: Counts pages and requests.

        Raises:
            RequestError: A page was not answered.
            NotTheEndError: More items may follow the last page.
        """
        request: Request | None = Request("POST", self.url, body)
        asked: list[Request] = []
        seen: set[str] = set()
        n_empty = 0
        while request:
            if request in asked or n_empty > _MAX_EMPTY_PAGES:
                raise NotTheEndError("the next links lead in a circle, or only to empty pages")
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
            return Request("POST", url, {**merged, **(link.get("body") or {})})
        return Request("GET", url, None)

    def _check_end(self, page: Page, sizes: set[int], n_items: int) -> None:
        counted = isinstance(page.matched, int)
        if counted and page.matched > n_items:
            raise NotTheEndError(f"only {n_items} of {page.matched} items were returned")
        caps = {
            self.full_page or self.transport.limits.page_items,
            *(() if counted else _USUAL_CAPS),
        }
        if sizes & caps or max(sizes) >= self.transport.limits.page_items:
            raise NotTheEndError("a full page has no link to a next page")


def read_whole(
    search: Search, read: ReadPages, counters: SearchCounters, limits: Limits
) -> Iterator[list[Item] | MissingPart]:
    """Yield the items of a search page by page, and cut the search into halves if necessary.

    Args:
        search: The search.
        read: Yields the pages of a search that does not cross the antimeridian.
        counters: Counts the cuts.
        limits: Bounds the number of cuts.

    Yields:
        The items of a page, some of them more than once; or a part without an answer.
    """
    parts = [*reversed(split_at_antimeridian(search))]
    n_failed = 0  # in a row
    while parts:
        part = parts.pop()
        try:
            yield from read(part, counters)
            n_failed = 0
            continue
        except NotTheEndError as err:
            n_failed = 0
            reason, helps = str(err), True
        except RequestError as err:
            n_failed += 1
            reason, helps = err.reason, err.too_much and n_failed <= _MAX_FAILED_PARTS
        halves = halve(part) if helps and counters.n_bisections < limits.max_bisections else None
        if halves and not counters.budget.is_spent:
            counters.n_bisections += 1
            parts += reversed(halves)
        else:
            yield MissingPart(part, reason)


def _decode(content: bytes) -> Page:
    page = decode_page(content)
    if page.features is None:
        raise ValueError("the answer is not a page of items")
    return page
