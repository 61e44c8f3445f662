"""Pages that lead on, end too soon or hold nothing: followed to the end, or known not to be the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from floodscan.catalogs.paging import NotTheEndError, Pager, SearchCounters
from floodscan.catalogs.transport import Budget, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from floodscan.catalogs.transport import Request, Transport

URL = "http://127.0.0.1/search"
THREE = Limits(page_items=3)


@dataclass
class Pages:
    """A transport that answers with the pages it was given, one after the other."""

    pages: list[dict[str, Any]]
    limits: Limits
    asked: list[Request] = field(default_factory=list)

    def ask(self, request: Request, budget: Budget, *, decode: Callable[[bytes], object]) -> object:
        """Answer with the next page."""
        del budget
        self.asked.append(request)
        return decode(orjson.dumps(self.pages[len(self.asked) - 1]))


def page(n: int, token: str | None = None, **more: object) -> dict[str, Any]:
    """Make a page of n items that leads to another, or to none."""
    link = {"rel": "next", "href": URL, "method": "POST", "body": {"token": token}}
    features = [{"id": f"{token}-{i}"} for i in range(n)]
    return {"features": features, "links": [link] if token else [], **more}


def twice(given: dict[str, Any], n: int) -> dict[str, Any]:
    """Give the first n items of a page twice."""
    return {**given, "features": given["features"] + given["features"][:n]}


def read(*pages: dict[str, Any], limits: Limits = THREE) -> tuple[list[int], Pages]:
    """Read pages and count the items of each."""
    transport = Pages(list(pages), limits)
    pager = Pager(cast("Transport", transport), URL)
    body = {"a": 1, "limit": limits.page_items}
    found = [len(items) for items in pager.read(body, SearchCounters(Budget(limits)))]
    return found, transport


def test_an_empty_page_that_leads_on_is_not_the_end() -> None:
    """Servers that filter after they cut pages have such.

    Pystac-client ends there without a word.
    """
    assert read(page(3, "b"), page(0, "c"), page(2))[0] == [3, 0, 2]


def test_a_short_page_may_be_followed_by_others() -> None:
    """A server may give fewer than it was asked for."""
    assert read(page(2, "b"), page(1, "c"), page(0))[0] == [2, 1, 0]


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ([page(3)], "a full page names no next one"),
        ([page(2, "b"), page(2)], "a full page names no next one"),
        ([twice(page(2, "b"), 1), page(2)], "a full page names no next one"),
        ([page(1, numberMatched=4)], "1 of 4 items were given"),
        (
            [page(2, "b", numberMatched=4), page(2, "b", numberMatched=4) | {"links": []}],
            "2 of 4 items were given",
        ),
        ([page(1, "b"), page(1, "b")], "lead back"),
        ([page(0, str(n)) for n in range(20)], "lead back"),
    ],
    ids=[
        "as many as asked for",
        "as many as the server gives",
        "as many as the server gives but for repeats",
        "fewer than it counts",
        "fewer than it counts but for repeats",
        "a circle",
        "nothing for ever",
    ],
)
def test_what_is_not_the_end_is_not_taken_for_it(pages: list[dict[str, Any]], reason: str) -> None:
    """Each says why; whoever asked goes on in another way."""
    with pytest.raises(NotTheEndError, match=reason):
        read(*pages)


@pytest.mark.parametrize("n", [50, 100, 250])
def test_a_page_as_long_as_servers_like_it_is_the_last_only_if_all_are_counted(n: int) -> None:
    """Nothing tells before the first ``next`` link how many a server gives at most."""
    limits = Limits(page_items=1000)
    with pytest.raises(NotTheEndError, match="a full page names no next one"):
        read(page(n), limits=limits)
    assert read(page(n, numberMatched=n), limits=limits)[0] == [n]
    assert read(page(n + 1), limits=limits)[0] == [n + 1]


@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:81/search", "https://127.0.0.1/search", "http://example.org/search"]
)
def test_a_page_elsewhere_is_refused(href: str) -> None:
    """Another host, port or scheme is never asked."""
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
def test_a_link_that_can_not_be_read_is_not_the_end(link: dict[str, Any]) -> None:
    """There is another page; where it is remains unknown."""
    odd = page(1, "b")
    odd["links"] = [{"rel": "next", **link}]
    with pytest.raises(NotTheEndError, match="can't be read"):
        read(odd)


@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:80/search", "/search", "search", "HTTP://127.0.0.1/search"]
)
def test_the_same_place_may_be_written_in_other_ways(href: str) -> None:
    """With the port that goes without saying, or only in part."""
    near = page(1, "b")
    near["links"][0]["href"] = href
    assert read(near, page(0))[0] == [1, 0]


def test_links_are_followed_as_they_are_written() -> None:
    """By POST with a body of their own or merged into the first, or by GET."""
    merged, by_get = page(1, "b"), page(1, "c")
    merged["links"][0]["merge"] = True
    by_get["links"][0] = {"rel": "next", "href": URL + "?token=c"}
    _, transport = read(merged, by_get, page(0))
    first, second, third = transport.asked
    assert first.body == {"a": 1, "limit": 3}
    assert second.body == {"a": 1, "limit": 3, "token": "b"}
    assert (third.method, third.url, third.body) == ("GET", URL + "?token=c", None)
