"""Boxes of searches in space and time, as arrays, and what a search of each box costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Search, SearchPrices, Sensor

    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int64]

_TURN = 360.0
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Extents:
    """Boxes in longitude (degrees), latitude (degrees) and time (days).

    Attributes:
        lows: West, south and start of each box, shape (3, n).
        highs: East, north and end of each box, shape (3, n). East is above 180° across the
            antimeridian.
        searched: Whether each sensor is searched in each box.
    """

    lows: Numbers
    highs: Numbers
    searched: Mapping[Sensor, NDArray[np.bool_]]

    @classmethod
    def of(cls, searches: Sequence[Search], sensors: Sequence[frozenset[Sensor]]) -> Extents:
        """Return the boxes of searches. A search of all time counts as one day.

        Args:
            searches: The searches, n of them.
            sensors: The sensors of each search, shape (n,).
        """
        corners = np.array(list(map(_corners, searches))).reshape(-1, 6).T
        distinct = sorted(set().union(*sensors))
        searched = {each: np.array([each in found for found in sensors]) for each in distinct}
        return cls(corners[:3], corners[3:], searched)

    @property
    def days(self) -> Numbers:
        """Days of each box, shape (n,)."""
        days: Numbers = self.highs[2] - self.lows[2]
        return days

    def take(self, boxes: Indices) -> Extents:
        """Return some of the boxes."""
        return Extents(
            self.lows.take(boxes, axis=1),
            self.highs.take(boxes, axis=1),
            {sensor: searched.take(boxes) for sensor, searched in self.searched.items()},
        )

    def union(self, other: Extents) -> Extents:
        """Return the smallest box around each pair of boxes."""
        return Extents(
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
            {sensor: found | other.searched[sensor] for sensor, found in self.searched.items()},
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
        for sensor, searched in self.searched.items():
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


def count_pages(items: Numbers, prices: SearchPrices) -> Numbers:
    """Return the number of pages of so many items; a page without items is one, too."""
    pages: Numbers = np.maximum(np.ceil(items / prices.page_items), 1)
    return pages


def _corners(search: Search) -> tuple[float, ...]:
    west, south, east, north = search.bbox
    start, end = 0.0, 1.0
    if search.window:
        start = search.window.start.timestamp() / _DAY_SECONDS
        end = search.window.end.timestamp() / _DAY_SECONDS
    return west, south, start, east + _TURN * search.crosses_antimeridian, north, end
