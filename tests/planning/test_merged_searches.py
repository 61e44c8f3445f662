"""Merged searches give the same candidates and manifests as one search per slot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely

import floodscan
from floodscan.model import Recipe
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches
from tests.runs import result_bytes
from tests.sweeps import APART, make_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import StacApi


def test_the_demo_needs_two_searches_instead_of_nine(tmp_path: Path, pgstac_api: StacApi) -> None:
    """One for both satellites and one for the DEM, with the same result as one per slot.

    One of the nine searches finds 50 items, which may be a limit of the server: its halves are
    searched too.
    """
    counts = []
    for name, recipe in (("apart", APART), ("together", Recipe())):
        before = pgstac_api.searches()
        floodscan.scan("demo", catalog=pgstac_api.url, recipe=recipe, out=tmp_path / name)
        counts.append(pgstac_api.searches() - before)
    assert counts == [9 + 2, 2]
    assert result_bytes(tmp_path / "together") == result_bytes(tmp_path / "apart")


@pytest.mark.parametrize("tile_size_m", [None, 15_000.0])
def test_neighbouring_events_share_searches_with_the_same_result(
    tile_size_m: float | None, tmp_path: Path, lean_api: StacApi
) -> None:
    """Each event gets the result that it gets without sharing."""
    events = make_events(20)
    before = lean_api.searches()
    for name, recipe in (("apart", APART), ("together", Recipe())):
        recipe = replace(recipe, tile_size_m=tile_size_m)  # noqa: PLW2901
        floodscan.scan(events, catalog=lean_api.url, recipe=recipe, out=tmp_path / name)
    assert lean_api.searches() - before < 20 * 9 + 20
    assert result_bytes(tmp_path / "together") == result_bytes(tmp_path / "apart")


def test_requests_of_a_shared_search_are_counted_once(tmp_path: Path, lean_api: StacApi) -> None:
    """The requests of all events add up to the number that the server counts."""
    before = lean_api.searches()
    result = floodscan.scan(make_events(12), catalog=lean_api.url, out=tmp_path)
    assert (
        sum(outcome.n_requests for outcome in result.outcomes) == lean_api.searches() - before > 0
    )


def test_events_come_back_in_the_order_given(tmp_path: Path) -> None:
    """Batches are in order along a curve, but outcomes are in the order of the input."""
    events = make_events(20)
    result = floodscan.scan(events, catalog="demo", out=tmp_path)
    assert [outcome.event_id for outcome in result.outcomes] == [event.event_id for event in events]


def test_a_batch_holds_neighbours() -> None:
    """Events of two distant places, given alternately, are separated."""
    here = [replace(event, event_id=f"here-{n}") for n, event in enumerate(make_events(8))]
    there = [
        replace(
            event,
            event_id=f"there-{n}",
            aoi=shapely.box(100, -10, 101, -9),
            bbox=(100.0, -10.0, 101.0, -9.0),
        )
        for n, event in enumerate(make_events(8))
    ]
    mixed = [event for pair in zip(here, there, strict=True) for event in pair]
    (batch,) = cut_batches(list_events(mixed), run_id="run")
    kinds = [event.event_id.split("-")[0] for event in batch.events]
    assert kinds in ([*["here"] * 8, *["there"] * 8], [*["there"] * 8, *["here"] * 8])
