"""Faults of a catalog: they are overcome or reported, and no item is lost silently."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, repeat
from ssl import ALERT_DESCRIPTION_INTERNAL_ERROR
from typing import TYPE_CHECKING

import pytest

from floodscan import scan
from floodscan.assessment.labels import Status
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.catalogs.endpoint import Endpoint
from floodscan.catalogs.limits import Limits
from floodscan.catalogs.rate_limiter import LocalRateLimiter
from floodscan.model import Search, TimeWindow
from floodscan.testing.servers.faults import RECOVERABLE_FAULTS
from floodscan.testing.servers.proxy import fault_proxy
from tests.catalogs.faulty import LIMITS, SEARCH, faulty
from tests.servers.tls import make_context
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.catalogs.base import Answer
    from tests.servers.fixtures import StacApi


@pytest.fixture(params=["lean_api", "pgstac_api"])
def api(request: pytest.FixtureRequest) -> StacApi:
    """Each of the STAC APIs."""
    chosen: StacApi = request.getfixturevalue(request.param)
    return chosen


def ids(answer: Answer) -> list[str]:
    """List the ids of the items."""
    return sorted(answer.items["item_id"].to_pylist())


def expected(api: StacApi) -> list[str]:
    """List the ids of all items of the search, found by one request."""
    answer = StacApiCatalog(api.url).search(SEARCH)
    assert answer.n_requests == 1
    return ids(answer)


@pytest.mark.parametrize("fault", RECOVERABLE_FAULTS)
@pytest.mark.parametrize("nth", [0, 1])
def test_a_fault_of_one_request_loses_nothing(fault: str, nth: int, api: StacApi) -> None:
    """After each fault, on the first page or the second, the answer has every item once."""
    with faulty(api, lambda n: fault if n == nth else None) as (catalog, proxy):
        answer = catalog.search(SEARCH)
    assert proxy.faults == [fault]
    assert answer.complete
    assert ids(answer) == expected(api)
    assert answer.n_requests == len(proxy.visits) > 3


@pytest.mark.parametrize("fault", ["handshake", "reset", "truncated", "silence"])
def test_a_broken_tls_connection_is_opened_again(
    fault: str, lean_api: StacApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Like one without TLS."""
    context = make_context(tmp_path / "certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate"))
    refusals = (
        cycle([ALERT_DESCRIPTION_INTERNAL_ERROR, None]) if fault == "handshake" else repeat(None)
    )
    context.sni_callback = lambda *_: next(refusals)
    script = {} if fault == "handshake" else {1: fault}
    with fault_proxy(lean_api.url, script=script.get, tls=context) as proxy:
        answer = StacApiCatalog(
            proxy.url, LIMITS, endpoint=Endpoint(f"{proxy.url}/search", lean=True)
        ).search(SEARCH)
    assert proxy.url.startswith("https://")
    assert answer.complete
    assert ids(answer) == expected(lean_api)
    assert answer.n_retries == 1


def test_an_unknown_certificate_is_refused(lean_api: StacApi, tmp_path: Path) -> None:
    """At once, because a retry would not help."""
    with fault_proxy(lean_api.url, tls=make_context(tmp_path / "certificate")) as proxy:
        answer = StacApiCatalog(
            proxy.url, LIMITS, endpoint=Endpoint(f"{proxy.url}/search", lean=True)
        ).search(SEARCH)
    assert answer.n_requests == 1
    assert answer.problem == "can't be reached: its certificate is not valid"


@pytest.mark.parametrize("fault", [*RECOVERABLE_FAULTS, "429", "400", "redirect"])
def test_a_fault_that_stays_is_never_taken_for_a_whole_answer(
    fault: str, lean_api: StacApi
) -> None:
    """If every request fails, the answer is incomplete and has a reason.

    Harmless faults end in the complete answer.
    """
    limits = Limits(
        page_items=60,
        silence_seconds=0.2,
        request_seconds=0.2,
        max_bytes=2_000_000,
        tries=2,
        pause_seconds=0.01,
        max_pause_seconds=0.02,
        search_seconds=4.0,
        max_bisections=12,
    )
    harmless = {
        "repeated items",
        "missing next",
        "next on another host",
        "next in circles",
        "next that is no URL",
    }
    with faulty(lean_api, lambda _: fault, limits) as (catalog, _proxy):
        answer = catalog.search(SEARCH)
    if fault in harmless:
        assert answer.complete
        assert ids(answer) == expected(lean_api)
    else:
        assert not answer.complete
        assert answer.problem == answer.missing_parts[0].reason
        assert catalog.url not in str(answer.missing_parts)


