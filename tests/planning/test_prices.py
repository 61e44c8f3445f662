"""The price of a request, by the time in which a catalog answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from floodscan import Access, scan
from floodscan.catalogs.stac_api import REQUEST_SECONDS
from floodscan.model import SearchPrices
from floodscan.planning.prices import LEAST_ITEMS, fit_prices
from tests.runs import result_bytes
from tests.sweeps import make_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


@pytest.mark.parametrize(
    ("seconds", "in_flight", "items"),
    [
        (None, 32, 1000.0),  # nothing was measured
        (1.7, 32, 1000.0),
        (0.5, 32, 500.0),
        (0.2, 64, LEAST_ITEMS),
        (0.0, 32, LEAST_ITEMS),
        (1.7, None, LEAST_ITEMS),  # all requests at once: none waits for another
    ],
)
def test_the_price_follows_the_time_of_a_request(
    seconds: float | None, in_flight: int | None, items: float
) -> None:
    """Its share of the time, while others are in flight, in items."""
    fitted = fit_prices(SearchPrices(), request_seconds=seconds, in_flight=in_flight)
    assert fitted.request_items == items


@pytest.mark.parametrize("own", [0.0, 10.0, 300.0])
def test_the_price_is_never_above_that_of_the_recipe(own: float) -> None:
    """A person may want fewer extra items, or no merged search."""
    prices = SearchPrices(request_items=own)
    assert fit_prices(prices, request_seconds=9.0, in_flight=1) == prices


def test_a_run_that_continues_keeps_its_price(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price is recorded. With another one the same run has the same results."""
    monkeypatch.setattr("floodscan.scanning.FEW_EVENTS", 0)
    events, prices = make_events(2), []
    for out, seconds in (("slow", 60.0), ("fast", 0.0)):
        monkeypatch.setattr(
            "floodscan.scanning.find_request_seconds", lambda _, seconds=seconds: seconds
        )
        scan(events, catalog=lean_api.url, out=tmp_path / out)
        prices.append(orjson.loads((tmp_path / out / "run.json").read_bytes())["request_items"])
    assert prices == [1000.0, LEAST_ITEMS]
    assert result_bytes(tmp_path / "slow") == result_bytes(tmp_path / "fast")
    scan(events, catalog=lean_api.url, out=tmp_path / "slow")
    again = orjson.loads((tmp_path / "slow" / "run.json").read_bytes())
    assert again["request_items"] == 1000.0


def test_a_cached_description_has_the_time_that_was_measured(
    lean_api: StacApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a second run sends the same merged searches, and finds all answers in the cache."""
    monkeypatch.setattr("floodscan.scanning.FEW_EVENTS", 0)
    access, events = Access(cache=tmp_path / "cache"), make_events(2)
    scan(events, catalog=lean_api.url, access=access, out=tmp_path / "first")
    measured = REQUEST_SECONDS.pop(lean_api.url)
    result = scan(events, catalog=lean_api.url, access=access, out=tmp_path / "again")
    assert REQUEST_SECONDS[lean_api.url] == measured > 0
    assert result.counts["requests"] == 0
