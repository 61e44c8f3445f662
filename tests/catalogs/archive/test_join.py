"""The join finds the pairs that a comparison of each item with each search finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from floodscan.catalogs.archive.join import Searches, find_pairs
from floodscan.catalogs.archive.places import NO_TIME, Places
from floodscan.model import Search, TimeWindow

START = datetime(2021, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000


def make_places(random: np.random.Generator, n: int, *, width: float, height: float) -> Places:
    """Scatter boxes over the Earth, some of them across 180° or at a pole."""
    west = random.uniform(-180, 180, n)
    south = random.uniform(-90, 90 - height, n)
    east = west + random.uniform(0, width, n)
    boxes = np.column_stack([west, south, east, south + random.uniform(0, height, n)])
    boxes[boxes[:, 2] > 180, 2] -= 360
    boxes[random.random(n) < 0.02] = np.nan
    start = int(START.timestamp() * 1e6)
    times = start + random.integers(0, 60 * DAY, n)
    times[random.random(n) < 0.05] = NO_TIME
    return Places(boxes, times, None)


def make_searches(random: np.random.Generator, n: int, *, days: int) -> list[Search]:
    """Scatter searches over the Earth, some of them across 180° and some of any time."""
    searches = []
    for _ in range(n):
        west, south = random.uniform(-180, 180), random.uniform(-90, 85)
        east, north = west + random.exponential(4.0), min(south + random.exponential(3.0), 90.0)
        opens = START + timedelta(days=float(random.uniform(0, 60)))
        window = TimeWindow(opens, opens + timedelta(days=float(random.uniform(0, days))))
        box = (west, south, east - 360 if east > 180 else east, north)
        searches.append(Search("c", box, window if random.random() < 0.9 else None, ()))
    return searches


def longitudes(west: float, east: float) -> list[tuple[float, float]]:
    """Cut a span of longitudes at 180°."""
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def touches(box: np.ndarray, search: Search) -> bool:
    """Compare two boxes in the plainest way."""
    west, south, east, north = box.tolist()
    left, bottom, right, top = search.bbox
    return (south <= top and north >= bottom) and any(
        a <= d and b >= c for a, b in longitudes(west, east) for c, d in longitudes(left, right)
    )


def in_window(time: int, search: Search) -> bool:
    """Compare a time with a window."""
    if time == NO_TIME or search.window is None:
        return True
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    return search.window.start <= at <= search.window.end


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("width", "height", "days"), [(2, 1, 20), (30, 2, 20), (358, 3, 400), (5, 40, 5)]
)
def test_the_join_finds_what_a_comparison_of_each_pair_finds(
    seed: int, width: float, height: float, days: int
) -> None:
    """Across 180°, at the poles, with wide and tall boxes, and with windows of a year."""
    random = np.random.default_rng([seed, int(width)])
    places = make_places(random, 300, width=width, height=height)
    searches = make_searches(random, 200, days=days)
    owners = random.integers(0, 12, len(searches)).tolist()
    rows, answers = find_pairs(places, Searches.of(zip(searches, owners, strict=True)))
    wanted = {
        (answer, row)
        for search, answer in zip(searches, owners, strict=True)
        for row in range(300)
        if not np.isnan(places.boxes[row]).any()
        and touches(places.boxes[row], search)
        and in_window(int(places.times[row]), search)
    }
    pairs = list(zip(answers.tolist(), rows.tolist(), strict=True))
    assert pairs == sorted(wanted)
    assert pairs


def test_boxes_that_only_touch_are_a_pair() -> None:
    """Edges count, as in the searches of an API; instants too."""
    places = Places(np.array([[1.0, 1.0, 2.0, 2.0]] * 2), np.array([0, DAY]), None)
    window = TimeWindow(datetime(1970, 1, 2, tzinfo=UTC), datetime(1970, 1, 3, tzinfo=UTC))
    touching = Search("c", (2.0, 2.0, 3.0, 3.0), window, ())
    rows, answers = find_pairs(places, Searches.of([(touching, 7)]))
    assert (rows.tolist(), answers.tolist()) == ([1], [7])


def test_rows_of_other_collections_are_left_out() -> None:
    """A row group may hold several collections."""
    places = Places(np.array([[1.0, 1.0, 2.0, 2.0]] * 3), np.full(3, NO_TIME), None)
    searches = Searches.of([(Search("c", (0.0, 0.0, 3.0, 3.0), None, ()), 0)])
    rows, _ = find_pairs(places, searches, np.array([True, False, True]))
    assert rows.tolist() == [0, 2]


def test_nothing_is_found_in_nothing() -> None:
    """Neither without items nor without searches."""
    none = Places(np.empty((0, 4)), np.empty(0, dtype=np.int64), None)
    search = Search("c", (0.0, 0.0, 3.0, 3.0), None, ())
    assert [len(found) for found in find_pairs(none, Searches.of([(search, 0)]))] == [0, 0]
    some = Places(np.array([[1.0, 1.0, 2.0, 2.0]]), np.array([0]), None)
    assert [len(found) for found in find_pairs(some, Searches.of([]))] == [0, 0]
