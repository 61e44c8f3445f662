"""Footers of Parquet files: collections, times and places of each row group, by its statistics."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.catalogs.archive.columns import TIME, read_times, stored
from floodscan.catalogs.archive.decode import find_named
from floodscan.catalogs.archive.layout import Layout, is_time
from floodscan.catalogs.archive.places import HALF_TURN, measure_boxes
from floodscan.catalogs.archive.searched import SEARCHED_KEY, SearchedItems
from floodscan.catalogs.archive.storage import open_file
from floodscan.catalogs.page_json import STAC_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan.catalogs.archive.address import Address
    from floodscan.catalogs.archive.storage import DataFile

    Json = dict[str, Any]
    Span = dict[str, datetime]

CATALOG_KEY = b"floodscan:catalog"
"""Key of the metadata of a file: its value is JSON with the ``id`` of the archived catalog."""

SPAN_PAUSE = timedelta(hours=12)
"""A longer time without an item ends a span."""

_TAIL_BYTES = 8
_EDGES = ("west", "south", "east", "north")


def read_footer(address: Address, file: DataFile) -> Iterator[Json]:
    """Read the rows of INDEX for the row groups of a file; one row if it has none.

    Raises:
        OSError: The file can't be read.
        ValueError: It is not stac-geoparquet.
        ArrowException: It is not Parquet.
    """
    with open_file(address, file.path) as source, pq.ParquetFile(source) as parquet:
        layout = Layout.of(parquet.schema_arrow, file.path)
        common = {
            "file": file.path,
            "size": file.size,
            "version": file.version,
            "footer": _digest_footer(source, file.size),
            "catalog": _catalog_id(parquet.schema_arrow),
        }
        searched = _read_searched(parquet.schema_arrow)
        groups = [_GroupReader(parquet, layout, n) for n in range(parquet.num_row_groups)]
        described = (group.describe() for group in groups) if groups else [_NO_GROUP]
        for number, row in enumerate(described):
            yield common | {"searched": None if number else searched} | row


def _digest_footer(source: pa.NativeFile, size: int) -> str:
    """Digest schema, statistics and positions of all columns.

    Source: https://parquet.apache.org/docs/file-format/
    """
    source.seek(size - _TAIL_BYTES)
    length = int.from_bytes(source.read(4), "little")
    source.seek(size - _TAIL_BYTES - length)
    return hashlib.sha256(source.read(length)).hexdigest()[:16]


def _catalog_id(schema: pa.Schema) -> str | None:
    """Read the STAC id that the metadata of a file gives; None if they give none."""
    with suppress(orjson.JSONDecodeError):
        facts = orjson.loads((schema.metadata or {}).get(CATALOG_KEY, b"null"))
        if isinstance(facts, dict) and isinstance(facts.get("id"), str):
            return str(facts["id"])
    return None


def _read_searched(schema: pa.Schema) -> str | None:
    """Read the record of searches in the metadata of a file; None without one."""
    text = (schema.metadata or {}).get(SEARCHED_KEY)
    return None if text is None else SearchedItems.parse(text).to_json().decode()


_NO_GROUP: Json = {
    "row_group": -1,
    "n_rows": 0,
    "n_without_id": 0,
    "n_bytes": 0,
    "collections": [],
    "start": None,
    "end": None,
    "spans": [],
    **dict.fromkeys(_EDGES),
}


class _GroupReader:
    """Describes a row group by its statistics, and reads the columns that have none."""

    def __init__(self, parquet: pq.ParquetFile, layout: Layout, number: int) -> None:
        self._parquet, self._layout, self._number = parquet, layout, number
        metadata = parquet.metadata.row_group(number)
        columns = (metadata.column(n) for n in range(metadata.num_columns))
        self._columns = {column.path_in_schema: column for column in columns}
        self._n_rows = metadata.num_rows

    def describe(self) -> Json:
        """Return the columns of INDEX about the row group."""
        start, end, spans = self._find_times()
        return {
            "row_group": self._number,
            "n_rows": self._n_rows,
            "n_without_id": self._count_unnamed(),
            "n_bytes": self._count_bytes(),
            "collections": self._find_collections(),
            "start": start,
            "end": end,
            "spans": spans,
            **dict(zip(_EDGES, self._find_box(), strict=True)),
        }

    def _read(self, *names: str) -> pa.Table:
        return self._parquet.read_row_group(self._number, columns=[*names], use_threads=False)

    def _count_nulls(self, name: str) -> int | None:
        """Return the number of nulls; None if the statistics lack it."""
        statistics = self._columns[name].statistics if name in self._columns else None
        return statistics.null_count if statistics and statistics.has_null_count else None

    def _count_unnamed(self) -> int:
        """Count the rows without an id; an empty text is none."""
        ends = self._find_range("id")
        if ends is not None and ends[0]:
            return self._count_nulls("id") or 0
        return int((~find_named(self._read("id"))).sum())

    def _find_range(self, name: str) -> tuple[Any, Any] | None:
        """Return the least and the greatest value; None if the statistics lack them."""
        statistics = self._columns[name].statistics if name in self._columns else None
        if statistics is None or not statistics.has_min_max:
            return None
        return statistics.min, statistics.max

    def _count_bytes(self) -> int:
        read = {"id", "collection", "geometry", *STAC_NAMES}
        return sum(
            column.total_compressed_size
            for path, column in self._columns.items()
            if path in read or path.startswith("bbox") or path.endswith(".href")
        )

    def _find_collections(self) -> list[str]:
        if self._layout.collection is not None:
            return [self._layout.collection]
        ends, n_nulls = self._find_range("collection"), self._count_nulls("collection")
        if ends and ends[0] == ends[1] and n_nulls == 0 and isinstance(ends[0], str):
            return [ends[0]]
        names = stored(self._read("collection")["collection"]).unique().to_pylist()
        return sorted(str(name) for name in names if name is not None)

    def _find_times(self) -> tuple[datetime | None, datetime | None, list[Span]]:
        """Return the first and the last time, and the spans without a long pause.

        The times are read, because statistics do not show the pauses between them.
        """
        names = self._layout.times
        if names and (ends := self._short_span(names[0])):
            return ends["start"], ends["end"], [ends]
        times = read_times(self._read(*names), names) if names else pa.nulls(self._n_rows, TIME)
        spans = _find_spans(times)
        if times.null_count or not spans:
            return None, None, spans
        return spans[0]["start"], spans[-1]["end"], spans

    def _short_span(self, name: str) -> Span | None:
        """Return the span of a column that its statistics show to be without a long pause."""
        ends, kind = self._find_range(name), self._layout.kind(name)
        if not ends or self._count_nulls(name) != 0 or kind is None or not is_time(kind):
            return None
        start, end = map(_in_utc, ends)
        return {"start": start, "end": end} if end - start <= SPAN_PAUSE else None

    def _find_box(self) -> Sequence[float | None]:
        """Return the box of all rows: all longitudes if one may cross 180°; None if unknown."""
        box = self._box_of_statistics()
        return self._measure_box() if box is None else box

    def _box_of_statistics(self) -> Sequence[float] | None:
        leaves = self._layout.bbox_leaves
        ranges = [ends for leaf in leaves if (ends := self._find_range(leaf)) is not None]
        nulls = [self._count_nulls(leaf) for leaf in leaves]
        if len(ranges) != len(_EDGES) or any(n is None or n > 0 for n in nulls):
            return None
        (west, last_west), (south, _), (first_east, east), (_, north) = ranges
        # an item across 180° has its west in one half of the world, and its east in the other
        return span_boxes(west, south, east, north, crossing=last_west > 0 > first_east)

    def _measure_box(self) -> Sequence[float | None]:
        boxes = measure_boxes(self._read("geometry", *self._layout.bbox_leaves))
        boxes = boxes[~np.isnan(boxes).any(axis=1)]
        if not len(boxes):
            return [None] * len(_EDGES)
        (west, south), (east, north) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        crossing = bool((boxes[:, 0] > boxes[:, 2]).any())
        return span_boxes(west, south, east, north, crossing=crossing)


def span_boxes(
    west: float, south: float, east: float, north: float, *, crossing: bool
) -> list[float]:
    """Return a box, with all longitudes if items in it cross 180°."""
    if crossing or west < -HALF_TURN or east > HALF_TURN:
        west, east = -HALF_TURN, HALF_TURN
    # numbers of a short type are rounded, maybe inwards
    edges = np.array([west, south, east, north], dtype=np.float32)
    limits = np.array([-np.inf, -np.inf, np.inf, np.inf], dtype=np.float32)
    outwards: list[float] = np.nextafter(edges, limits).astype(float).tolist()
    return outwards


def _in_utc(value: date | datetime) -> datetime:
    """Return a statistic as a time in UTC; that of a column in nanoseconds is of pandas."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    time = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime.fromisoformat(time.isoformat(timespec="microseconds"))


def _find_spans(times: pa.Array) -> list[Span]:
    """Cut times into spans without a long pause."""
    micros = np.sort(np.asarray(times.drop_null().cast(pa.int64())))
    if not len(micros):
        return []
    pause = SPAN_PAUSE // timedelta(microseconds=1)
    cuts = np.flatnonzero(np.diff(micros) > pause)
    firsts, lasts = micros[[0, *(cuts + 1)]], micros[[*cuts, -1]]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        {"start": epoch + timedelta(microseconds=a), "end": epoch + timedelta(microseconds=b)}
        for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
