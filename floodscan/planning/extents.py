"""Boxes of searches in space and time, as arrays, and what a search of each box costs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from floodscan.model import Search, SearchPrices, Sensor, TimeWindow

    Collection = tuple[Sensor, str]
    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int64]

_Value = TypeVar("_Value", bound=Hashable)

_TURN = 360.0
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Extents:
    """Boxes in longitude (degrees), latitude (degrees) and time (days).

    Attributes:
        lows: West, south and start of each box, shape (3, n).
        highs: East, north and end of each box, shape (3, n). East is above 180° across the
            antimeridian.
        searched: Whether each collection is searched in each box, shape (collections, n).
        sensors: The sensor of each collection, shape (collections,).
    """

    lows: Numbers
    highs: Numbers
    searched: NDArray[np.bool_]
    sensors: tuple[Sensor, ...]

    @classmethod
    def of(
        cls, searches: Sequence[Search], looks: Indices, wanted: Sequence[AbstractSet[Collection]]
    ) -> Extents:
        """Return the boxes of searches. A search of all time counts as one day.

        Args:
            searches: The searches, n of them.
            looks: A number for each search, shape (n,); those of the same collections may share it.
            wanted: The collections of each number.
        """
        boxes = chain.from_iterable([each.bbox for each in searches])
        west, south, east, north = np.fromiter(boxes, np.float64).reshape(-1, 4).T
        start, end = _list_spans([each.window for each in searches])
        east = east + _TURN * (west > east)
        distinct = sorted(set().union(*wanted))
        searched = np.array([[each in found for found in wanted] for each in distinct], bool)
        searched = searched.reshape(len(distinct), len(wanted))[:, looks]
        lows, highs = np.stack([west, south, start]), np.stack([east, north, end])
        return cls(lows, highs, searched, tuple(sensor for sensor, _ in distinct))

    def take(self, boxes: Indices) -> Extents:
        """Return some of the boxes."""
        return Extents(
            self.lows.take(boxes, axis=1),
            self.highs.take(boxes, axis=1),
            self.searched.take(boxes, axis=1),
            self.sensors,
        )

    def union(self, other: Extents) -> Extents:
        """Return the smallest box around each pair of boxes."""
        return Extents(
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
            self.searched | other.searched,
            self.sensors,
        )

    def expect_items(self, prices: SearchPrices, *, days: Numbers | float | None = None) -> Numbers:
        """Estimate how many items a search of each box finds, shape (n,).

        A footprint is found if any part of it is in the box. So a box finds the footprints whose
        centres are in the box widened by one footprint.

        Args:
            prices: How densely each sensor takes pictures.
            days: Days that are searched; None are those of the boxes.
        """
        width, height, own_days = self.highs - self.lows
        days = own_days if days is None else days
        items: Numbers = np.zeros_like(width)
        for sensor, searched in zip(self.sensors, self.searched, strict=True):
            if searched.any():
                footprint = prices.footprint_degrees[sensor]
                n_footprints = (width / footprint + 1) * (height / footprint + 1)
                items += searched * n_footprints * days * prices.items_per_day[sensor]
        return items

    def price(self, prices: SearchPrices) -> Numbers:
        """Estimate the cost of a search of each box, in items: its items, a request per page."""
        items = self.expect_items(prices)
        total: Numbers = items + prices.request_items * count_pages(items, prices)
        return total


def number_each(values: Iterable[_Value]) -> tuple[Indices, list[_Value]]:
    """Number values: equal ones have the same number, shape (n,). Return the values by number."""
    numbers: dict[_Value, int] = {}
    found = [numbers.setdefault(value, len(numbers)) for value in values]
    return np.array(found, dtype=np.int64), list(numbers)


def count_pages(items: Numbers, prices: SearchPrices) -> Numbers:
    """Return the number of pages of so many items; a page without items is one, too."""
    pages: Numbers = np.maximum(np.ceil(items / prices.page_items), 1)
    return pages


def _list_spans(windows: Sequence[TimeWindow | None]) -> Numbers:
    """Return start and end of windows in days, shape (2, n). Many searches share a window."""
    distinct = {id(window): window for window in windows}
    places = dict(zip(distinct, range(len(distinct)), strict=True))
    spans = np.array([_span(window) for window in distinct.values()]).reshape(-1, 2).T
    found: Numbers = spans[:, [places[id(window)] for window in windows]]
    return found


@lru_cache(maxsize=1 << 15)
def _span(window: TimeWindow | None) -> tuple[float, float]:
    """Return start and end in days."""
    if window is None:
        return 0.0, 1.0
    return window.start.timestamp() / _DAY_SECONDS, window.end.timestamp() / _DAY_SECONDS
