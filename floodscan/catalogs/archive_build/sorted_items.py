"""The items of one file while they come in: on disk, each once, sorted in space and time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from isal import isal_zlib

from floodscan.catalogs.archive.columns import read_boxes, read_times
from floodscan.catalogs.archive_build.plain_items import make_plain
from floodscan.catalogs.item_table import parse_time
from floodscan.catalogs.page_json import TIME_PROPERTIES, WholeItem
from floodscan.planning.event_list import CURVE_BITS, hilbert_index
from floodscan.planning.scratch import ScratchDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from floodscan.catalogs.archive_build.planned_files import PlannedFile
    from floodscan.catalogs.page_json import Item
    from floodscan.model import Search

    Json = dict[str, Any]

_PACKING = 1  # the fastest
_CELLS = 1 << CURVE_BITS
_LAYOUT = """
CREATE TABLE item (
    id TEXT PRIMARY KEY, curve INTEGER, time TEXT, content BLOB, row INTEGER
) WITHOUT ROWID
"""


class StoredItem(NamedTuple):
    """An item of the file.

    Attributes:
        content: The item, packed; None if it is in the file that is replaced.
        row: Its row in the file that is replaced; None if it is new.
    """

    content: bytes | None
    row: int | None

    def load(self) -> Json:
        """Unpack a new item."""
        item: Json = orjson.loads(isal_zlib.decompress(self.content or b""))
        return item


class SortedItems:
    """Sorts the items of a file along a curve in space and then by time; threads may add items."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database = ScratchDatabase(_LAYOUT)

    def __len__(self) -> int:
        (n,) = self._database.execute("SELECT count(*) FROM item").fetchone()
        return int(n)

    def add(self, items: Sequence[Json]) -> None:
        """Add items; one with an id that is there replaces the other."""
        rows = [
            (
                item["id"],
                _place_on_curve(item["bbox"]),
                _sortable(_time_of(item)),
                isal_zlib.compress(orjson.dumps(item), _PACKING),
                None,
            )
            for item in items
        ]
        with self._lock:
            self._database.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)", rows)

    def add_rows(self, table: pa.Table, first: int) -> None:
        """Add rows of the file that is replaced, except items that are there.

        Args:
            table: Columns ``id``, ``bbox`` and times.
            first: Number of the first row.
        """
        boxes = read_boxes(table)
        times = read_times(table, [name for name in TIME_PROPERTIES if name in table.column_names])
        rows = [
            (
                name,
                _place_on_curve(None if np.isnan(box).any() else box.tolist()),
                _sortable(time),
                None,
                row,
            )
            for row, (name, box, time) in enumerate(
                zip(table["id"].to_pylist(), boxes, times.to_pylist(), strict=True), first
            )
        ]
        with self._lock:
            self._database.executemany("INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?)", rows)

    def in_order(self) -> Iterator[StoredItem]:
        """Read the items in order."""
        found = self._database.execute("SELECT content, row FROM item ORDER BY curve, time, id")
        return (StoredItem(*row) for row in found)


@dataclass(slots=True)
class MonthSink:
    """Adds the items of a search to those of a file, except items of other months.

    Attributes:
        search: The part of the search that is read.
        file: The file.
        items: Gets the items.
        without_links: Whether searches of this API ask for items without their links.
        n_dropped: Number of features without a usable id.
        too_many: Why the search ends; None if it goes on.
    """

    search: Search
    file: PlannedFile
    items: SortedItems
    without_links: bool = False
    n_dropped: int = 0
    too_many: str | None = None
    _ids: set[str] = field(default_factory=set)

    @property
    def n_items(self) -> int:
        """Number of items of the search, with those of other months; it grows only."""
        return len(self._ids)

    def add(self, items: Sequence[Item], page_url: str) -> None:
        """Keep the items of a page."""
        self._ids.update(item.id for item in items)
        plain = [
            make_plain(item, page_url, self.file.collection, without_links=self.without_links)
            for item in items
            if isinstance(item, WholeItem)
        ]
        self.items.add([item for item in plain if self._is_own(item)])

    def _is_own(self, item: Json) -> bool:
        """Return whether an item is of this month: a search also finds spans that touch it."""
        time, month = _time_of(item), self.file.month
        return month is None or time is None or month.start <= time < month.end


def _time_of(item: Json) -> datetime | None:
    times = (parse_time(item["properties"].get(name)) for name in TIME_PROPERTIES)
    return next(filter(None, times), None)


def _sortable(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="microseconds")


def _place_on_curve(bbox: Sequence[float] | None) -> int:
    """Return the place of the centre of a bbox on Hilbert's curve."""
    if bbox is None:
        return 0
    west, south, east, north = bbox
    x = (west + (east - west) % 360 / 2 + 180) % 360 / 360
    y = ((south + north) / 2 + 90) / 180
    column, row = int(x * _CELLS), int(y * _CELLS)
    return hilbert_index(min(max(column, 0), _CELLS - 1), min(max(row, 0), _CELLS - 1))
