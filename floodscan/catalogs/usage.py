"""What a sweep will take from each of its sources: searches, or row groups and bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.shards import find_row_groups, group_searches
from floodscan.catalogs.sources import find_source
from floodscan.planning.slots import LOT_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from floodscan.catalogs.base import Catalog
    from floodscan.model import Search
    from floodscan.planning.estimate import SweepSize
    from floodscan.planning.slots import BatchPlan

    Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUse:
    """What a sweep takes from a source for one collection.

    Attributes:
        collection: STAC collection id.
        source: Location of the source.
        why: Why the source is used.
        n_slots: Number of slots that it feeds.
        n_searches: Number of searches to send; 0 for an archive. A search of several collections
            counts for each.
        n_row_groups: Number of row groups to read; None for an API.
        n_bytes: Bytes of these at most, as they are stored.
        n_groups_read: How often a row group is read: each lot of events reads its own.
        n_bytes_read: Bytes of these.
        coverage: The days that an archive covers; None for an API, or if windows are all time.
        n_not_covered: Number of slots whose window the archive does not cover.
        n_without_id: Number of rows without an id, which are left out.
    """

    collection: str
    source: str
    why: str
    n_slots: int
    n_searches: int
    n_row_groups: int | None
    n_bytes: int
    n_groups_read: int
    n_bytes_read: int
    coverage: str | None
    n_not_covered: int
    n_without_id: int


@dataclass(slots=True)
class UsageCounter:
    """Counts what the batches of a sweep take from each source.

    Attributes:
        catalog: The catalog of the sweep.
    """

    catalog: Catalog
    _n_slots: Counter[Key] = field(default_factory=Counter)
    _n_searches: Counter[Key] = field(default_factory=Counter)
    _n_not_covered: Counter[Key] = field(default_factory=Counter)
    _reasons: dict[Key, str] = field(default_factory=dict)
    _not_covered: set[Search] = field(default_factory=set)
    _dated: set[Key] = field(default_factory=set)
    _archives: dict[Key, ArchiveCatalog] = field(default_factory=dict)
    _lot: dict[Key, list[tuple[Search, int]]] = field(default_factory=dict)
    _n_lot_events: int = 0
    _n_reads: dict[Key, NDArray[np.int64]] = field(default_factory=dict)

    def count(self, batches: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """Count batches as they pass by."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: BatchPlan) -> None:
        """Count the slots and searches of a batch."""
        self._not_covered.clear()
        sent: set[tuple[Search, Key]] = set()
        for plan in batch.plans:
            asked = Counter(search for slot in plan.slots for search in slot.searches)
            for search, n_slots in asked.items():
                key = self._add_search(search, n_slots)
                sent.add((batch.merged_search_for(search), key))
        self._n_searches.update(key for search, key in sent if not search.joined)
        self._n_lot_events += len(batch.plans)
        if self._n_lot_events >= LOT_EVENTS:
            self._end_lot()

    def _add_search(self, search: Search, n_slots: int) -> Key:
        source, why = find_source(self.catalog, search)
        key = (search.collection, source.location)
        self._reasons[key] = why
        self._n_slots[key] += n_slots
        if isinstance(source, ArchiveCatalog):
            self._archives[key] = source
            self._lot.setdefault(key, []).append((search, 0))
            if search.window is not None:
                self._dated.add(key)
            if not source.covers(search):
                self._not_covered.add(search)
                self._n_not_covered[key] += n_slots
        return key

    def covers(self, search: Search) -> bool:
        """Return whether the source of a slot search covers it, one of the batch added last."""
        return search not in self._not_covered

    def _end_lot(self) -> None:
        """Count the row groups that a lot reads, see ``floodscan.engine.joining``."""
        for key, searches in self._lot.items():
            index = self._archives[key].index
            n_reads = self._n_reads.setdefault(key, np.zeros(len(index.table), np.int64))
            n_reads[find_row_groups(index, group_searches(searches))] += 1
        self._lot.clear()
        self._n_lot_events = 0

    def list_uses(self) -> Iterator[SourceUse]:
        """Yield the use of each source, by collection; the last lot ends here."""
        self._end_lot()
        for key, n_slots in self._n_slots.items():
            collection, source = key
            n_bytes = n_without_id = n_groups_read = n_bytes_read = 0
            n_row_groups = coverage = None
            if key in self._archives:
                archive, n_reads = self._archives[key], self._n_reads[key]
                sizes, unnamed = (
                    archive.index.table[name].to_numpy() for name in ("n_bytes", "n_without_id")
                )
                n_row_groups = int(np.count_nonzero(n_reads))
                n_bytes, n_without_id = (int(each[n_reads > 0].sum()) for each in (sizes, unnamed))
                n_groups_read, n_bytes_read = int(n_reads.sum()), int(n_reads @ sizes)
                dated = key in self._dated
                coverage = str(archive.measure_coverage(collection)) if dated else None
            yield SourceUse(
                collection=collection,
                source=source,
                why=self._reasons[key],
                n_slots=n_slots,
                n_searches=self._n_searches[key],
                n_row_groups=n_row_groups,
                n_bytes=n_bytes,
                n_groups_read=n_groups_read,
                n_bytes_read=n_bytes_read,
                coverage=coverage,
                n_not_covered=self._n_not_covered[key],
                n_without_id=n_without_id,
            )


def add_reads(size: SweepSize, uses: Sequence[SourceUse]) -> SweepSize:
    """Return the size of a sweep with the row groups that it reads."""
    return replace(
        size,
        n_row_groups=sum(use.n_groups_read for use in uses),
        n_bytes=sum(use.n_bytes_read for use in uses),
    )
