"""What an archive was built for: the searches whose items it has.

``floodscan archive build`` writes them into the metadata of each file, because items alone don't
show where and when nobody asked for any. A file of another tool has no such record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import orjson
import shapely

from floodscan.catalogs.bisection import split_at_antimeridian
from floodscan.model import Search, TimeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

SEARCHED_KEY = b"floodscan:searched"
"""Key of the metadata of a file: its value is the JSON text of ``SearchedItems``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ALWAYS = 2**61  # microseconds; the sum of two still is a 64-bit number


@dataclass(frozen=True, eq=False)
class SearchedItems:
    """The searches of one collection whose items are all there.

    Attributes:
        collection: STAC collection id.
        searches: The searches; none crosses the antimeridian.
    """

    collection: str
    searches: tuple[Search, ...]

    @classmethod
    def of(cls, collection: str, searches: Iterable[Search]) -> SearchedItems:
        """Sort searches, and leave out those that lie within another one."""
        parts = {part for search in searches for part in split_at_antimeridian(search)}
        ordered = sorted(parts, key=_order)
        # each edge of a search that lies within another one is at least as large
        edges = np.array([_edges(each) for each in ordered]).reshape(-1, 6)
        kept = [
            part
            for part, own in zip(ordered, edges, strict=True)
            if (edges <= own).all(axis=1).sum() == 1
        ]
        return cls(collection, tuple(kept))

    @classmethod
    def parse(cls, text: bytes | str) -> SearchedItems:
        """Read the metadata of a file.

        Raises:
            ValueError: The text is no record of searches.
        """
        try:
            facts = orjson.loads(text)
            collection, rows = str(facts["collection"]), facts["searches"]
            return cls(collection, tuple(_read_search(collection, *row) for row in rows))
        except (KeyError, TypeError, ValueError) as err:
            message = f"its record of searches, {SEARCHED_KEY.decode()}, can't be read"
            raise ValueError(message) from err

    def to_json(self) -> bytes:
        """Write the metadata of a file."""
        rows = [
            [*each.bbox, *((each.window.start, each.window.end) if each.window else (None, None))]
            for each in self.searches
        ]
        return orjson.dumps({"collection": self.collection, "searches": rows})

    def windows(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the time windows."""
        return ((each.window.start, each.window.end) for each in self.searches if each.window)

    def covers(self, search: Search) -> bool:
        """Return whether all items of a search are there; several searches may cover it."""
        start, end = _times(search)
        return all(
            self._covers(shapely.box(*part.bbox), start, end)
            for part in split_at_antimeridian(search)
        )

    def _covers(self, box: shapely.Polygon, start: int, end: int) -> bool:
        near = self._tree.query(box)
        near = near[(self._spans[near, 0] <= end) & (self._spans[near, 1] >= start)]
        around = near[shapely.covers(self._tree.geometries[near], box)]
        if _follow(self._spans[around].tolist(), start, end):
            return True
        # between two of these moments, the same searches count
        moments = np.unique([start, end, *np.clip(self._spans[near].ravel(), start, end)])
        middles = moments[:-1] + moments[1:]
        for moment in np.unique([*moments, *(middles // 2)]):
            there = near[(self._spans[near, 0] <= moment) & (self._spans[near, 1] >= moment)]
            if not shapely.union_all(self._tree.geometries[there]).covers(box):
                return False
        return True

    @cached_property
    def _spans(self) -> NDArray[np.int64]:
        return np.array([_times(each) for each in self.searches], np.int64).reshape(-1, 2)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([shapely.box(*each.bbox) for each in self.searches])


def _follow(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Return whether spans of time follow each other from start to end without a gap."""
    reached = start
    for first, last in sorted(spans):
        if first > reached:
            return False
        reached = max(reached, last)
    return reached >= end and bool(spans)


def _read_search(
    collection: str, west: float, south: float, east: float, north: float, *times: str | None
) -> Search:
    start, end = (time and datetime.fromisoformat(time) for time in times)
    window = TimeWindow(start, end) if start and end else None
    return Search(collection, (west, south, east, north), window, ())


def _times(search: Search) -> tuple[int, int]:
    if search.window is None:
        return -_ALWAYS, _ALWAYS
    window = search.window
    return (window.start - _EPOCH) // _MICROSECOND, (window.end - _EPOCH) // _MICROSECOND


def _order(search: Search) -> tuple[int, int, float, float, float, float]:
    return (*_times(search), *search.bbox)


def _edges(search: Search) -> tuple[float, ...]:
    west, south, east, north = search.bbox
    start, end = _times(search)
    return start, west, south, -end, -east, -north
