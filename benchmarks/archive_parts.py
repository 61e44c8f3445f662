"""The join of an archive in parts, the bare read of what it reads, and DuckDB as its peer."""

from __future__ import annotations

import resource
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.catalogs.archive.join import find_pairs, pair_with_answers
from floodscan.catalogs.archive.layout import Layout
from floodscan.catalogs.archive.places import read_places
from floodscan.catalogs.archive.reading import JoinedItems, join_row_groups
from floodscan.catalogs.archive.shards import cut_shards, group_searches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from floodscan.catalogs import ArchiveCatalog
    from floodscan.catalogs.archive.reading import CollectionSearches, RowGroup
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search

    Opened = tuple[RowGroup, pq.ParquetFile, Layout]


class Pieces(NamedTuple):
    """Row groups that a join reads, those of a file next to each other.

    Attributes:
        row_groups: All of them.
        assets: The assets whose hrefs are read of each; None if no item of it is found.
        n_pairs: Number of pairs of an item and a merged search.
    """

    row_groups: list[RowGroup]
    assets: list[tuple[str, ...] | None]
    n_pairs: int


def find_pieces(archive: ArchiveCatalog, shards: Sequence[Shard]) -> Pieces:
    """Find what a join reads."""
    row_groups, assets, n_pairs = [], [], 0
    for shard in shards:
        for row_group in shard.row_groups:
            found = [
                each
                for each in join_row_groups(archive.address, [row_group], shard.asked)
                if isinstance(each, JoinedItems)
            ]
            n_pairs += sum(len(each.rows) for each in found)
            wanted = next(a.assets for a in shard.asked if a.collection in row_group.collections)
            row_groups.append(row_group)
            assets.append(wanted if found else None)
    return Pieces(row_groups, assets, n_pairs)


def find_pairs_alone(shards: Sequence[Shard]) -> float:
    """Find the pairs by box and time, each file opened once; return CPU seconds."""
    started = process_time()
    for _ in _pair_each(shards):
        pass
    return process_time() - started


def _pair_each(shards: Sequence[Shard]) -> Iterator[NDArray[np.int64]]:
    """Yield the answers that get items of each row group, an answer for each pair."""
    for *_, answers in _pair_rows(shards):
        yield answers


def _pair_rows(
    shards: Sequence[Shard],
) -> Iterator[tuple[Opened, CollectionSearches, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield each row group with the searches of a collection, and its pairs: rows and answers."""
    asked = {row_group: shard.asked for shard in shards for row_group in shard.row_groups}
    for opened in _open_each(list(asked)):
        row_group, parquet, layout = opened
        box, times = np.array(row_group.box), np.array(row_group.times)
        places = read_places(parquet, layout, row_group.row_group, mixed=False)
        for each in asked[row_group]:
            if each.collection in row_group.collections:
                searches = each.searches.take(each.searches.touch(box, times))
                rows, found = find_pairs(places, searches)
                owners = searches.owners[found]
                yield opened, each, *pair_with_answers(rows, owners, len(places.times))


class Copied(NamedTuple):
    """A bare copy of the items that any search finds by box and time.

    Attributes:
        cpu: CPU seconds.
        n_pairs: Number of pairs of an item and an answer.
        n_items: Number of items.
        n_bytes: Bytes that were written.
    """

    cpu: float
    n_pairs: int
    n_items: int
    n_bytes: int


def copy_bare(shards: Sequence[Shard], path: Path) -> Copied:
    """Find the pairs by box and time, and copy the rows as they are into one Arrow file a time."""
    started, n_pairs, n_items, n_bytes = process_time(), 0, 0, 0
    for (row_group, parquet, layout), each, rows, _ in _pair_rows(shards):
        found = pa.array(np.unique(rows))
        names = [*layout.outline_columns, *layout.item_columns(each.assets)]
        table = parquet.read_row_group(row_group.row_group, columns=names, use_threads=False)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as items:
            items.write_table(table.take(found))
        n_pairs += len(rows)
        n_items += len(found)
        n_bytes += path.stat().st_size
    return Copied(process_time() - started, n_pairs, n_items, n_bytes)


def read_bare(pieces: Pieces) -> float:
    """Read the same columns of the same row groups, each file opened once; return CPU seconds."""
    started, opened = process_time(), _open_each(pieces.row_groups)
    for (row_group, parquet, layout), assets in zip(opened, pieces.assets, strict=True):
        columns = [layout.place_columns(mixed=False)]
        columns += [] if assets is None else [layout.outline_columns, layout.item_columns(assets)]
        for names in columns:
            parquet.read_row_group(row_group.row_group, columns=names, use_threads=False)
    return process_time() - started


def _open_each(row_groups: Sequence[RowGroup]) -> Iterator[Opened]:
    """Open the file of each row group, once for row groups next to each other."""
    path = ""
    for row_group in row_groups:
        if row_group.file != path:
            path = row_group.file
            parquet = pq.ParquetFile(path)
            layout = Layout.of(parquet.schema_arrow, path)
        yield row_group, parquet, layout


def ask_duckdb(
    archive: ArchiveCatalog, sample: Sequence[Search], *, whole: bool
) -> tuple[list[int], float]:
    """Ask DuckDB for one slot after the other; return the numbers of items and the CPU seconds.

    Args:
        archive: An archive on disk.
        sample: Searches of slots.
        whole: True for the columns that floodscan reads, False for boxes and times.
    """
    files = archive.index.table["file"].to_pylist()
    collections = archive.index.table["collections"].to_pylist()
    connection = duckdb.connect()
    connection.execute("SET parquet_metadata_cache = true")
    counts, cpu = [], 0.0
    for search in sample:
        here = {
            f for f, names in zip(files, collections, strict=True) if search.collection in names
        }
        query = _write_query(search, sorted(here), whole=whole)
        before = resource.getrusage(resource.RUSAGE_SELF)
        counts.append(len(connection.sql(query).to_arrow_table()))
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return counts, cpu


def _write_query(search: Search, files: Sequence[str], *, whole: bool) -> str:
    """Write the query by box and window."""
    layout = Layout.of(pq.read_schema(files[0]), files[0])
    items = layout.outline_columns + layout.item_columns(search.assets)
    wanted = items if whole else layout.place_columns(mixed=False)
    names = [name.split(".") for name in wanted]
    columns = ", ".join(".".join(f'"{part}"' for part in name) for name in names)
    west, south, east, north = search.bbox
    where = f"bbox.xmin <= {east} AND bbox.xmax >= {west}"
    where += f" AND bbox.ymin <= {north} AND bbox.ymax >= {south}"
    if search.window is not None:
        where += f" AND datetime BETWEEN '{search.window.start}' AND '{search.window.end}'"
    return f"SELECT {columns} FROM read_parquet({list(files)}) WHERE {where}"  # noqa: S608 - ours


def count_paired(archive: ArchiveCatalog, sample: Sequence[Search]) -> list[int]:
    """Count the items that the join finds for each search by box and time."""
    asked = group_searches([(search, number) for number, search in enumerate(sample)])
    counts = np.zeros(len(sample), int)
    for answers in _pair_each(list(cut_shards(archive.index, asked))):
        np.add.at(counts, answers, 1)
    return [int(count) for count in counts]
