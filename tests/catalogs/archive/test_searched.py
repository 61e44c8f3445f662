"""What an own archive was built for: several searches may cover another one together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from floodscan.catalogs.archive.searched import SearchedItems
from floodscan.model import Search, TimeWindow

EPOCH = datetime(2021, 7, 1, tzinfo=UTC)


def make_search(*bbox: float, days: tuple[float, float] | None = (0, 10)) -> Search:
    """Make a search of a box and some days."""
    window = days and TimeWindow(*(EPOCH + timedelta(days=day) for day in days))
    return Search("c", (bbox[0], bbox[1], bbox[2], bbox[3]), window or None, ())


WEST_HALF, EAST_HALF = make_search(0, 0, 5, 5), make_search(5, 0, 9, 5)
LATER = make_search(0, 0, 9, 5, days=(10, 31))
ALWAYS = make_search(0, 0, 9, 5, days=None)
ACROSS = make_search(170, 0, -170, 5)


@pytest.mark.parametrize(
    ("searches", "search", "covered"),
    [
        ([WEST_HALF], make_search(1, 1, 4, 4), True),
        ([WEST_HALF], WEST_HALF, True),
        ([WEST_HALF], make_search(1, 1, 6, 4), False),
        ([WEST_HALF, EAST_HALF], make_search(1, 1, 6, 4), True),
        ([WEST_HALF, LATER], make_search(1, 1, 4, 4, days=(5, 20)), True),
        ([WEST_HALF, LATER], make_search(1, 1, 6, 4, days=(5, 20)), False),
        ([WEST_HALF, EAST_HALF, LATER], make_search(1, 1, 6, 4, days=(5, 20)), True),
        ([WEST_HALF, LATER], make_search(1, 1, 4, 4, days=(20, 40)), False),
        ([WEST_HALF], make_search(1, 1, 4, 4, days=(10, 10)), True),
        ([LATER], make_search(1, 1, 4, 4, days=(9.9, 9.9)), False),
        ([WEST_HALF], make_search(1, 1, 4, 4, days=None), False),
        ([ALWAYS], make_search(1, 1, 4, 4, days=None), True),
        ([ALWAYS], make_search(1, 1, 4, 4, days=(-4000, 4000)), True),
        ([ACROSS], make_search(175, 1, -175, 2), True),
        ([ACROSS], make_search(175, 1, 179, 2), True),
        ([ACROSS], make_search(-175, 1, 175, 2), False),
        ([], WEST_HALF, False),
    ],
)
def test_searches_cover_a_search(searches: list[Search], search: Search, covered: bool) -> None:  # noqa: FBT001 - a case
    """In space and time; their record says the same when it is read again."""
    record = SearchedItems.of("c", searches)
    assert record.covers(search) == covered
    read = SearchedItems.parse(record.to_json())
    assert read.searches == record.searches
    assert read.covers(search) == covered


@pytest.mark.parametrize("seed", range(4))
def test_a_search_is_covered_if_each_of_its_points_is(seed: int) -> None:
    """Whole degrees and days, so that every cell is inside or outside of a search."""
    random = np.random.default_rng(seed)
    lows = random.integers(0, 6, (40, 3))
    highs = lows + random.integers(1, 5, (40, 3))
    edges = zip(lows.tolist(), highs.tolist(), strict=True)
    boxes = [(x, y, u, v, d, e) for (x, y, d), (u, v, e) in edges]
    searches = [make_search(*box[:4], days=box[4:]) for box in boxes]
    known, asked = boxes[:25], boxes[25:]
    record = SearchedItems.of("c", searches[:25])
    assert len(record.searches) < 25
    held = np.zeros((12, 12, 12), dtype=bool)
    for x, y, u, v, d, e in known:
        held[x:u, y:v, d:e] = True
    found = [record.covers(search) for search in searches[25:]]
    assert found == [bool(held[x:u, y:v, d:e].all()) for x, y, u, v, d, e in asked]
    assert len(set(found)) == 2


@pytest.mark.parametrize("text", [b"", b"[]", b'{"collection": "c", "searches": [[1]]}'])
def test_a_record_that_cannot_be_read_is_an_error(text: bytes) -> None:
    """It names the key."""
    with pytest.raises(ValueError, match="floodscan:searched"):
        SearchedItems.parse(text)
