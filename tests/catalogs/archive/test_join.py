"""The join finds the pairs that a comparison of each item with each search finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from floodscan.catalogs.archive import ArchiveCatalog, reading
from floodscan.catalogs.archive.join import Searches, find_pairs, pair_with_answers
from floodscan.catalogs.archive.places import NO_TIME, Places
from floodscan.model import Search, TimeWindow
from tests.catalogs.archive.layouts import ASSETS, OPTICAL, demo_table, replaced

if TYPE_CHECKING:
    from pathlib import Path

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


def pair(places: Places, searches: Searches) -> tuple[np.ndarray, np.ndarray]:
    """Find the items that each answer gets."""
    rows, found = find_pairs(places, searches)
    assert rows.tolist() == sorted(rows.tolist())
    return pair_with_answers(rows, searches.owners[found], len(places.boxes))


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
    rows, answers = pair(places, Searches.of(zip(searches, owners, strict=True)))
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
    rows, answers = pair(places, Searches.of([(touching, 7)]))
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


def corner_of_a_triangle(path: Path, *, empty: bool) -> Search:
    """Write items with a triangle in their bbox, and search the corner of the bbox without it."""
    table = demo_table().slice(0, 40)
    outline = shapely.Polygon() if empty else shapely.Polygon([(6, 49), (7, 49), (6, 50)])
    box = {"xmin": 6.0, "ymin": 49.0, "xmax": 7.0, "ymax": 50.0}
    boxes = pa.array([box] * len(table), table.schema.field("bbox").type)
    outlines = pa.array([shapely.to_wkb(outline)] * len(table), pa.binary())
    table = replaced(replaced(table, "bbox", boxes), "geometry", outlines)
    pq.write_table(table, path, row_group_size=10)
    return Search(OPTICAL, (6.8, 49.8, 6.9, 49.9), None, ASSETS[OPTICAL])


def test_an_item_whose_bbox_alone_touches_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No search finds it, and its hrefs stay on the disk; any other search finds it."""
    search = corner_of_a_triangle(tmp_path / "items.parquet", empty=False)
    archive = ArchiveCatalog.at(str(tmp_path))
    assert len(archive.search(replace(search, bbox=(6.1, 49.1, 6.2, 49.2))).items) == 40
    monkeypatch.delattr(reading, "decode_rows")
    answer = archive.search(search)
    assert len(answer.items) == 0
    assert answer.missing_parts == ()


def test_an_item_without_a_footprint_is_found_by_its_bbox(tmp_path: Path) -> None:
    """As in the scoring, which then says why it can't be chosen."""
    search = corner_of_a_triangle(tmp_path / "items.parquet", empty=True)
    assert len(ArchiveCatalog.at(str(tmp_path)).search(search).items) == 40
