"""Searches: fewest for many questions, nothing lost between halves, all of it without asking anything."""

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
from floodscan.planning.coalescing import coalesce

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def contains(outer: Search, inner: Search) -> bool:
    """Tell whether all that one search finds another finds too."""
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
    """Make the search that two become where requests are dear; None if they stay two."""
    made = set(coalesce([first, second], sensor=Sensor.S2L2A, prices=MERGE_ALL).values())
    return made.pop() if len(made) == 1 else None


def expect_items(search: Search) -> float:
    """Estimate the items that a search of Sentinel-2 finds: footprints that touch box and window."""
    assert search.window
    west, south, east, north = search.bbox
    reach, per_day = (
        prices[Sensor.S2L2A] for prices in (PRICES.footprint_degrees, PRICES.items_per_day)
    )
    days = (search.window.end - search.window.start) / DAY
    return ((east - west) / reach + 1) * ((north - south) / reach + 1) * days * per_day


def cost(asked: Iterable[Search]) -> float:
    """Count what some searches cost by the prices, in items."""
    items = list(map(expect_items, asked))
    return sum(items) + PRICES.request_items * sum(
        max(-(-n // PRICES.page_items), 1) for n in items
    )


@given(st.lists(searches, min_size=1, max_size=12))
def test_every_question_is_inside_its_search(questions: list[Search]) -> None:
    """Whatever is joined, the search that is made asks for all of each question, and none is forgotten."""
    merged_searches = coalesce(questions, sensor=Sensor.S2L2A, prices=PRICES)
    assert merged_searches.keys() == set(questions)
    assert all(contains(carrier, question) for question, carrier in merged_searches.items())


@given(st.lists(searches, min_size=1, max_size=12))
def test_joining_never_costs_more(questions: list[Search]) -> None:
    """By the prices it goes by, what is made costs no more than what was asked."""
    made = set(coalesce(questions, sensor=Sensor.S2L2A, prices=PRICES).values())
    assert cost(made) <= cost(set(questions)) * (1 + 1e-9)


@given(st.lists(searches, min_size=2, max_size=10), st.randoms(use_true_random=False))
def test_order_of_the_questions_makes_no_difference(questions: list[Search], rng: Random) -> None:
    """The same questions, shuffled and each twice, are fed by the same searches."""
    again = [*questions, *questions]
    rng.shuffle(again)
    once = coalesce(questions, sensor=Sensor.S1RTC, prices=PRICES)
    assert coalesce(again, sensor=Sensor.S1RTC, prices=PRICES) == once


@given(st.lists(searches, min_size=1, max_size=12))
def test_no_two_searches_are_left_that_were_worth_joining(questions: list[Search]) -> None:
    """Of what is made no pair would cost less as one."""
    made = sorted(set(coalesce(questions, sensor=Sensor.S2L2A, prices=PRICES).values()), key=str)
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
def test_as_few_searches_as_joining_one_pair_at_a_time(questions: list[Search]) -> None:
    """Joining many pairs in a round makes no more searches of neighbours than the best pair alone, again and again."""
    made = set(coalesce(questions, sensor=Sensor.S2L2A, prices=PRICES).values())
    left = list(dict.fromkeys(questions))
    while pairs := [
        (cost(pair) - cost([joined]), pair, joined)
        for pair in combinations(left, 2)
        if cost(pair) > cost([joined := cover(*pair)])
    ]:
        _, pair, joined = max(pairs, key=lambda each: each[0])
        left = [*(each for each in left if each not in pair), joined]
    assert len(made) <= len(set(left))


def test_windows_of_one_place_share_a_search() -> None:
    """Four phases of an event are one search, the gap of some days between two of them included."""
    phases = [search(5.7, 49.4, 0.8, day, 9) for day in (0, 26, 30, 33)]
    (carrier,) = set(coalesce(phases, sensor=Sensor.S1RTC, prices=PRICES).values())
    assert carrier == search(5.7, 49.4, 0.8, 0, 42)


def test_far_places_and_far_times_stay_apart() -> None:
    """What would bring thousands of items that nobody asked for is not joined."""
    near = search(5.7, 49.4, 0.8, 0, 21)
    elsewhere, later = search(95.7, -19.4, 0.8, 0, 21), search(5.7, 49.4, 0.8, 3000, 21)
    merged_searches = coalesce([near, elsewhere, later], sensor=Sensor.S2L2A, prices=PRICES)
    assert merged_searches == {each: each for each in (near, elsewhere, later)}


def test_a_join_that_would_not_fit_on_a_page_saves_nothing() -> None:
    """Two full pages' worth stay two searches."""
    big = [search(0, 0, 9, 0, 30), search(14, 0, 9, 0, 30)]
    assert coalesce(big, sensor=Sensor.S2L2A, prices=PRICES) == {each: each for each in big}


def test_collections_and_timeless_searches_are_not_mixed() -> None:
    """A search of all time joins only its like, of its own collection."""
    dated = search(5, 49, 1, 0, 9)
    timeless, foreign = replace(dated, window=None), replace(dated, collection="d")
    assert merge(dated, timeless) is None
    assert merge(dated, foreign) is None
    assert merge(timeless, replace(timeless, assets=("b",))) == replace(timeless, assets=("a", "b"))


def test_boxes_across_the_antimeridian_join_only_in_time() -> None:
    """The box that holds such a box and another is not worth guessing at."""
    across = replace(search(179, 0, 1, 0, 9), bbox=(179.5, 0, -179.5, 1))
    assert merge(across, search(178, 0, 1, 0, 9)) is None
    later = replace(search(179, 0, 1, 9, 9), bbox=across.bbox)
    assert merge(across, later) == replace(
        across, window=TimeWindow(START, START + timedelta(days=18))
    )


@given(searches)
def test_halves_meet_and_end_at_the_floor(whole: Search) -> None:
    """Halves share where they meet, cover the whole, and can't be cut for ever."""
    depth, part = 0, whole
    while halves := halve(part):
        first, second = halves
        assert cover(first, second) == part
        assert may_share_items(first, second)
        part, depth = second if depth % 2 else first, depth + 1
    assert part.window
    assert part.window.end - part.window.start <= FLOOR_WINDOW
    assert max(part.bbox[2] - part.bbox[0], part.bbox[3] - part.bbox[1]) <= FLOOR_DEGREES
    assert depth < 40


def test_time_is_cut_before_space_and_what_has_no_time_in_space() -> None:
    """A dated search is cut into spans; the DEM, which has no date, into boxes."""
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
    """Servers read such a box the long way round; no side has a width of zero."""
    whole = replace(search(0, 0, 1, 0, 1), bbox=bbox)
    assert [side.bbox for side in split_at_antimeridian(whole)] == boxes


def test_parts_touch_by_place_and_time() -> None:
    """A gap elsewhere or at another time makes no question incomplete."""
    here = search(0, 0, 1, 0, 10)
    assert may_share_items(here, search(1, 1, 1, 10, 1))
    assert not may_share_items(here, search(1.1, 0, 1, 0, 10))
    assert not may_share_items(here, search(0, 0, 1, 10.1, 1))
    assert may_share_items(replace(here, window=None), search(0, 0, 1, 99, 1))
    across = replace(here, bbox=(179.5, 0, -179.5, 1))
    assert may_share_items(across, search(-180, 0, 1, 0, 1))
    assert not may_share_items(across, here)
