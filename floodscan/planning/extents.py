"""Boxes of searches in space and time, as arrays, and what a search of each box costs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Search, SearchPrices, TimeWindow

    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int64]

_Value = TypeVar("_Value", bound=Hashable)

_SENSORS = sorted(Sensor)
_TURN = 360.0
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Extents:
    """Boxes in longitude (degrees), latitude (degrees) and time (days).

    Attributes:
        lows: West, south and start of each box, shape (3, n).
        highs: East, north and end of each box, shape (3, n). East is above 180° across the
            antimeridian.
        searched: Whether each sensor is searched in each box, shape (sensors, n).
    """

    lows: Numbers
    highs: Numbers
    searched: NDArray[np.bool_]

    @classmethod
    def of(
        cls, searches: Sequence[Search], looks: Indices, sensors: Sequence[Container[Sensor]]
    ) -> Extents:
        """Return the boxes of searches. A search of all time counts as one day.

        Args:
            searches: The searches, n of them.
            looks: A number for each search, shape (n,); those of the same sensors may share it.
            sensors: The sensors of each number.
        """
        boxes = chain.from_iterable(each.bbox for each in searches)
        spans = chain.from_iterable(_span(each.window) for each in searches)
        west, south, east, north = np.fromiter(boxes, np.float64).reshape(-1, 4).T
        start, end = np.fromiter(spans, np.float64).reshape(-1, 2).T
        east = east + _TURN * (west > east)
        searched = np.array([[sensor in found for found in sensors] for sensor in _SENSORS], bool)
        return cls(np.stack([west, south, start]), np.stack([east, north, end]), searched[:, looks])

    def take(self, boxes: Indices) -> Extents:
        """Return some of the boxes."""
        return Extents(
            self.lows.take(boxes, axis=1),
            self.highs.take(boxes, axis=1),
            self.searched.take(boxes, axis=1),
        )

    def union(self, other: Extents) -> Extents:
        """Return the smallest box around each pair of boxes."""
        return Extents(
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
            self.searched | other.searched,
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
        for sensor, searched in zip(_SENSORS, self.searched, strict=True):
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


@lru_cache(maxsize=1 << 15)
def _span(window: TimeWindow | None) -> tuple[float, float]:
    """Return start and end in days; many searches share a window."""
    if window is None:
        return 0.0, 1.0
    return window.start.timestamp() / _DAY_SECONDS, window.end.timestamp() / _DAY_SECONDS