@pytest.mark.parametrize("fault", ["400", "redirect", "redirect to no URL"])
def test_a_request_is_not_repeated_if_a_retry_can_not_help(fault: str, lean_api: StacApi) -> None:
    """Such as an invalid request; and a redirected search is not followed."""
    with faulty(lean_api, lambda _: fault) as (catalog, proxy):
        answer = catalog.search(SEARCH)
    assert len(proxy.visits) == answer.n_requests == 1
    assert answer.n_retries == 0
    assert answer.problem == f"answered with HTTP status {fault if fault == '400' else 302}"


@pytest.mark.parametrize("redirect", ["redirect", "redirect to no URL"])
def test_a_next_page_that_is_redirected_elsewhere_is_refused(
    redirect: str, lean_api: StacApi
) -> None:
    """Pages come from the host that the user named, and from no other."""
    script = {0: "next by GET", 1: redirect}.get
    with faulty(lean_api, script) as (catalog, proxy):
        answer = catalog.search(SEARCH)
    assert len(proxy.visits) == 2
    assert answer.problem == "answered with HTTP status 302"


@pytest.mark.parametrize("fault", ["slow head", "slow drip"])
def test_a_request_is_bounded_from_its_first_byte_to_its_last(
    fault: str, lean_api: StacApi
) -> None:
    """A byte now and then, of the head or of the body, does not extend its time."""
    limits = replace(LIMITS, tries=1, tries_too_much=1, max_bisections=0, silence_seconds=10.0)
    started = time.monotonic()
    with faulty(lean_api, lambda _: fault, limits) as (catalog, _):
        answer = catalog.search(SEARCH)
    assert time.monotonic() - started < 5 * limits.request_seconds
    assert answer.problem == "was not done with its answer in 0.5 s"


def test_a_search_that_is_too_large_is_answered_in_parts(api: StacApi) -> None:
    """No item is lost if the server answers the halves of a search only."""
    with faulty(api, lambda n: "504 late" if n < LIMITS.tries_too_much else None) as (
        catalog,
        proxy,
    ):
        answer = catalog.search(SEARCH)
    assert answer.complete
    assert ids(answer) == expected(api)
    assert answer.n_bisections == 1
    assert answer.n_requests == len(proxy.visits)


def test_a_search_is_cut_until_the_pages_are_not_full(
    lean_api: StacApi,
) -> None:
    """The server returns fifty items at most, and never a link to the next page."""
    limits = replace(LIMITS, page_items=1000)
    with faulty(lean_api, lambda _: "fifty and no next", limits) as (catalog, _):
        answer = catalog.search(SEARCH)
    assert answer.complete
    assert ids(answer) == expected(lean_api)
    assert answer.n_bisections > 1


@pytest.mark.parametrize(
    ("fault", "too_much_seconds", "requests", "cuts"),
    [("504", 60.0, LIMITS.tries, 0), ("504 late", 0.2, 13 * LIMITS.tries_too_much, 6)],
)
def test_a_search_is_not_cut_without_end(
    fault: str, too_much_seconds: float, requests: int, cuts: int, lean_api: StacApi
) -> None:
    """A gateway that gives up at once is out of order, and the search is not cut at all.

    If it gives up after a while, a few cuts show that they do not help.
    """
    limits = replace(LIMITS, too_much_seconds=too_much_seconds, max_pause_seconds=0.1)
    with faulty(lean_api, lambda _: fault, limits) as (catalog, _):
        answer = catalog.search(SEARCH)
    assert not answer.complete
    assert (answer.n_requests, answer.n_bisections) == (requests, cuts)


def test_no_part_is_cut_after_the_last_try(lean_api: StacApi) -> None:
    """The rest of a search is sent once, as it is."""
    limits = replace(LIMITS, tries_too_much=1, search_tries=0)
    with faulty(lean_api, lambda _: "504 late", limits) as (catalog, _):
        answer = catalog.search(SEARCH)
    assert (answer.n_requests, answer.n_bisections) == (1, 0)


