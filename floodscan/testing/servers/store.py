"""Items in memory, searched with arrays, in the order of pgstac."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
import shapely

from floodscan.testing.servers.fields import without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.testing.servers.catalog import Json

Rows: TypeAlias = "NDArray[np.intp]"
Bbox: TypeAlias = "Sequence[float]"

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_HALF_TURN = 180.0
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a search; a filter that is None keeps all items.

    Attributes:
        collections: Ids of collections.
        ids: Ids of items.
        area: Geometries; an item has to meet at least one.
        start: Earliest end of an item.
        end: Latest start of an item.
        query: Operators and values by property.
    """

    collections: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    area: Sequence[BaseGeometry] | None = None
    start: datetime | None = None
    end: datetime | None = None
    query: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property to sort by and its direction."""

    field: str
    descending: bool


class Store:
    """Items by row, the rows sorted as pgstac answers them: time, collection, id, descending."""

    def __init__(self, items: Iterable[Json]) -> None:
        """Index the items.

        Args:
            items: Plain JSON, whole, each with its collection, each once.
        """
        self.items: list[Json] = sorted(map(without_nulls, items), key=_default_key, reverse=True)
        spans = [_span(item["properties"]) for item in self.items]
        self._start = np.array([start for start, _ in spans], dtype=np.int64)
        self._end = np.array([end for _, end in spans], dtype=np.int64)
        self._collection = np.array([item["collection"] for item in self.items], dtype=np.str_)
        self._id = np.array([item["id"] for item in self.items], dtype=np.str_)
        geometries = [orjson.dumps(item["geometry"]).decode() for item in self.items]
        self._tree = shapely.STRtree(shapely.from_geojson(geometries))
        self._row = {(i["collection"], i["id"]): row for row, i in enumerate(self.items)}

    def row(self, collection: str, item_id: str) -> int | None:
        """Return the row of an item, None if there is no such item."""
        return self._row.get((collection, item_id))

    def select(self, filters: Filters, sort: Sequence[SortKey] = ()) -> Rows:
        """Return the rows of a search, in the order of its answer.

        Args:
            filters: The items to keep.
            sort: Keys to sort by; by default as pgstac does.

        Returns:
            Row numbers.
        """
        mask = np.ones(len(self.items), dtype=np.bool_)
        if filters.collections is not None:
            mask &= np.isin(self._collection, list(filters.collections))
        if filters.ids is not None:
            mask &= np.isin(self._id, list(filters.ids))
        if filters.start is not None:
            mask &= self._end >= _microseconds(filters.start)
        if filters.end is not None:
            mask &= self._start <= _microseconds(filters.end)
        if filters.area is not None:
            mask &= self._meets(filters.area)
        rows: Rows = np.flatnonzero(mask)
        if filters.query:
            rows = rows[[_matches(self.items[row], filters.query) for row in rows]]
        return self._sorted(rows, sort) if sort else rows

    def _meets(self, area: Sequence[BaseGeometry]) -> NDArray[np.bool_]:
        mask = np.zeros(len(self.items), dtype=np.bool_)
        for geometry in area:
            mask[self._tree.query(geometry, predicate="intersects")] = True
        return mask

    def _sorted(self, rows: Rows, sort: Sequence[SortKey]) -> Rows:
        named = {key.field for key in sort}
        tied = [SortKey(name, sort[0].descending) for name in ("collection", "id")]
        order = rows.tolist()
        for key in reversed([*sort, *(tie for tie in tied if tie.field not in named)]):
            order.sort(key=lambda row, k=key: self._sort_value(row, k), reverse=key.descending)
        return np.array(order, dtype=np.intp)

    def _sort_value(self, row: int, key: SortKey) -> tuple[bool, Any]:
        """Return a key in which a missing value is the greatest, as in PostgreSQL."""
        value = value_of(self.items[row], key.field)
        return (value is None, value)


def bbox_area(bbox: Bbox) -> list[BaseGeometry]:
    """Return the area of a bbox: two boxes if its west is greater than its east.

    Args:
        bbox: West, south, east, north in degrees, or the same with heights, which are ignored.

    Returns:
        One geometry or two; a point or a line where the bbox has no area.
    """
    half = len(bbox) // 2
    west, south = bbox[:2]
    east, north = bbox[half : half + 2]
    if west <= east:
        return [_box(west, south, east, north)]
    return [_box(west, south, _HALF_TURN, north), _box(-_HALF_TURN, south, east, north)]


def value_of(item: Json, name: str) -> object:
    """Return the value by which a property is queried and sorted.

    Args:
        item: The item.
        name: Name of the property, with or without ``properties.``.

    Returns:
        The value, None if it is missing; for ``datetime``, the start in microseconds.
    """
    name = name.removeprefix("properties.")
    if name in {"id", "collection"}:
        return item[name]
    if name == "datetime":
        return begin_microseconds(item)
    return item["properties"].get(name)


def begin_microseconds(item: Json) -> int:
    """Return the start of an item in microseconds since 1970."""
    return _span(item["properties"])[0]


def _matches(item: Json, query: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(
        _matches_value(value_of(item, name), operation, _comparable(name, wanted))
        for name, operations in query.items()
        for operation, wanted in operations.items()
    )


def _matches_value(value: object, operation: str, wanted: object) -> bool:
    """Compare; a missing value, or one of another type, never matches."""
    if value is None:
        return False
    try:
        return OPERATORS[operation](value, wanted)
    except TypeError:
        return False


def _comparable(name: str, wanted: object) -> object:
    is_time = name.removeprefix("properties.") == "datetime"
    return _parsed(wanted) if is_time and isinstance(wanted, str) else wanted


def _box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def _default_key(item: Json) -> tuple[int, str, str]:
    return (begin_microseconds(item), item["collection"], item["id"])


def _span(properties: Json) -> tuple[int, int]:
    """Return start and end of an item; ``datetime`` counts only if one of the two is missing."""
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if start is None or end is None:
        start = end = properties["datetime"]
    return _parsed(start), _parsed(end)


def _parsed(text: str) -> int:
    return _microseconds(datetime.fromisoformat(text))


def _microseconds(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    elapsed = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * _MICROSECONDS + elapsed.microseconds
