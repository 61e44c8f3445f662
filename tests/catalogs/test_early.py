"""The first searches of few events leave with the request for the landing page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING

import orjson
import pytest

from floodscan import CatalogError, Recipe, SensorRecipe, scan
from floodscan.catalogs import Access, StacApiCatalog, early, stac_api, transport
from floodscan.catalogs.base import Answer
from floodscan.catalogs.endpoint import Endpoint
from floodscan.catalogs.limits import Limits
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.model import SearchPrices
from floodscan.planning.prices import LEAST_ITEMS
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.scanning import read_list
from floodscan.schemas import ITEMS
from floodscan.testing.floods import read_floods, write_events
from floodscan.testing.servers.proxy import fault_proxy
from floodscan.threads import compute
from tests.catalogs.faulty import SEARCH
from tests.runs import result_bytes
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.fixtures import StacApi


def test_landing_page_collections_and_searches_are_asked_for_at_once(
    lean_api: StacApi, tmp_path: Path
) -> None:
    """None waits for the answer of another, and none is asked for twice."""
    with fault_proxy(lean_api.url, latency=3.0) as proxy:
        proxy.everywhere = True
        scan("demo", catalog=proxy.url, out=tmp_path / "out")
    assert len(proxy.visits) == proxy.most_at_once == 1 + 3 + 2
    scan("demo", out=tmp_path / "archive")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "archive")


def test_searches_are_sent_again_if_the_landing_page_names_another_address(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guess is wrong then; its requests are counted."""
    scan("demo", out=tmp_path / "archive")
    for number, guess in enumerate(
        [Endpoint(f"{lean_api.url}/nowhere", lean=True), Endpoint(f"{lean_api.url}/search", False)]
    ):
        monkeypatch.setattr(stac_api, "guess_endpoint", lambda _, guess=guess: guess)
        out = tmp_path / str(number)
        result = scan("demo", catalog=lean_api.url, out=out)
        assert result.counts["requests"] > 2
        assert result_bytes(out) == result_bytes(tmp_path / "archive")


ANSWERS = [Answer(items=ITEMS.empty_table(), complete=True, n_requests=n) for n in range(4)]


@dataclass
class HeldSearches:
    """Searches whose answers arrive and are decoded when a test lets them.

    Attributes:
        begun: Number of each search that was sent, in this order.
        may_arrive: Set it to let the two pages of an answer arrive; others arrive at their end.
        may_end: Set it to let a search end.
    """

    begun: SimpleQueue[int] = field(default_factory=SimpleQueue)
    may_arrive: dict[int, Event] = field(default_factory=dict)
    may_end: list[Event] = field(default_factory=lambda: [Event() for _ in ANSWERS])

    def send(self, number: int, arrived: Callable[[], None]) -> Answer:
        """Answer a search once it may end."""
        self.begun.put(number)
        if number in self.may_arrive:
            assert self.may_arrive[number].wait(timeout=60)
            arrived()
            arrived()
        assert self.may_end[number].wait(timeout=60)
        return ANSWERS[number]

    def send_early(self, *, at_once: int) -> None:
        """Send all of them early."""
        searches = {number: partial(self.send, number) for number in range(len(ANSWERS))}
        early.send_early(searches, at_once=at_once)


def test_early_searches_follow_each_other_while_the_catalog_is_checked() -> None:
    """The next one is sent when one has ended. A search that is not sent yet gives None."""
    held = HeldSearches()
    held.send_early(at_once=2)
    assert {held.begun.get(timeout=60), held.begun.get(timeout=60)} == {0, 1}
    assert early.take_early(2) is None
    held.may_end[0].set()
    assert early.take_early(0) is ANSWERS[0]
    assert held.begun.get(timeout=60) == 3
    for event in held.may_end:
        event.set()
    assert [early.take_early(number) for number in (3, 1)] == [ANSWERS[3], ANSWERS[1]]
    assert early._SENT == {}


def test_the_next_early_search_is_sent_while_an_answer_is_decoded() -> None:
    """Only one search follows another, however many pages the answer has."""
    held = HeldSearches(may_arrive={0: Event()})
    held.send_early(at_once=1)
    assert held.begun.get(timeout=60) == 0
    held.may_arrive[0].set()
    assert held.begun.get(timeout=60) == 1
    held.may_end[0].set()
    assert early.take_early(0) is ANSWERS[0]
    with pytest.raises(Empty):
        held.begun.get(timeout=0.2)
    early.forget_early()
    held.may_end[1].set()


