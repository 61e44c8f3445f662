"""A file of an own archive: what an earlier build wrote, and its replacement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyarrow import ipc

from floodscan.catalogs.archive import CATALOG_KEY
from floodscan.catalogs.archive.columns import read_boxes
from floodscan.catalogs.archive.searched import SEARCHED_KEY, SearchedItems
from floodscan.catalogs.archive_build.file_metadata import describe_items
from floodscan.catalogs.archive_build.rows import fit_rows, make_rows, unify_schemas
from floodscan.catalogs.page_json import TIME_PROPERTIES
from floodscan.store.atomic import flush, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan.catalogs.archive_build.sorted_items import SortedItems, StoredItem

    Json = dict[str, Any]

ROW_GROUP_ROWS = 14_000
"""Rows of a row group, about: in a file with at least 10,000 rows, each has 10,000 to 21,000."""

_PARSED_ROWS = 1000  # items as Python objects take ten times as much memory as their rows
_KEY_COLUMNS = ("id", "bbox", *TIME_PROPERTIES)
_EMPTY_SCHEMA = pa.schema(
    [
        pa.field("type", pa.string()),
        pa.field("stac_version", pa.string()),
        pa.field("stac_extensions", pa.list_(pa.string())),
        pa.field("id", pa.string()),
        pa.field("collection", pa.string()),
        pa.field("datetime", pa.timestamp("us", tz="UTC")),
        pa.field("geometry", pa.binary()),
        pa.field("bbox", pa.struct([(c, pa.float64()) for c in ("xmin", "ymin", "xmax", "ymax")])),
        pa.field("links", pa.list_(pa.struct([("href", pa.string()), ("rel", pa.string())]))),
    ]
)


@dataclass(frozen=True)
class WrittenFile:
    """A file that an earlier build wrote.

    Attributes:
        path: The file.
    """

    path: Path

    @cached_property
    def parquet(self) -> pq.ParquetFile:
        """The file, open."""
        return pq.ParquetFile(self.path)

    @property
    def searched(self) -> SearchedItems | None:
        """The searches whose items it has; None if another tool wrote it."""
        text = (self.parquet.schema_arrow.metadata or {}).get(SEARCHED_KEY)
        return None if text is None else SearchedItems.parse(text)

    @property
    def catalog_id(self) -> str | None:
        """STAC id of the catalog that it is a copy of."""
        facts = orjson.loads((self.parquet.schema_arrow.metadata or {}).get(CATALOG_KEY, b"{}"))
        return None if facts.get("id") is None else str(facts["id"])

    @property
    def n_rows(self) -> int:
        """Number of items."""
        return int(self.parquet.metadata.num_rows)

    def add_to(self, items: SortedItems) -> None:
        """Add the items, except those that are there already."""
        first = 0
        names = [name for name in _KEY_COLUMNS if name in self.parquet.schema_arrow.names]
        for number in range(self.parquet.num_row_groups):
            table = self.parquet.read_row_group(number, columns=names)
            items.add_rows(table, first)
            first += len(table)

    def take(self, rows: Sequence[int]) -> pa.Table:
        """Read some rows, in ascending order."""
        wanted, tables, first = np.array(rows, dtype=np.int64), [], 0
        for number in range(self.parquet.num_row_groups):
            n_rows = self.parquet.metadata.row_group(number).num_rows
            own = wanted[(wanted >= first) & (wanted < first + n_rows)] - first
            if len(own):
                tables.append(self.parquet.read_row_group(number).take(pa.array(own)))
            first += n_rows
        return pa.concat_tables(tables)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the metadata of a file says.

    Attributes:
        collection: The STAC collection.
        catalog: Id of the catalog that the file is a copy of.
        searched: The searches whose items it has.
    """

    collection: Json
    catalog: Json
    searched: SearchedItems


def write_file(
    path: Path, items: SortedItems, facts: FileFacts, *, before: WrittenFile | None
) -> None:
    """Write the items of a file, and replace the one that an earlier build wrote.

    Memory holds one row group at a time: each is kept on disk until the schema of all is known.

    Raises:
        ValueError: An item can't be stored.
        OSError: The disk is full, or can't be written.
    """
    with TemporaryDirectory(prefix="floodscan-") as folder:
        groups = []
        for number, stored in enumerate(_cut(items)):
            groups.append(Path(folder) / f"{number}.arrow")
            _keep(groups[-1], _join(stored, before))
        schema = unify_schemas([_EMPTY_SCHEMA, *(_read(group).schema for group in groups)])
        metadata = _describe(groups, facts)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            with pq.ParquetWriter(
                temporary, schema.with_metadata(metadata), compression="zstd"
            ) as file:
                for group in groups:
                    # one chunk, or the bytes would depend on how the items came in
                    table = fit_rows([_read(group)], schema).combine_chunks()
                    file.write_table(table.replace_schema_metadata(metadata), len(table))
            flush(temporary)


def _cut(items: SortedItems) -> Iterator[list[StoredItem]]:
    """Cut the items into row groups."""
    found = items.in_order()
    for start, end in pairwise(cut_evenly(len(items))):
        yield [next(found) for _ in range(end - start)]


def cut_evenly(n_rows: int) -> list[int]:
    """Return where the row groups of a file begin, and where the last one ends."""
    n_groups = max(round(n_rows / ROW_GROUP_ROWS), min(n_rows, 1))
    ends: list[int] = np.linspace(0, n_rows, n_groups + 1).round().astype(int).tolist()
    return ends


def _join(stored: Sequence[StoredItem], before: WrittenFile | None) -> pa.Table:
    """Make the rows of items, some of which are in the file that is replaced."""
    new = [number for number, each in enumerate(stored) if each.row is None]
    old = [number for number, each in enumerate(stored) if each.row is not None]
    tables = [
        make_rows([stored[number].load() for number in new[start : start + _PARSED_ROWS]])
        for start in range(0, len(new), _PARSED_ROWS)
    ]
    if old and before is not None:
        tables.append(before.take([row for each in stored if (row := each.row) is not None]))
    whole = fit_rows(tables, unify_schemas([_EMPTY_SCHEMA, *(table.schema for table in tables)]))
    return whole.take(pa.array(np.argsort(new + old))) if old else whole


def _keep(path: Path, table: pa.Table) -> None:
    with ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return ipc.open_file(source).read_all()


def _describe(groups: Sequence[Path], facts: FileFacts) -> dict[str, str | bytes]:
    """Return the metadata of a file."""
    types: set[str] = set()
    boxes = [np.empty((0, 4))]
    for table in map(_read, groups):
        types |= _find_types(table)
        boxes.append(read_boxes(table))
    described = describe_items(
        facts.collection,
        _enclose(np.concatenate(boxes)),
        catalog=facts.catalog,
        geometry_types=sorted(types),
    )
    return described | {SEARCHED_KEY.decode(): facts.searched.to_json()}


def _find_types(table: pa.Table) -> set[str]:
    shapes = shapely.from_wkb(table["geometry"].drop_null().to_numpy())
    return {each.geom_type + (" Z" if each.has_z else "") for each in shapes}


def _enclose(boxes: np.ndarray[Any, np.dtype[np.float64]]) -> list[float] | None:
    """Return the box of all items; None without any, or if one crosses the antimeridian."""
    boxes = boxes[~np.isnan(boxes).any(axis=1)]
    if not len(boxes) or (boxes[:, 0] > boxes[:, 2]).any():
        return None
    lows, highs = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return [*lows.tolist(), *highs.tolist()]
