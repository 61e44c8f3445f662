"""Sweeps through a proxy that fails three of ten requests, in all ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import floodscan
from floodscan import Recipe
from floodscan.assessment.labels import Status
from floodscan.catalogs import Access, StacApiCatalog
from floodscan.clusters import open_client
from floodscan.model import TimeWindow
from floodscan.testing.servers.faults import RECOVERABLE_FAULTS
from floodscan.testing.servers.proxy import fault_proxy
from tests.catalogs.faulty import LIMITS
from tests.runs import result_bytes
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi

EVENTS = make_events(50)


def three_in_ten(n: int) -> str | None:
    """Fail three of ten requests, with each kind of fault in turn."""
    tens, place = divmod(n, 10)
    return (
        RECOVERABLE_FAULTS[(3 * tens + place // 3) % len(RECOVERABLE_FAULTS)]
        if place in {0, 3, 6}
        else None
    )


def test_faults_on_the_way_leave_no_trace(tmp_path: Path, pgstac_api: StacApi) -> None:
    """Candidates and manifests are those of a sweep without faults, and all searches complete."""
    limits = replace(LIMITS, page_items=12, search_tries=300, search_seconds=300.0)
    floodscan.scan(EVENTS, catalog=StacApiCatalog(pgstac_api.url, limits), out=tmp_path / "calm")
    with (
        open_client("local", n_workers=2) as client,
        fault_proxy(pgstac_api.url, script=three_in_ten) as proxy,
    ):
        result = floodscan.scan(
            EVENTS,
            catalog=StacApiCatalog(proxy.url, limits),
            client=client,
            out=tmp_path / "faulty",
        )
    assert len(proxy.faults) > 0.2 * len(proxy.visits) > 10
    assert set(proxy.faults) == set(RECOVERABLE_FAULTS)
    assert result_bytes(tmp_path / "faulty") == result_bytes(tmp_path / "calm")
    searches = pq.read_table(tmp_path / "faulty" / "searches.parquet")
    assert all(searches["complete"].to_pylist())
    assert (
        sum(searches["n_requests"].to_pylist())
        == len(proxy.visits)
        == sum(o.n_requests for o in result.outcomes)
    )
    assert sum(searches["n_retries"].to_pylist()) > 0


def test_no_search_is_recorded_complete_that_was_not(tmp_path: Path, lean_api: StacApi) -> None:
    """If requests fail for good, their slots are incomplete, and nothing is chosen for them."""
    few = replace(
        LIMITS,
        tries=1,
        tries_too_much=1,
        max_bisections=0,
        silence_seconds=2.0,
        request_seconds=2.0,
    )
    with fault_proxy(lean_api.url, script=three_in_ten) as proxy:
        result = floodscan.scan(
            EVENTS[:10],
            catalog=StacApiCatalog(proxy.url, few),
            recipe=APART,
            out=tmp_path / "faulty",
        )
    floodscan.scan(EVENTS[:10], catalog=lean_api.url, recipe=APART, out=tmp_path / "calm")
    searches = pq.read_table(tmp_path / "faulty" / "searches.parquet").to_pylist()
    calm = pq.read_table(tmp_path / "calm" / "searches.parquet").to_pylist()
    whole = {_question(row): row["n_items"] for row in calm}
    assert all(row["n_items"] == whole[_question(row)] for row in searches if row["complete"])
    assert {row["complete"] for row in searches} == {True, False}
    assert all(row["complete"] is (row["reason"] is None) for row in searches)
    for manifest in result.manifests.values():
        provenance = manifest.content["provenance"]["searches"]
        withheld = {(s["collection"], s["datetime"]) for s in provenance if not s["complete"]}
        chosen = {
            (choice["collection"], _window(choice, manifest.content["event"]["phase_dates"][phase]))
            for phase, sensors in manifest.content["selected"].items()
            for choice in sensors.values()
            if choice
        }
        assert not withheld & chosen


def _question(row: dict[str, object]) -> tuple[object, ...]:
    names = ("collections", "west", "south", "east", "north", "start", "end")
    return tuple(str(row[name]) for name in names)


def _window(choice: dict[str, str], day: str) -> str:
    days = {asked.collection: asked.window_days for asked in Recipe().sensors.values()}[
        choice["collection"]
    ]
    return str(TimeWindow.around(date.fromisoformat(day), days or 0))


def test_events_whose_searches_all_fail_are_failed_with_the_reason(
    tmp_path: Path, lean_api: StacApi
) -> None:
    """A catalog that refuses every search fails the events, not the run."""
    with fault_proxy(lean_api.url, script=lambda _: "400") as proxy:
        result = floodscan.scan(EVENTS[:3], catalog=proxy.url, access=Access(), out=tmp_path)
    assert {outcome.status for outcome in result.outcomes} == {Status.FAILED}
    assert all("HTTP status 400" in str(outcome.reason) for outcome in result.outcomes)
