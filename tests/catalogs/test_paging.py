"""Pages are followed to the end, and a page that may not be the last is noticed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from floodscan.catalogs.found_items import FoundItems
from floodscan.catalogs.limits import Budget, Limits
from floodscan.catalogs.paging import NotTheEndError, Pager, SearchCounters
from tests.catalogs.faulty import SEARCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from floodscan.catalogs.page_json import Page
    from floodscan.catalogs.transport import Request, Transport

URL = "http://127.0.0.1/search"
THREE = Limits(page_items=3)


@dataclass
class Pages:
    """A transport that answers with given pages, one after the other."""

    pages: list[dict[str, Any]]
    limits: Limits
    asked: list[Request] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def ask(
        self,
        request: Request,
        budget: Budget,
        *,
        decode: Callable[[bytes], Page],
        use: Callable[[Page], object],
    ) -> object:
        """Answer with the next page."""
        del budget
        self.asked.append(request)
        page = decode(orjson.dumps(self.pages[len(self.asked) - 1]))
        self.sizes.append(len(page.features or []))
        return use(page)


def page(n: int, token: str | None = None, **more: object) -> dict[str, Any]:
    """Make a page of n items, with or without a link to the next page."""
    link = {"rel": "next", "href": URL, "method": "POST", "body": {"token": token}}
    features = [{"id": f"{token}-{i}"} for i in range(n)]
    return {"features": features, "links": [link] if token else [], **more}


def twice(given: dict[str, Any], n: int) -> dict[str, Any]:
    """Repeat the first n items of a page."""
    return {**given, "features": given["features"] + given["features"][:n]}


def read(
    *pages: dict[str, Any], limits: Limits = THREE, longest_page: int = 0
) -> tuple[list[int], Pages]:
    """Read pages and count the items of each."""
    transport = Pages(list(pages), limits)
    pager = Pager(cast("Transport", transport), URL, longest_page=longest_page)
    body = {"a": 1, "limit": limits.page_items}
    pager.read(body, SearchCounters(Budget(limits)), FoundItems(SEARCH, limits))
    return transport.sizes, transport


def test_an_empty_page_with_a_link_is_not_the_end() -> None:
    """Servers that filter after they cut pages send such pages.

    pystac-client ends there silently.
    """
    assert read(page(3, "b"), page(0, "c"), page(2))[0] == [3, 0, 2]


def test_a_short_page_may_be_followed_by_others() -> None:
    """A server may return fewer items than the limit of the request."""
    assert read(page(2, "b"), page(1, "c"), page(0))[0] == [2, 1, 0]


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ([page(3)], "a full page has no link to a next page"),
        ([page(2, "b"), page(2)], "a full page has no link to a next page"),
        ([twice(page(2, "b"), 1), page(2)], "a full page has no link to a next page"),
        ([page(1, numberMatched=4)], "only 1 of 4 items were returned"),
        (
            [page(2, "b", numberMatched=4), page(2, "b", numberMatched=4) | {"links": []}],
            "only 2 of 4 items were returned",
        ),
        ([page(1, "b"), page(1, "b")], "lead in a circle"),
        ([page(0, str(n)) for n in range(20)], "lead in a circle"),
    ],
    ids=[
        "the limit of the request",
        "the limit of the server",
        "the limit of the server, repeats aside",
        "fewer than the total",
        "fewer than the total, repeats aside",
        "a circle",
        "empty pages without end",
    ],
)
def test_a_page_that_may_not_be_the_last_raises(pages: list[dict[str, Any]], reason: str) -> None:
    """The error has the reason."""
    with pytest.raises(NotTheEndError, match=reason):
        read(*pages)


@pytest.mark.parametrize("n", [50, 100, 250])
def test_a_page_with_a_usual_limit_of_servers_is_the_last_only_if_the_total_says_so(n: int) -> None:
    """The limit of a server is not known before the first ``next`` link."""
    limits = Limits(page_items=1000)
    with pytest.raises(NotTheEndError, match="a full page has no link to a next page"):
        read(page(n), limits=limits)
    assert read(page(n, numberMatched=n), limits=limits)[0] == [n]
    assert read(page(n + 1), limits=limits)[0] == [n + 1]


def test_a_usual_limit_is_not_that_of_a_server_that_has_sent_a_longer_page() -> None:
    """The page is then the last, and its search is not cut."""
    limits = Limits(page_items=1000)
    assert read(page(100), limits=limits, longest_page=101)[0] == [100]
    for longest in (99, 100):
        with pytest.raises(NotTheEndError, match="a full page has no link to a next page"):
            read(page(100), limits=limits, longest_page=longest)


@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:81/search", "https://127.0.0.1/search", "http://example.org/search"]
)
def test_a_link_to_another_host_is_refused(href: str) -> None:
    """No request goes to another host, port or scheme."""
    away = page(1, "b")
    away["links"][0]["href"] = href
    with pytest.raises(NotTheEndError, match="another host"):
        read(away)


@pytest.mark.parametrize(
    "link",
    [
        {"href": "http://[x/search"},
        {"href": "http://127.0.0.1:port/search"},
        {"href": 5},
        {"href": URL, "method": "POST", "body": ["a"]},
    ],
)
def test_an_invalid_link_is_not_the_end(link: dict[str, Any]) -> None:
    """There is another page, at an unknown address."""
    odd = page(1, "b")
    odd["links"] = [{"rel": "next", **link}]
    with pytest.raises(NotTheEndError, match="can't be read"):
        read(odd)


@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:80/search", "/search", "search", "HTTP://127.0.0.1/search"]
)
def test_the_same_host_may_be_written_in_other_ways(href: str) -> None:
    """With the default port, or as a relative link."""
    near = page(1, "b")
    near["links"][0]["href"] = href
    assert read(near, page(0))[0] == [1, 0]


def test_links_are_followed_as_they_are_written() -> None:
    """By POST, with a body of their own or merged into the first one, or by GET."""
    merged, by_get = page(1, "b"), page(1, "c")
    merged["links"][0]["merge"] = True
    by_get["links"][0] = {"rel": "next", "href": URL + "?token=c"}
    _, transport = read(merged, by_get, page(0))
    first, second, third = transport.asked
    assert first.body == {"a": 1, "limit": 3}
    assert second.body == {"a": 1, "limit": 3, "token": "b"}
    assert (third.method, third.url, third.body) == ("GET", URL + "?token=c", None)
