"""Several catalogs as one: a source per collection, and a fallback for time without coverage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.joined import JoinedCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from floodscan.catalogs.base import Answer, Catalog
    from floodscan.model import Search


@dataclass(frozen=True, slots=True)
class Sources:
    """A catalog that sends each search to one of several catalogs.

    Attributes:
        main: Answers searches in all collections without a source of their own.
        by_collection: The source of each other collection.
        fallback: Answers searches in time that an archive does not cover; None leaves their slots
            empty.
    """

    main: Catalog
    by_collection: Mapping[str, Catalog]
    fallback: Catalog | None = None

    @property
    def location(self) -> str:
        """The locations of all sources, for messages and files."""
        own = [f"{name}: {each.location}" for name, each in sorted(self.by_collection.items())]
        fallback = [f"fallback: {self.fallback.location}"] if self.fallback else []
        return "; ".join([self.main.location, *own, *fallback])

    def describe(self, collections: Iterable[str]) -> str:
        """Check that each source has its collections, and return the ids of all sources."""
        names = list(collections)
        of_main = [name for name in names if name not in self.by_collection]
        own = [name for name in names if name in self.by_collection]
        ids = [self.main.describe(of_main)] if of_main else []
        ids += [self.by_collection[name].describe([name]) for name in own]
        if self.fallback:
            ids.append(self.fallback.describe(names))
        return " + ".join(dict.fromkeys(ids))

    def search(self, search: Search) -> Answer:
        """Search the source of a collection, or the fallback."""
        return self.source_of(search).search(search)

    def source_of(self, search: Search) -> Catalog:
        """Return the catalog that answers a search."""
        source = self.by_collection.get(search.collection, self.main)
        if self.fallback and isinstance(source, ArchiveCatalog) and not source.covers(search):
            return self.fallback
        return source

    def map(self, change: Callable[[Catalog], Catalog]) -> Sources:
        """Change each of the catalogs."""
        return Sources(
            change(self.main),
            {name: change(each) for name, each in self.by_collection.items()},
            self.fallback and change(self.fallback),
        )


def find_archive(catalog: Catalog, search: Search) -> ArchiveCatalog | None:
    """Return the archive that answers a search; None if requests do."""
    if isinstance(catalog, JoinedCatalog):
        return find_archive(catalog.rest, search)
    source = catalog.source_of(search) if isinstance(catalog, Sources) else catalog
    return source if isinstance(source, ArchiveCatalog) else None


def list_archives(catalog: Catalog) -> list[ArchiveCatalog]:
    """List the archives among the sources of a catalog, each once."""
    if isinstance(catalog, JoinedCatalog):
        return list_archives(catalog.rest)
    if not isinstance(catalog, Sources):
        return [catalog] if isinstance(catalog, ArchiveCatalog) else []
    others = [catalog.fallback] if catalog.fallback else []
    sources = [catalog.main, *catalog.by_collection.values(), *others]
    return list(dict.fromkeys(each for each in sources if isinstance(each, ArchiveCatalog)))


def change_sources(catalog: Catalog, change: Callable[[Catalog], Catalog]) -> Catalog:
    """Change each catalog that sends requests."""
    if isinstance(catalog, JoinedCatalog):
        return replace(catalog, rest=change_sources(catalog.rest, change))
    return catalog.map(change) if isinstance(catalog, Sources) else change(catalog)
