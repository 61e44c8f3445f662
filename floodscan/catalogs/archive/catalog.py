"""An archive as a catalog.

A sweep does not search an archive: it joins it with many searches at once, see ``joined``. A single
search is a join with one search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from floodscan.catalogs.archive.address import Address
from floodscan.catalogs.archive.coverage import Coverage, measure_coverage
from floodscan.catalogs.archive.index import Index, read_index
from floodscan.catalogs.archive.reading import JoinedItems, Unreadable, join_row_groups
from floodscan.catalogs.archive.shards import cut_shards, group_searches
from floodscan.catalogs.base import Answer, MissingKind, MissingPart
from floodscan.errors import CatalogError, MissingCollectionError
from floodscan.model import Search, TimeWindow
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs.archive.reading import RowGroup

_WORLD = (-180.0, -90.0, 180.0, 90.0)
_HELD: dict[Address, Index] = {}
"""The indexes that this process has read."""


@dataclass(frozen=True, slots=True)
class ArchiveCatalog:
    """Items in stac-geoparquet.

    Attributes:
        address: Where the files are.
        label: Name to show instead of the address.
    """

    address: Address
    label: str | None = None

    @classmethod
    def at(cls, text: str, *, label: str | None = None) -> ArchiveCatalog:
        """Open an archive by its address.

        Raises:
            CatalogError: The address names no archive.
        """
        try:
            return cls(Address.parse(text), label)
        except ValueError as err:
            raise CatalogError(text.partition("?")[0], str(err)) from None

    @property
    def location(self) -> str:
        """The label, or the address without secrets."""
        return self.label or self.address.public

    @property
    def is_remote(self) -> bool:
        """Whether it is read over a network."""
        return self.address.scheme != "file"

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the archive can be read and has these collections, and return its STAC id."""
        index = self.read_index()
        for collection in collections:
            if collection not in index.collections:
                there = ", ".join(index.collections)
                problem = f"has no collection '{collection}'; it has {there}"
                raise MissingCollectionError(self.location, problem)
        return index.catalog_id or self.address.name

    def digest(self) -> str:
        """Return a digest of the footers of its files, which sum up their content.

        A copy of an archive has the same digest.
        """
        return self.read_index().digest

    def read_index(self) -> Index:
        """Read the index, as the files are now."""
        _HELD[self.address] = read_index(self.address)
        return _HELD[self.address]

    @property
    def index(self) -> Index:
        """The index, as this process read it last."""
        return _HELD.get(self.address) or self.read_index()

    def measure_coverage(self, collection: str) -> Coverage:
        """Return the time that the archive covers for a collection."""
        return measure_coverage(self.index, collection)

    def covers(self, search: Search) -> bool:
        """Return whether the archive covers the whole window of a search."""
        return self.measure_coverage(search.collection).covers(search)

    def search(self, search: Search) -> Answer:
        """Find items by the columns ``collection``, ``bbox`` and ``datetime``."""
        tables, missing = [ITEMS.empty_table()], [self.find_uncovered(search.collection)]
        n_dropped = 0
        for shard in cut_shards(self.index, group_searches([(search, 0)])):
            for found in join_row_groups(self.address, shard.row_groups, shard.asked):
                if isinstance(found, JoinedItems):
                    tables.append(found.items.take(pa.array(found.rows)))
                    n_dropped += len(found.dropped)
                else:
                    missing += self.list_missing(found, [search.collection])
        items = pa.concat_tables(tables)
        answer = Answer(items=items, missing_parts=tuple(missing), n_dropped=n_dropped)
        return answer.answer_for(search)

    def find_uncovered(self, collection: str) -> MissingPart:
        """Return the time that the archive does not cover."""
        coverage = self.measure_coverage(collection)
        # without the location: a copy of an archive gives the same bytes
        reason = f"the archive covers {collection} in {coverage}"
        all_time = Search(collection, _WORLD, None, ())
        return MissingPart(all_time, reason, MissingKind.NOT_COVERED, coverage)

    def list_missing(self, unreadable: Unreadable, collections: Iterable[str]) -> list[MissingPart]:
        """List what a row group that can't be read leaves missing."""
        row_group = unreadable.row_group
        window = _window_of(row_group)
        return [
            MissingPart(
                Search(name, row_group.box, window, ()), unreadable.reason, MissingKind.UNREADABLE
            )
            for name in collections
            if name in row_group.collections
        ]


def _window_of(row_group: RowGroup) -> TimeWindow | None:
    """Return the time of a row group; None if it is not known."""
    limits = np.iinfo(np.int64)
    if row_group.times == (limits.min, limits.max):
        return None
    start, end = pa.array(row_group.times, pa.timestamp("us", tz="UTC")).to_pylist()
    return TimeWindow(start, end)
