"""What a sweep will take from each of its sources: searches, or row groups and bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.shards import find_row_groups, group_searches
from floodscan.catalogs.sources import find_source
from floodscan.planning.slots import LOT_EVENTS, SMALL_LOT

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
        n_not_covered: Number of slots whose window the archive does not cover.
        n_row_groups: Number of row groups to read; None for an API.
        n_bytes: Bytes of these at most, as they are stored.
        n_groups_read: How often a row group is read: each lot of events reads its own.
        n_bytes_read: Bytes of these.
        coverage: The days that an archive covers; None for an API, or if windows are all time.
        n_without_id: Number of rows without an id, which are left out.
    """

    collection: str
    source: str
    why: str
    n_slots: int
    n_searches: int
    n_not_covered: int
    n_row_groups: int | None = None
    n_bytes: int = 0
    n_groups_read: int = 0
    n_bytes_read: int = 0
    coverage: str | None = None
    n_without_id: int = 0


@dataclass(slots=True)
class _ArchiveUse:
    """What a sweep takes from an archive for one collection.

    Attributes:
        archive: The archive.
        lot: Slot searches of the lot that is being counted, as ``group_searches`` takes them.
        n_reads: How often each row group is read, shape (row groups,).
        last: Numbers of the row groups that the last lot reads.
        has_windows: Whether any slot search has a time window.
    """

    archive: ArchiveCatalog
    lot: list[tuple[Search, int]] = field(default_factory=list)
    n_reads: NDArray[np.int64] = field(init=False)
    last: NDArray[np.intp] = field(init=False)
    has_windows: bool = False

    def __post_init__(self) -> None:
        """Start with no row group read."""
        self.n_reads = np.zeros(len(self.archive.index.table), np.int64)
        self.last = np.empty(0, np.intp)

    def add(self, search: Search) -> None:
        """Add a slot search to the lot."""
        self.lot.append((search, 0))
        self.has_windows |= search.window is not None

    def end_lot(self, *, is_remainder: bool) -> None:
        """Count the row groups that the lot reads; a remainder is added to the lot before it."""
        numbers = find_row_groups(self.archive.index, group_searches(self.lot))
        self.n_reads[np.setdiff1d(numbers, self.last) if is_remainder else numbers] += 1
        self.last = numbers
        self.lot.clear()

    def measure(self, collection: str) -> dict[str, Any]:
        """Return the fields of a ``SourceUse`` that only archives have."""
        sizes, without_id = (
            self.archive.index.table[name].to_numpy() for name in ("n_bytes", "n_without_id")
        )
        is_read = self.n_reads > 0
        coverage = str(self.archive.measure_coverage(collection)) if self.has_windows else None
        return {
            "n_row_groups": int(is_read.sum()),
            "n_bytes": int(sizes[is_read].sum()),
            "n_groups_read": int(self.n_reads.sum()),
            "n_bytes_read": int(self.n_reads @ sizes),
            "coverage": coverage,
            "n_without_id": int(without_id[is_read].sum()),
        }


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
    _archives: dict[Key, _ArchiveUse] = field(default_factory=dict)
    _n_lot_events: int = 0

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
            self._end_lot(is_remainder=False)

    def _add_search(self, search: Search, n_slots: int) -> Key:
        source, why = find_source(self.catalog, search)
        key = (search.collection, source.location)
        self._reasons[key] = why
        self._n_slots[key] += n_slots
        if isinstance(source, ArchiveCatalog):
            if key not in self._archives:
                self._archives[key] = _ArchiveUse(source)
            self._archives[key].add(search)
            if not source.covers(search):
                self._not_covered.add(search)
                self._n_not_covered[key] += n_slots
        return key

    def covers(self, search: Search) -> bool:
        """Return whether the source of a slot search covers it, one of the batch added last."""
        return search not in self._not_covered

    def _end_lot(self, *, is_remainder: bool) -> None:
        for use in self._archives.values():
            use.end_lot(is_remainder=is_remainder)
        self._n_lot_events = 0

    def list_uses(self) -> Iterator[SourceUse]:
        """Yield the use of each source, by collection; the last lot ends here."""
        self._end_lot(is_remainder=self._n_lot_events <= SMALL_LOT * LOT_EVENTS)
        for key, n_slots in self._n_slots.items():
            collection, source = key
            archive = self._archives.get(key)
            yield SourceUse(
                collection=collection,
                source=source,
                why=self._reasons[key],
                n_slots=n_slots,
                n_searches=self._n_searches[key],
                n_not_covered=self._n_not_covered[key],
                **(archive.measure(collection) if archive else {}),
            )


def add_reads(size: SweepSize, uses: Sequence[SourceUse]) -> SweepSize:
    """Return the size of a sweep with the row groups that it reads."""
    return replace(
        size,
        n_row_groups=sum(use.n_groups_read for use in uses),
        n_bytes=sum(use.n_bytes_read for use in uses),
    )
