"""The join of items with searches in space and time, in numbers alone.

A search finds an item if their boxes touch and the item's time is in the window or unknown. Most
items have small boxes, and are joined through a grid of cells of 1°::

    box of an item ── its centre ── the cell of the centre
                                        │
    box of a search, grown by half the largest box of an item ── the cells that it touches

An item and a search whose boxes touch share a cell, so only such pairs are compared. Boxes across
180° are cut in two first. Wider boxes, as near the poles, are joined in the same way through wider
cells: the largest box decides how far a search is grown, so boxes of similar width are joined
together. Tall boxes are compared with every search.

The boxes enclose the footprints, so the pairs are a few more than the footprints would give:
``outlines`` drops these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from floodscan.catalogs.archive.places import HALF_TURN, NO_TIME, has_unknown
from floodscan.geometry.scan_lines import ragged_arange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.places import Places
    from floodscan.model import Search, TimeWindow

    Indices = NDArray[np.int64]
    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LONGEST = np.iinfo(np.int64).max
_BANDS = 180
_WIDTHS = ((4.0, 360), (16.0, 90), (np.inf, 1))
"""Degrees of the widest boxes that are joined together, and the columns of cells for them."""
_TALL_DEGREES = 4.0
_COMPARED_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Searches of one collection, as columns of n rows; one across 180° has two rows.

    Attributes:
        boxes: West, south, east and north in degrees, west ≤ east, shape (n, 4).
        starts: First instant of the window, microseconds, shape (n,).
        ends: Last instant of the window, microseconds, shape (n,).
        owners: Number of the answer that gets the items, shape (n,).
    """

    boxes: Numbers
    starts: Indices
    ends: Indices
    owners: Indices

    @classmethod
    def of(cls, searches: Iterable[tuple[Search, int]]) -> Searches:
        """Make columns of searches and the numbers of their answers."""
        rows = [
            (*box, *_instants(search.window), owner)
            for search, owner in searches
            for box in _cut(search.bbox)
        ]
        boxes = np.array([row[:4] for row in rows], dtype=np.float64).reshape(-1, 4)
        starts, ends, owners = np.array([row[4:] for row in rows], dtype=np.int64).reshape(-1, 3).T
        return cls(boxes, starts, ends, owners)

    @classmethod
    def join(cls, parts: Sequence[Searches]) -> Searches:
        """Put the searches of several tables into one."""
        columns = zip(*((p.boxes, p.starts, p.ends, p.owners) for p in parts), strict=True)
        return cls(*map(np.concatenate, columns))

    def __len__(self) -> int:
        return len(self.owners)

    def take(self, kept: Mask) -> Searches:
        """Return some of the searches."""
        return Searches(self.boxes[kept], self.starts[kept], self.ends[kept], self.owners[kept])

    def touch(self, box: Numbers, times: Indices) -> Mask:
        """Return whether each search may find an item in a box and a span of time, shape (n,)."""
        west, south, east, north = self.boxes.T
        inside = (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
        touching: Mask = inside & (self.starts <= times[1]) & (self.ends >= times[0])
        return touching


def _instants(window: TimeWindow | None) -> tuple[int, int]:
    """Return the ends of a window in microseconds since 1970; None is all time."""
    if window is None:
        return NO_TIME, _LONGEST
    return (window.start - _EPOCH) // _MICROSECOND, (window.end - _EPOCH) // _MICROSECOND


def _cut(bbox: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    west, south, east, north = bbox
    if west <= east:
        return [bbox]
    return [(west, south, HALF_TURN, north), (-HALF_TURN, south, east, north)]


def find_pairs(
    places: Places, searches: Searches, kept: Mask | None = None
) -> tuple[Indices, Indices]:
    """Pair items and searches by box and time.

    Args:
        places: The items of a row group.
        searches: Searches of one collection.
        kept: Which items are of that collection, shape (items,); None: all of them.

    Returns:
        Numbers of items, ascending, and of searches, shape (pairs,); one across 180° may be a pair
        twice.
    """
    items, boxes = _choose(places.boxes, kept)
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall = heights > _TALL_DEGREES
    found = list(_pair_all(items, boxes, searches, tall))
    narrowest = -np.inf
    for widest, columns in _WIDTHS:
        some = np.flatnonzero(~tall & (widths > narrowest) & (widths <= widest))
        found.append(_pair_by_cells(items[some], boxes[some], searches, columns=columns))
        narrowest = widest
    rows, of_searches = (np.concatenate(parts) for parts in zip(*found, strict=True))
    times = places.times[rows]
    known = times != NO_TIME
    outside = (times < searches.starts[of_searches]) | (times > searches.ends[of_searches])
    inside = ~(known & outside)
    rows, of_searches = rows[inside], of_searches[inside]
    order = np.argsort(rows, kind="stable")
    return rows[order], of_searches[order]


def pair_with_answers(rows: Indices, answers: Indices, n_rows: int) -> tuple[Indices, Indices]:
    """Sort pairs by answer and then by row, and leave out repeats.

    Args:
        rows: Numbers of rows, below ``n_rows``, shape (pairs,).
        answers: Number of the answer that gets each of them, shape (pairs,).
        n_rows: Number of rows.
    """
    answers, rows = np.divmod(np.unique(answers * n_rows + rows), max(n_rows, 1))
    return rows, answers


def _choose(boxes: Numbers, kept: Mask | None) -> tuple[Indices, Numbers]:
    """Leave out the items that are not kept or have no box, and cut boxes across 180° in two.

    Both parts of a box have the number of its item.
    """
    items = np.arange(len(boxes))
    crossing = boxes[:, 0] > boxes[:, 2]
    if kept is None and not crossing.any() and not has_unknown(boxes):
        return items, boxes
    there = ~np.isnan(boxes).any(axis=1)
    if kept is not None:
        there &= kept
    eastern, western = boxes[there & crossing], boxes[there & crossing]
    eastern[:, 2], western[:, 0] = HALF_TURN, -HALF_TURN
    rest = there & ~crossing
    return (
        np.concatenate([items[rest], items[there & crossing], items[there & crossing]]),
        np.concatenate([boxes[rest], eastern, western]),
    )


def _pair_by_cells(
    items: Indices, boxes: Numbers, searches: Searches, *, columns: int
) -> tuple[Indices, Indices]:
    """Pair items and searches whose boxes touch.

    Args:
        items: Numbers of the items, shape (n,).
        boxes: Their boxes, shape (n, 4).
        searches: The searches.
        columns: Number of cells around the Earth.
    """
    if not len(items) or not len(searches):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    west, south, east, north = boxes.T
    growth = ((east - west).max() / 2, (north - south).max() / 2)
    cells, of_cells = _cover_with_cells(searches.boxes, growth, columns)
    of_cells = of_cells[np.argsort(cells, kind="stable")]
    counts = np.bincount(cells, minlength=columns * _BANDS)
    starts = np.cumsum(counts) - counts
    of_items = _cell((west + east) / 2, (south + north) / 2, columns)
    n_near = counts[of_items]
    near = np.flatnonzero(n_near)
    repeats = n_near[near]
    rows = np.repeat(near, repeats)
    found = of_cells[np.repeat(starts[of_items[near]], repeats) + ragged_arange(repeats)]
    rows, found = _keep_touching(boxes, rows, searches, found)
    return items[rows], found


def _cover_with_cells(
    boxes: Numbers, growth: tuple[float, float], columns: int
) -> tuple[Indices, Indices]:
    """List the cells that grown boxes touch, and for each cell the number of its box."""
    west, south, east, north = boxes.T
    left, right = (_column(x, columns) for x in (west - growth[0], east + growth[0]))
    bottom, top = _band(south - growth[1]), _band(north + growth[1])
    widths, heights = right - left + 1, top - bottom + 1
    owners = np.repeat(np.arange(len(boxes)), widths * heights)
    steps = ragged_arange(widths * heights)
    bands, shifts = np.divmod(steps, widths[owners])
    return (bottom[owners] + bands) * columns + left[owners] + shifts, owners


def _cell(lons: Numbers, lats: Numbers, columns: int) -> Indices:
    return _band(lats) * columns + _column(lons, columns)


def _column(lons: Numbers, columns: int) -> Indices:
    return _number((lons + HALF_TURN) * (columns / 360), columns)


def _band(lats: Numbers) -> Indices:
    return _number(lats + 90, _BANDS)


def _number(places: Numbers, n_cells: int) -> Indices:
    """Return the numbers of cells; places outside are in the first or the last cell."""
    return np.clip(places, 0, n_cells - 1).astype(np.int64)


def _keep_touching(
    boxes: Numbers, rows: Indices, searches: Searches, found: Indices
) -> tuple[Indices, Indices]:
    """Leave out the pairs whose boxes do not touch.

    Longitudes are compared only for the pairs whose latitudes touch.

    Args:
        boxes: Boxes of the items, shape (n, 4).
        rows: The row of each pair in ``boxes``, shape (pairs,).
        searches: The searches.
        found: The search of each pair, shape (pairs,).
    """
    for low, high in ((1, 3), (0, 2)):
        touching = boxes[:, low][rows] <= searches.boxes[:, high][found]
        touching &= boxes[:, high][rows] >= searches.boxes[:, low][found]
        rows, found = rows[touching], found[touching]
    return rows, found


def _pair_all(
    items: Indices, boxes: Numbers, searches: Searches, chosen: Mask
) -> Iterable[tuple[Indices, Indices]]:
    """Compare each chosen item with each search, some at a time."""
    places = np.flatnonzero(chosen)
    step = max(_COMPARED_AT_ONCE // max(len(searches), 1), 1)
    for start in range(0, len(places), step):
        some = places[start : start + step]
        rows = np.repeat(some, len(searches))
        found = np.tile(np.arange(len(searches)), len(some))
        rows, found = _keep_touching(boxes, rows, searches, found)
        yield items[rows], found