def test_a_missing_part_is_named_and_the_rest_is_kept(lean_api: StacApi) -> None:
    """If the later half of a search fails, only searches in that half are incomplete."""
    with faulty(
        lean_api, lambda n: {0: "504 late", 1: "504 late", 2: None, 3: None}.get(n, "400")
    ) as (catalog, _):
        answer = catalog.search(SEARCH)
    (missing_part,) = answer.missing_parts
    assert missing_part.search.window is not None
    early = TimeWindow(
        datetime(2021, 6, 11, tzinfo=UTC), datetime(2021, 6, 19, 23, 59, 59, tzinfo=UTC)
    )
    question = Search(SEARCH.collection, SEARCH.bbox, early, SEARCH.assets)
    assert answer.answer_for(question).complete
    assert not answer.answer_for(SEARCH).complete
    assert 0 < len(ids(answer)) < len(expected(lean_api))


def test_retry_after_is_obeyed(lean_api: StacApi) -> None:
    """After ``Retry-After: 3`` there is no request for three seconds."""
    with faulty(lean_api, lambda n: "429 for 3 s" if n == 0 else None) as (catalog, proxy):
        answer = catalog.search(SEARCH)
    assert answer.complete
    assert proxy.visits[1].began - proxy.visits[0].began >= 3.0


def test_a_pause_beyond_the_budget_fails_the_search(lean_api: StacApi) -> None:
    """After ``Retry-After: 3600`` a search fails at once, and the next one sends no request."""
    started = time.monotonic()
    with faulty(lean_api, lambda _: "429 for an hour") as (catalog, proxy):
        answers = [catalog.search(SEARCH) for _ in range(2)]
    assert time.monotonic() - started < 10
    assert [answer.problem for answer in answers] == [
        "answered with HTTP status 429 and asked to wait for 3600 s",
        "skipped: the server's Retry-After is longer than a search may take",
    ]
    assert [answer.n_requests for answer in answers] == [1, 0]
    assert len(proxy.visits) == 1


def test_a_pause_that_is_too_long_for_one_search_holds_for_the_next(lean_api: StacApi) -> None:
    """The first fails for lack of time, and the second waits until the pause is over."""
    script = {0: "429 for 3 s", 1: "429 for 3 s"}
    with faulty(lean_api, script.get, replace(LIMITS, search_seconds=5.0)) as (catalog, proxy):
        answers = [catalog.search(SEARCH) for _ in range(2)]
    assert [answer.complete for answer in answers] == [False, True]
    assert answers[0].problem == "answered with HTTP status 429 and asked to wait for 3 s"
    assert proxy.visits[2].began - proxy.visits[1].began >= 3.0


def test_a_long_pause_ends_the_requests_of_a_whole_run(tmp_path: Path, lean_api: StacApi) -> None:
    """Except for those in progress."""
    with fault_proxy(lean_api.url, script=lambda _: "429 for an hour") as proxy:
        result = scan(
            make_events(10),
            catalog=proxy.url,
            recipe=APART,
            access=Access(max_in_flight=4),
            out=tmp_path / "out",
        )
    assert len(proxy.visits) <= 4
    assert {outcome.status for outcome in result.outcomes} == {Status.FAILED}


def test_the_wait_for_a_permit_does_not_count_as_time_of_the_search(lean_api: StacApi) -> None:
    """A search that waited longer than it may take is still retried."""
    rate_limiter = LocalRateLimiter(name="held")
    with faulty(lean_api, {0: "503"}.get, replace(LIMITS, search_seconds=3.0)) as (catalog, _):
        rate_limiter.pause(3.5)
        held = replace(
            catalog,
            rate_limiter=rate_limiter,
            endpoint=Endpoint(f"{catalog.url}/search", lean=True),
        )
        answer = held.search(SEARCH)
    assert answer.seconds > 3.0
    assert answer.n_retries == 1
    assert answer.complete


def test_no_secret_of_the_url_is_in_a_message(lean_api: StacApi) -> None:
    """User, password and query of the URL are left out."""
    with faulty(lean_api, lambda _: "400") as (_, proxy):
        secret = StacApiCatalog(
            proxy.url.replace("//", "//someone:hunter2@") + "/?token=hunter3", LIMITS
        )
        answer = secret.search(SEARCH)
    assert "hunter" not in f"{answer.missing_parts} {secret.location}"
    assert answer.problem == "answered with HTTP status 400"
