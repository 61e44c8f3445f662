"""Searches: merged where that saves requests, and cut into halves without a gap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodscan.catalogs.bisection import (
    FLOOR_DEGREES,
    FLOOR_WINDOW,
    halve,
    may_share_items,
    split_at_antimeridian,
)
from floodscan.model import Search, SearchPrices, Sensor, TimeWindow
from floodscan.planning.coalescing import coalesce_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from random import Random

START = datetime(2021, 6, 1, tzinfo=UTC)
PRICES = SearchPrices()
MERGE_ALL = SearchPrices(request_items=1e12, page_items=10**12)
DAY = timedelta(days=1)


def search(west: float, south: float, size: float, day: float, days: float) -> Search:
    """Make a search of a square and a span of days."""
    start = START + timedelta(days=day)
    window = TimeWindow(start, start + timedelta(days=days))
    return Search("c", (west, south, west + size, south + size), window, ("a",))


searches = st.builds(
    search,
    st.floats(-170, 160),
    st.floats(-80, 70),
    st.floats(0.1, 9),
    st.integers(0, 400),
    st.integers(1, 30),
)


def coalesce(
    slot_searches: Mapping[Sensor, Iterable[Search]],
    *,
    prices: SearchPrices,
    find_api: Callable[[Search], str | None] = lambda _: None,
) -> dict[Search, Search]:
    """Merge the searches of one batch."""
    (merged_searches,) = coalesce_each([slot_searches], prices=prices, find_api=find_api)
    return merged_searches


def contains(outer: Search, inner: Search) -> bool:
    """Return whether a search finds everything that another one finds."""
    if (
        outer.window
        and inner.window
        and (outer.window.start > inner.window.start or outer.window.end < inner.window.end)
    ):
        return False
    a, b = outer.bbox, inner.bbox
    return (
        a[0] <= b[0]
        and a[1] <= b[1]
        and a[2] >= b[2]
        and a[3] >= b[3]
        and set(outer.assets) >= set(inner.assets)
    )


def cover(first: Search, second: Search) -> Search:
    """Make the smallest search that covers two, neither of which crosses the antimeridian."""
    assert first.window
    assert second.window
    window = TimeWindow(
        min(first.window.start, second.window.start), max(first.window.end, second.window.end)
    )
    a, b = first.bbox, second.bbox
    bbox = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    return replace(first, bbox=bbox, window=window)


def merge(first: Search, second: Search) -> Search | None:
    """Merge two searches at a high price of requests; None if they are not merged."""
    made = set(coalesce({Sensor.S2L2A: [first, second]}, prices=MERGE_ALL).values())
    return made.pop() if len(made) == 1 else None


def expect_items(search: Search) -> float:
    """Estimate the Sentinel-2 items that a search finds: footprints that touch its box."""
    assert search.window
    west, south, east, north = search.bbox
    reach, per_day = (
        prices[Sensor.S2L2A] for prices in (PRICES.footprint_degrees, PRICES.items_per_day)
    )
    days = (search.window.end - search.window.start) / DAY
    return ((east - west) / reach + 1) * ((north - south) / reach + 1) * days * per_day


def cost(asked: Iterable[Search]) -> float:
    """Compute the cost of some searches, in items."""
    items = list(map(expect_items, asked))
    return sum(items) + PRICES.request_items * sum(
        max(-(-n // PRICES.page_items), 1) for n in items
    )


@given(st.lists(searches, min_size=1, max_size=12))
def test_every_slot_search_is_inside_its_merged_search(slot_searches: list[Search]) -> None:
    """The merged search finds everything that each of its slot searches finds."""
    merged_searches = coalesce({Sensor.S2L2A: slot_searches}, prices=PRICES)
    assert merged_searches.keys() == set(slot_searches)
    assert all(contains(merged, slot_search) for slot_search, merged in merged_searches.items())


@given(st.lists(searches, min_size=1, max_size=12))
def test_merging_never_costs_more(slot_searches: list[Search]) -> None:
    """The merged searches cost at most as much as the slot searches."""
    made = set(coalesce({Sensor.S2L2A: slot_searches}, prices=PRICES).values())
    assert cost(made) <= cost(set(slot_searches)) * (1 + 1e-9)


@given(st.lists(searches, min_size=2, max_size=10), st.randoms(use_true_random=False))
def test_order_of_the_slot_searches_makes_no_difference(
    slot_searches: list[Search], rng: Random
) -> None:
    """The same slot searches, shuffled and each twice, get the same merged searches."""
    again = [*slot_searches, *slot_searches]
    rng.shuffle(again)
    once = coalesce({Sensor.S1RTC: slot_searches}, prices=PRICES)
    assert coalesce({Sensor.S1RTC: again}, prices=PRICES) == once


@given(st.lists(searches, min_size=1, max_size=12))
def test_no_two_searches_are_left_that_are_worth_merging(slot_searches: list[Search]) -> None:
    """No pair of merged searches would cost less as one search."""
    made = sorted(set(coalesce({Sensor.S2L2A: slot_searches}, prices=PRICES).values()), key=str)
    for pair in combinations(made, 2):
        assert cost([cover(*pair)]) >= cost(pair) * (1 - 1e-9)


@given(
    st.lists(
        st.builds(
            search,
            st.integers(0, 12),
            st.integers(0, 9),
            st.just(1),
            st.integers(0, 300),
            st.just(20),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_as_few_searches_as_merging_one_pair_at_a_time(slot_searches: list[Search]) -> None:
    """Many pairs per round leave no more searches than the single best pair per round."""
    made = set(coalesce({Sensor.S2L2A: slot_searches}, prices=PRICES).values())
    left = list(dict.fromkeys(slot_searches))
    while pairs := [
        (cost(pair) - cost([joined]), pair, joined)
        for pair in combinations(left, 2)
        if cost(pair) > cost([joined := cover(*pair)])
    ]:
        _, pair, joined = max(pairs, key=lambda each: each[0])
        left = [*(each for each in left if each not in pair), joined]
    assert len(made) <= len(set(left))


def test_windows_of_one_place_share_a_search() -> None:
    """Four phases of an event are one search, with the days between two of them."""
    phases = [search(5.7, 49.4, 0.8, day, 9) for day in (0, 26, 30, 33)]
    (merged,) = set(coalesce({Sensor.S1RTC: phases}, prices=PRICES).values())
    assert merged == search(5.7, 49.4, 0.8, 0, 42)


def test_far_places_and_far_times_stay_apart() -> None:
    """A merge that would find thousands of extra items is not made."""
    near = search(5.7, 49.4, 0.8, 0, 21)
    elsewhere, later = search(95.7, -19.4, 0.8, 0, 21), search(5.7, 49.4, 0.8, 3000, 21)
    merged_searches = coalesce({Sensor.S2L2A: [near, elsewhere, later]}, prices=PRICES)
    assert merged_searches == {each: each for each in (near, elsewhere, later)}


def test_a_merge_that_does_not_fit_on_a_page_saves_nothing() -> None:
    """Two searches that fill two pages stay two searches."""
    big = [search(0, 0, 9, 0, 22), search(14, 0, 9, 0, 22)]
    assert coalesce({Sensor.S2L2A: big}, prices=PRICES) == {each: each for each in big}


def test_collections_and_timeless_searches_are_not_mixed() -> None:
    """A search of all time is merged only with another one, of the same collection."""
    dated = search(5, 49, 1, 0, 9)
    timeless, foreign = replace(dated, window=None), replace(dated, collection="d")
    assert merge(dated, timeless) is None
    assert merge(dated, foreign) is None
    assert merge(timeless, replace(timeless, assets=("b",))) == replace(timeless, assets=("a", "b"))


def test_one_api_is_searched_for_several_collections_at_once() -> None:
    """Each collection keeps its assets; two APIs, and searches of all time, stay apart."""
    radar, optical = search(5, 49, 1, 4, 9), replace(search(5, 49, 1, 0, 21), collection="d")
    optical = replace(optical, assets=("b", "c"))
    asked = {Sensor.S1RTC: [radar], Sensor.S2L2A: [optical]}
    apis = {"c": "one", "d": "one"}
    (merged,) = set(coalesce(asked, prices=PRICES, find_api=lambda s: apis[s.collection]).values())
    assert merged.wanted == {"c": ("a",), "d": ("b", "c")}
    assert (merged.bbox, merged.window) == (optical.bbox, optical.window)
    assert {part.collection: part.assets for part in halve(merged) or ()} == merged.wanted
    apart = {each: each for each in (radar, optical)}
    apis["d"] = "other"
    assert coalesce(asked, prices=PRICES, find_api=lambda s: apis[s.collection]) == apart
    timeless = {sensor: [replace(s, window=None) for s in found] for sensor, found in asked.items()}
    unmerged = coalesce(timeless, prices=PRICES, find_api=lambda _: "one")
    assert all(slot_search == sent for slot_search, sent in unmerged.items())


def test_boxes_across_the_antimeridian_are_merged_only_in_time() -> None:
    """Their boxes must be equal."""
    across = replace(search(179, 0, 1, 0, 9), bbox=(179.5, 0, -179.5, 1))
    assert merge(across, search(178, 0, 1, 0, 9)) is None
    later = replace(search(179, 0, 1, 9, 9), bbox=across.bbox)
    assert merge(across, later) == replace(
        across, window=TimeWindow(START, START + timedelta(days=18))
    )


@given(searches)
def test_halves_meet_and_end_at_the_floor(whole: Search) -> None:
    """Halves share the line where they meet, cover the whole, and have a minimum size."""
    depth, part = 0, whole
    while halves := halve(part):
        assert len(halves) == 2
        first, second = halves
        assert cover(first, second) == part
        assert may_share_items(first, second)
        part, depth = second if depth % 2 else first, depth + 1
    assert part.window
    assert part.window.end - part.window.start <= FLOOR_WINDOW
    assert max(part.bbox[2] - part.bbox[0], part.bbox[3] - part.bbox[1]) <= FLOOR_DEGREES
    assert depth < 40


def test_time_is_cut_before_space_and_what_has_no_time_in_space() -> None:
    """A dated search is cut into spans; a search of the DEM, which has no date, into boxes."""
    dated = search(0, 0, 2, 0, 10)
    timeless = replace(dated, window=None)
    assert [half.bbox for half in halve(dated) or ()] == [dated.bbox] * 2
    assert [half.bbox for half in halve(timeless) or ()] == [(0, 0, 1, 2), (1, 0, 2, 2)]


@pytest.mark.parametrize(
    ("bbox", "boxes"),
    [
        ((1.0, 2.0, 3.0, 4.0), [(1.0, 2.0, 3.0, 4.0)]),
        ((179.0, 2.0, -179.0, 4.0), [(179.0, 2.0, 180.0, 4.0), (-180.0, 2.0, -179.0, 4.0)]),
        ((180.0, 2.0, -179.0, 4.0), [(-180.0, 2.0, -179.0, 4.0)]),
    ],
)
def test_a_search_across_the_antimeridian_has_two_sides(
    bbox: tuple[float, float, float, float], boxes: list[tuple[float, float, float, float]]
) -> None:
    """Servers read such a box the wrong way round; no side has a width of zero."""
    whole = replace(search(0, 0, 1, 0, 1), bbox=bbox)
    assert [side.bbox for side in split_at_antimeridian(whole)] == boxes


def test_parts_touch_by_place_and_time() -> None:
    """A missing part of another place or time leaves a slot search complete."""
    here = search(0, 0, 1, 0, 10)
    assert may_share_items(here, search(1, 1, 1, 10, 1))
    assert not may_share_items(here, search(1.1, 0, 1, 0, 10))
    assert not may_share_items(here, search(0, 0, 1, 10.1, 1))
    assert may_share_items(replace(here, window=None), search(0, 0, 1, 99, 1))
    across = replace(here, bbox=(179.5, 0, -179.5, 1))
    assert may_share_items(across, search(-180, 0, 1, 0, 1))
    assert not may_share_items(across, here)
