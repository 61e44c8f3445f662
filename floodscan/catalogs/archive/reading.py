"""Row groups of an archive, read once and joined with all searches that touch them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from floodscan.catalogs.archive.decode import decode_rows, find_named
from floodscan.catalogs.archive.index import describe_error
from floodscan.catalogs.archive.join import Searches, find_pairs, pair_with_answers
from floodscan.catalogs.archive.layout import Layout
from floodscan.catalogs.archive.outlines import find_touching
from floodscan.catalogs.archive.places import read_places
from floodscan.catalogs.archive.storage import forget_system, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.address import Address

_ROWS_AT_ONCE = 2048
_LEAST_ROWS = 1024


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
    """Items of a row group that answers get.

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
    """Join a row group, in numbers first, then by footprints, and read what is left."""
    box, times = np.array(row_group.box), np.array(row_group.times)
    read = partial(_read_rows, parquet, row_group.row_group)
    places = read_places(parquet, layout, row_group.row_group, mixed=len(row_group.collections) > 1)
    for each in asked:
        if each.collection not in row_group.collections:
            continue
        kept = None
        if places.collections is not None:
            kept = np.asarray(pc.equal(places.collections, each.collection).fill_null(False))
        searches = each.searches.take(each.searches.touch(box, times))
        rows, found = find_pairs(places, searches, kept)
        if not len(rows):
            continue
        wanted, positions = np.unique(rows, return_inverse=True)
        slices = read(layout.outline_columns, wanted)
        outlines, touching = find_touching(slices, positions, searches, found)
        left, places_left = np.unique(positions[touching], return_inverse=True)
        if len(left):
            pairs = _Pairs(outlines.take(left), places_left, searches.owners[found[touching]])
            slices = read(layout.item_columns(each.assets), wanted[left])
            yield from _join_items(slices, layout, each.assets, pairs)


class _Pairs(NamedTuple):
    """Rows and the answers that get them.

    Attributes:
        outlines: Columns ``geometry`` and ``extent`` of n rows.
        positions: A row of each pair, ascending, shape (pairs,).
        answers: The answer of each pair, shape (pairs,).
    """

    outlines: pa.Table
    positions: NDArray[np.int64]
    answers: NDArray[np.int64]

    def cut(self, start: int, n_rows: int) -> _Pairs:
        """Return the pairs of some rows, each once, by answer and then by row."""
        first, end = np.searchsorted(self.positions, (start, start + n_rows))
        positions, answers = self.positions[first:end] - start, self.answers[first:end]
        outlines = self.outlines.slice(start, n_rows)
        return _Pairs(outlines, *pair_with_answers(positions, answers, n_rows))


def _join_items(
    slices: Iterator[pa.Table], layout: Layout, assets: Sequence[str], pairs: _Pairs
) -> Iterator[JoinedItems]:
    """Decode rows slice by slice, and drop the pairs of rows without an id."""
    start = 0
    for found in slices:
        outlines, positions, answers = pairs.cut(start, len(found))
        named = find_named(found)
        items = decode_rows(_keep(found, named), _keep(outlines, named), layout, assets)
        kept, numbers = named[positions], np.cumsum(named) - 1
        yield JoinedItems(items, numbers[positions[kept]], answers[kept], answers[~kept])
        start += len(found)


def _keep(table: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
    """Filter a table, which copies it, only if it has to be."""
    return table if mask.all() else table.filter(pa.array(mask))


def _open_parquet(source: pa.NativeFile, address: Address) -> pq.ParquetFile:
    # over a network, one request for neighbouring columns is faster than one for each
    return pq.ParquetFile(source, pre_buffer=address.scheme != "file")


def _read_rows(
    parquet: pq.ParquetFile, row_group: int, names: list[str], rows: NDArray[np.int64]
) -> Iterator[pa.Table]:
    """Read some rows of a row group, in slices of limited size.

    Args:
        parquet: The file.
        row_group: Number of the row group.
        names: The columns to read.
        rows: Numbers of the rows, ascending.
    """
    batches = parquet.iter_batches(_ROWS_AT_ONCE, [row_group], names, use_threads=False)
    found: list[pa.RecordBatch] = []
    start = 0
    for batch in batches:
        first, end = np.searchsorted(rows, (start, start + len(batch)))
        if end - first == len(batch):
            found.append(batch)
        elif end > first:
            found.append(batch.take(pa.array(rows[first:end] - start)))
        start += len(batch)
        if sum(map(len, found)) >= _LEAST_ROWS:
            yield pa.Table.from_batches(found).combine_chunks()
            found = []
        if end == len(rows):
            break  # what follows is not decoded
    if found:
        yield pa.Table.from_batches(found).combine_chunks()
