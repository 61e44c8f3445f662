"""Several catalogs as one: a source per collection, and a fallback for time without coverage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from floodscan.catalogs import early
from floodscan.catalogs.archive import ArchiveCatalog
from floodscan.catalogs.archive.joined import JoinedCatalog
from floodscan.catalogs.cache import CachedCatalog
from floodscan.catalogs.stac_api import REQUEST_SECONDS, StacApiCatalog
from floodscan.errors import MissingCollectionError
from floodscan.planning.slots import plan_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from floodscan.catalogs.archive.coverage import Coverage
    from floodscan.catalogs.base import Answer, Catalog
    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import Batch, BatchPlan


NOT_HELD = "the catalog has no such collection"
"""Why it is not known what was acquired."""


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
        return self.find(search)[0].search(search)

    def find(self, search: Search) -> tuple[Catalog, str]:
        """Return the catalog that answers a search, and why it does."""
        named = search.collection in self.by_collection
        source = self.by_collection[search.collection] if named else self.main
        if self.fallback and isinstance(source, ArchiveCatalog) and not source.covers(search):
            return self.fallback, "fallback: the archive does not cover the window"
        return source, "named in the recipe" if named else "the catalog of the run"

    def map(self, change: Callable[[Catalog], Catalog]) -> Sources:
        """Change each of the catalogs."""
        return Sources(
            change(self.main),
            {name: change(each) for name, each in self.by_collection.items()},
            self.fallback and change(self.fallback),
        )


def check_collections(catalog: Catalog, recipe: Recipe) -> tuple[str, Recipe, dict[str, str]]:
    """Check that a catalog has the collections of a recipe.

    If it lacks one that is searched only for what was acquired, the recipe does without it.

    Returns:
        The STAC id of the catalog, the recipe, and why a collection of what was acquired is not
        searched, by collection.

    Raises:
        CatalogError: The catalog does not answer, or lacks a collection of a sensor.
    """
    try:
        return catalog.describe(recipe.collections), recipe, {}
    except MissingCollectionError:
        if not recipe.checks:
            raise
        left = recipe.without_checks()
        return catalog.describe(left.collections), left, dict.fromkeys(recipe.checks, NOT_HELD)


def find_unheld(catalog: Catalog, recipe: Recipe) -> list[str]:
    """List the collections for what was acquired that an archive should have, and lacks.

    Whether an API has them is known once it is asked.
    """
    return [
        name
        for name in recipe.checks
        if (source := _find_archive_of(catalog, name)) and name not in source.index.collections
    ]


def find_source(catalog: Catalog, search: Search) -> tuple[Catalog, str]:
    """Return the catalog that answers a search, and why it does."""
    if isinstance(catalog, JoinedCatalog):
        return find_source(catalog.rest, search)
    return (
        catalog.find(search)
        if isinstance(catalog, Sources)
        else (catalog, "the catalog of the run")
    )


def find_api(catalog: Catalog, search: Search) -> str | None:
    """Return the location of the STAC API that answers a search; None if another catalog does.

    An API can search several collections at once.
    """
    source, _ = find_source(catalog, search)
    return source.location if isinstance(source, CachedCatalog | StacApiCatalog) else None


def find_archive(catalog: Catalog, search: Search) -> ArchiveCatalog | None:
    """Return the archive that answers a search; None if requests do."""
    source, _ = find_source(catalog, search)
    return source if isinstance(source, ArchiveCatalog) else None


def plan_for(catalog: Catalog, batch: Batch, recipe: Recipe) -> BatchPlan:
    """Plan a batch: which of its searches are sent, and which are joined with an archive."""
    (plan,) = plan_each(catalog, [batch], recipe)
    return plan


def plan_each(catalog: Catalog, batches: Iterable[Batch], recipe: Recipe) -> Iterator[BatchPlan]:
    """Plan batches as ``plan_for`` does, some at once, which takes less time."""
    if list_archives(catalog):
        joins = partial(_has_archive, catalog)
        return plan_batches(batches, recipe, joins=joins, find_api=partial(find_api, catalog))
    return plan_batches(batches, recipe, find_api=_KnownApis(catalog).find)


def _has_archive(catalog: Catalog, search: Search) -> bool:
    return find_archive(catalog, search) is not None


@dataclass(frozen=True, slots=True)
class _KnownApis:
    """The API of each collection of a catalog without archives, which is the same at any time.

    Attributes:
        catalog: The catalog.
    """

    catalog: Catalog
    _by_collection: dict[str, str | None] = field(default_factory=dict)

    def find(self, search: Search) -> str | None:
        """Return what ``find_api`` does."""
        if search.collection not in self._by_collection:
            self._by_collection[search.collection] = find_api(self.catalog, search)
        return self._by_collection[search.collection]


def send_early(catalog: Catalog, searches: Iterable[Search], *, at_once: int) -> None:
    """Send searches to STAC APIs whose landing page is not read yet, so many at once."""
    drawn = []
    for search in searches:
        source, _ = find_source(catalog, search)
        if isinstance(source, CachedCatalog | StacApiCatalog):
            drawn.append(source.draw_early(search))
    early.send_early(dict(filter(None, drawn)), at_once=at_once)


def find_request_seconds(catalog: Catalog) -> float | None:
    """Return the time of a request to the slowest STAC API that was described; None without any."""
    found: list[float] = []

    def note(source: Catalog) -> Catalog:
        api = source.catalog if isinstance(source, CachedCatalog) else source
        if isinstance(api, StacApiCatalog) and api.url in REQUEST_SECONDS:
            found.append(REQUEST_SECONDS[api.url])
        return source

    change_sources(catalog, note)
    return max(found, default=None)


def measure_coverages(catalog: Catalog, collections: Iterable[str]) -> Iterator[Coverage]:
    """Measure what archives cover of collections; a collection of another catalog is left out."""
    for collection in collections:
        if source := _find_archive_of(catalog, collection):
            yield source.measure_coverage(collection)


def _find_archive_of(catalog: Catalog, collection: str) -> ArchiveCatalog | None:
    """Return the archive of a collection; None if another catalog has it."""
    sources = catalog.by_collection if isinstance(catalog, Sources) else {}
    main = catalog.main if isinstance(catalog, Sources) else catalog
    source = sources.get(collection, main)
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
