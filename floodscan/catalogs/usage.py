"""What a sweep will take from each of its sources: searches, or row groups and bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from floodscan.catalogs.archive.shards import find_row_groups, group_searches
from floodscan.catalogs.sources import find_archive, find_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.catalogs.archive import ArchiveCatalog
    from floodscan.catalogs.base import Catalog
    from floodscan.model import Search
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
    _joined: dict[Key, tuple[ArchiveCatalog, list[tuple[Search, int]]]] = field(
        default_factory=dict
    )

    def count(self, batches: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """Count batches as they pass by."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: BatchPlan) -> None:
        """Count the slots and searches of a batch."""
        sent: set[tuple[Search, Key]] = set()
        for plan in batch.plans:
            asked = Counter(search for slot in plan.slots for search in slot.searches)
            for search, n_slots in asked.items():
                key = self._add_search(search, n_slots)
                sent.add((batch.merged_search_for(search), key))
        self._n_searches.update(key for search, key in sent if not search.joined)

    def _add_search(self, search: Search, n_slots: int) -> Key:
        source, why = find_source(self.catalog, search)
        key = (search.collection, source.location)
        self._reasons[key] = why
        self._n_slots[key] += n_slots
        if (archive := find_archive(self.catalog, search)) is not None:
            self._joined.setdefault(key, (archive, []))[1].append((search, 0))
            if not archive.covers(search):
                self._n_not_covered[key] += n_slots
        return key

    def list_uses(self) -> Iterator[SourceUse]:
        """Yield the use of each source, by collection."""
        for key, n_slots in self._n_slots.items():
            collection, source = key
            n_bytes = n_without_id = 0
            n_row_groups = coverage = None
            if key in self._joined:
                archive, searches = self._joined[key]
                numbers = find_row_groups(archive.index, group_searches(searches))
                rows = archive.index.table.take(numbers)
                n_row_groups, n_bytes = len(numbers), sum(rows["n_bytes"].to_pylist())
                n_without_id = sum(rows["n_without_id"].to_pylist())
                dated = any(search.window for search, _ in searches)
                coverage = str(archive.measure_coverage(collection)) if dated else None
            yield SourceUse(
                collection=collection,
                source=source,
                why=self._reasons[key],
                n_slots=n_slots,
                n_searches=self._n_searches[key],
                n_row_groups=n_row_groups,
                n_bytes=n_bytes,
                coverage=coverage,
                n_not_covered=self._n_not_covered[key],
                n_without_id=n_without_id,
            )