def test_an_answer_has_arrived_once_its_permit_is_free(
    lean_api: StacApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is decoded after that."""
    steps: list[str] = []
    limiter = LocalRateLimiter(RateLimits(max_in_flight=1), name="arrived")
    limits = Limits(page_items=3)
    catalog = StacApiCatalog(lean_api.url, limits=limits, rate_limiter=limiter)

    def arrive() -> None:
        with limiter.acquire():
            steps.append("arrived")

    def decode(*args: object) -> object:
        steps.append("decoded")
        return original(*args)  # type: ignore[arg-type]

    original = transport._decode
    monkeypatch.setattr(transport, "_decode", decode)
    _, send = catalog.draw_early(SEARCH)
    answer = send(arrive)
    assert answer.n_pages > 1
    assert steps == ["arrived", "decoded"] * answer.n_pages


def test_searches_that_are_not_sent_yet_are_dropped_with_the_run() -> None:
    """A thread that is free after it sends nothing more."""
    held = HeldSearches()
    held.send_early(at_once=1)
    assert held.begun.get(timeout=60) == 0
    (sender,) = [each for each in enumerate_threads() if each.name == "floodscan-early"]
    early.forget_early()
    held.may_end[0].set()
    sender.join(timeout=60)
    assert not sender.is_alive()
    assert held.begun.empty()


def test_a_landing_page_does_not_wait_for_pages_that_are_decoded(lean_api: StacApi) -> None:
    """The check ends although the thread that computes is busy."""
    may_end = Event()
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(compute, may_end.wait, timeout=60)
        check = pool.submit(StacApiCatalog(lean_api.url).describe, Recipe().collections)
        try:
            assert check.result(timeout=30) == lean_api.landing_id
        finally:
            may_end.set()
        assert busy.result()


def test_only_searches_that_are_not_sent_yet_get_the_price_that_was_measured(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches of early searches keep their plan, so that no search is sent twice."""
    write_events(tmp_path / "events.csv", read_floods()[-100:])
    events, out = tmp_path / "events.csv", tmp_path / "out"
    batches = [*cut_batches(read_list(events, Recipe()), run_id="")]
    cheap = Recipe(searches=SearchPrices(request_items=LEAST_ITEMS))
    dear_plans, cheap_plans = (
        [plan_batch(batch, recipe, find_api=lambda _: "api") for batch in batches]
        for recipe in (Recipe(), cheap)
    )
    monkeypatch.setattr("floodscan.scanning.find_request_seconds", lambda _: 0.0)
    with fault_proxy(lean_api.url) as proxy:
        scan(events, catalog=proxy.url, access=Access(max_in_flight=6), out=out)
        sent = [visit.body for visit in proxy.visits]
    assert orjson.loads((out / "run.json").read_bytes())["request_items"] == LEAST_ITEMS
    assert len(set(sent)) == len(sent)
    assert dear_plans[0].searches != cheap_plans[0].searches
    plans = [dear_plans[0], *cheap_plans[1:]]
    assert len(sent) == sum(len(plan.searches) for plan in plans)
    monkeypatch.setattr("floodscan.scanning.find_request_seconds", lambda _: 60.0)
    scan(events, catalog=lean_api.url, out=tmp_path / "dear")
    assert result_bytes(out) == result_bytes(tmp_path / "dear")


def test_no_answer_is_kept_for_the_next_run(lean_api: StacApi, tmp_path: Path) -> None:
    """Neither after a run that took them, nor after one that never began."""
    scan(make_events(3), catalog=lean_api.url, recipe=APART, out=tmp_path / "out")
    assert early._SENT == {}
    unknown = {**Recipe().sensors}
    unknown |= {sensor: SensorRecipe(collection="unknown", assets=()) for sensor in [*unknown][:1]}
    with pytest.raises(CatalogError, match="unknown"):
        scan("demo", catalog=lean_api.url, recipe=Recipe(sensors=unknown), out=tmp_path / "other")
    assert early._SENT == {}
    scan("demo", out=tmp_path / "archive")
    assert early._SENT == {}
