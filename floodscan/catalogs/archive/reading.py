"""Row groups of an archive, read once and joined with all searches that touch them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from floodscan.catalogs.archive.decode import decode_rows, find_named
from floodscan.catalogs.archive.index import describe_error
from floodscan.catalogs.archive.join import Searches, find_pairs
from floodscan.catalogs.archive.layout import Layout
from floodscan.catalogs.archive.places import read_places
from floodscan.catalogs.archive.storage import forget_system, open_file
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.address import Address

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class CollectionSearches:
    """Searches of one collection that want the same assets.

    Attributes:
        collection: STAC collection id.
        assets: Keys of the assets whose hrefs are wanted.
        searches: The searches.
    """

    collection: str
    assets: tuple[str, ...]
    searches: Searches


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group to read.

    Attributes:
        number: Its row in the index.
        file: Path of its file.
        size: Bytes of its file.
        row_group: Its number in the file.
        collections: Its collections.
        box: West, south, east and north of its items.
        times: First and last time of its items, microseconds.
    """

    number: int
    file: str
    size: int
    row_group: int
    collections: tuple[str, ...]
    box: tuple[float, float, float, float]
    times: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class JoinedItems:
    """The items of a row group that answers get.

    Attributes:
        items: ITEMS, each item once.
        rows: Rows of ``items``, shape (pairs,).
        answers: Number of the answer that gets each of these rows, ascending, shape (pairs,).
        dropped: Number of the answer of each row that is left out because it has no id.
    """

    items: pa.Table
    rows: NDArray[np.int64]
    answers: NDArray[np.int64]
    dropped: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row group that could not be read.

    Attributes:
        row_group: The row group.
        reason: Name of the file, and why.
    """

    row_group: RowGroup
    reason: str


def join_row_groups(
    address: Address, row_groups: Sequence[RowGroup], asked: Sequence[CollectionSearches]
) -> Iterator[JoinedItems | Unreadable]:
    """Read row groups, and join each with all searches that touch it.

    Args:
        address: The archive.
        row_groups: The row groups, those of a file next to each other.
        asked: The searches.
    """
    for file, of_file in groupby(row_groups, key=lambda each: each.file):
        yield from _join_file(address, file, list(of_file), asked)


def _join_file(
    address: Address, file: str, row_groups: Sequence[RowGroup], asked: Sequence[CollectionSearches]
) -> Iterator[JoinedItems | Unreadable]:
    """Read row groups of a file, which is opened once, and again after a failure."""
    left = list(row_groups)
    renewed = False
    while left:
        try:
            with open_file(address, file) as source, _open_parquet(source, address) as parquet:
                layout = Layout.of(parquet.schema_arrow, file)
                _check_size(source, left[0].size)
                while left:
                    found = list(_join(parquet, layout, left[0], asked))
                    left.pop(0)
                    renewed = False
                    yield from found
        except (OSError, ValueError, pa.ArrowException) as err:
            if address.scheme == "abfs" and not renewed and not isinstance(err, FileNotFoundError):
                renewed = True
                forget_system(address)  # its credential may have ended
                continue
            renewed = False
            name = file.rpartition("/")[2].partition("?")[0]
            reason = f"row group {left[0].row_group} of {name} can't be read"
            yield Unreadable(left.pop(0), f"{reason}: {describe_error(err)}")


def _check_size(source: pa.NativeFile, size: int) -> None:
    if source.size() != size:
        message = "the file has changed since the run began"
        raise OSError(message)


def _join(
    parquet: pq.ParquetFile,
    layout: Layout,
    row_group: RowGroup,
    asked: Sequence[CollectionSearches],
) -> Iterator[JoinedItems]:
    box, times = np.array(row_group.box), np.array(row_group.times)
    places = read_places(parquet, layout, row_group.row_group, mixed=len(row_group.collections) > 1)
    for each in asked:
        if each.collection not in row_group.collections:
            continue
        kept = None
        if places.collections is not None:
            kept = np.asarray(pc.equal(places.collections, each.collection).fill_null(False))
        searches = each.searches.take(each.searches.touch(box, times))
        rows, answers = find_pairs(places, searches, kept)
        if len(rows):
            wanted, positions = np.unique(rows, return_inverse=True)
            slices = _read_rows(parquet, layout, row_group.row_group, wanted, each.assets)
            yield _join_items(slices, layout, each.assets, positions, answers)


def _join_items(
    slices: Iterator[pa.Table],
    layout: Layout,
    assets: Sequence[str],
    positions: NDArray[np.int64],
    answers: NDArray[np.int64],
) -> JoinedItems:
    """Decode rows slice by slice, and drop the pairs of rows without an id."""
    tables, named = [ITEMS.empty_table()], []
    for found in slices:
        named.append(find_named(found))
        tables.append(decode_rows(found.filter(pa.array(named[-1])), layout, assets))
    kept = np.concatenate(named)
    numbers = np.cumsum(kept) - 1
    pairs = kept[positions]
    items = pa.concat_tables(tables)
    return JoinedItems(items, numbers[positions[pairs]], answers[pairs], answers[~pairs])


def _open_parquet(source: pa.NativeFile, address: Address) -> pq.ParquetFile:
    # over a network, one request for neighbouring columns is faster than one for each
    return pq.ParquetFile(source, pre_buffer=address.scheme != "file")


def _read_rows(
    parquet: pq.ParquetFile,
    layout: Layout,
    row_group: int,
    rows: NDArray[np.int64],
    assets: Sequence[str],
) -> Iterator[pa.Table]:
    """Read some rows of a row group, in slices of limited size.

    Args:
        parquet: The file.
        layout: Its layout.
        row_group: Number of the row group.
        rows: Numbers of the rows, ascending.
        assets: Keys of the assets to read.
    """
    batches = parquet.iter_batches(
        _ROWS_AT_ONCE, [row_group], layout.item_columns(assets), use_threads=False
    )
    found: list[pa.RecordBatch] = []
    start = 0
    for batch in batches:
        first, end = np.searchsorted(rows, (start, start + len(batch)))
        found.append(batch.take(pa.array(rows[first:end] - start)))
        start += len(batch)
        if sum(map(len, found)) >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(found).combine_chunks()
            found = []
    if found:
        yield pa.Table.from_batches(found).combine_chunks()
