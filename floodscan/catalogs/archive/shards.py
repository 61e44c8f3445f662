"""Which row groups a set of searches needs, and their cut into shards: one task reads a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from floodscan.catalogs.archive.join import Searches
from floodscan.catalogs.archive.reading import CollectionSearches, RowGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.index import Index
    from floodscan.model import Search

_N_SHARDS = 16
_LEAST_BYTES, _MOST_BYTES = 1 << 20, 32 << 20


@dataclass(frozen=True, slots=True)
class Shard:
    """Row groups of an archive that one task reads, and the searches that touch them.

    Attributes:
        row_groups: The row groups, in the order of the archive.
        asked: The searches.
    """

    row_groups: tuple[RowGroup, ...]
    asked: tuple[CollectionSearches, ...]


def group_searches(searches: Iterable[tuple[Search, int]]) -> list[CollectionSearches]:
    """Group searches that read the same columns.

    Args:
        searches: Each search, with the number of the answer that gets its items.
    """
    by_kind: dict[tuple[str, tuple[str, ...]], list[tuple[Search, int]]] = {}
    for search, answer in searches:
        by_kind.setdefault((search.collection, search.assets), []).append((search, answer))
    return [CollectionSearches(*kind, Searches.of(found)) for kind, found in by_kind.items()]


def merge_groups(groups: Iterable[CollectionSearches]) -> list[CollectionSearches]:
    """Join groups of searches that read the same columns."""
    by_kind: dict[tuple[str, tuple[str, ...]], list[Searches]] = {}
    for group in groups:
        by_kind.setdefault((group.collection, group.assets), []).append(group.searches)
    return [CollectionSearches(*kind, Searches.join(found)) for kind, found in by_kind.items()]


def cut_shards(index: Index, asked: Sequence[CollectionSearches]) -> Iterator[Shard]:
    """Cut the row groups that any search touches into shards of similar size.

    Args:
        index: Index of the archive.
        asked: The searches.
    """
    numbers = find_row_groups(index, asked)
    for part in _cut(index, numbers):
        row_groups = tuple(_row_groups(index, part))
        yield Shard(row_groups, tuple(_narrow(asked, row_groups)))


def _cut(index: Index, numbers: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut row groups into parts of similar size, where a file ends if possible.

    To open a file takes as long as to read a part of it.
    """
    table = index.table.select(["file", "n_bytes"]).take(numbers)
    files, sizes = (table[name].to_pylist() for name in ("file", "n_bytes"))
    shard_bytes = min(max(sum(sizes) // _N_SHARDS, _LEAST_BYTES), _MOST_BYTES)
    first = n_bytes = 0
    for place, size in enumerate(sizes):
        begins = place > first and files[place] != files[place - 1]
        full = n_bytes + size > shard_bytes or (begins and n_bytes > shard_bytes // 2)
        if place > first and full:
            yield numbers[first:place]
            first, n_bytes = place, 0
        n_bytes += size
    if len(numbers):
        yield numbers[first:]


def find_row_groups(index: Index, asked: Sequence[CollectionSearches]) -> NDArray[np.intp]:
    """Return the rows of the index that any search touches, ascending."""
    touched: set[int] = set()
    for each in asked:
        for number in index.numbers_of(each.collection).tolist():
            if (
                number not in touched
                and each.searches.touch(index.boxes[number], index.times[number]).any()
            ):
                touched.add(number)
    return np.array(sorted(touched), dtype=np.intp)


def _row_groups(index: Index, numbers: NDArray[np.intp]) -> Iterator[RowGroup]:
    rows = (
        index.table.select(["file", "size", "row_group", "collections"]).take(numbers).to_pylist()
    )
    for number, row in zip(numbers.tolist(), rows, strict=True):
        box, times = index.boxes[number].tolist(), index.times[number].tolist()
        yield RowGroup(
            number,
            row["file"],
            row["size"],
            row["row_group"],
            tuple(row["collections"]),
            (box[0], box[1], box[2], box[3]),
            (times[0], times[1]),
        )


def _narrow(
    asked: Sequence[CollectionSearches], row_groups: Sequence[RowGroup]
) -> Iterator[CollectionSearches]:
    """Keep the searches that touch any of the row groups."""
    boxes = np.array([row_group.box for row_group in row_groups])
    times = np.array([row_group.times for row_group in row_groups])
    box = np.array([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)])
    span = np.array([times[:, 0].min(), times[:, 1].max()])
    there = {name for row_group in row_groups for name in row_group.collections}
    for each in asked:
        kept = each.searches.touch(box, span)
        if each.collection in there and kept.any():
            yield CollectionSearches(each.collection, each.assets, each.searches.take(kept))
