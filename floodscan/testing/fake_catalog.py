"""A catalog for tests and benchmarks: known items, and faults on demand.

A search passes the faults in their order and then reaches the source::

    away = RaiseError(CatalogError("fake", "is away"), collection="sentinel-2-l2a")
    scan("demo", catalog=FakeCatalog(faults=(away,)), out=folder)

All values here can be pickled, so that a catalog works on the workers of a cluster too.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import shapely

from floodscan.catalogs import Answer, open_catalog
from floodscan.catalogs.item_table import parse_items
from floodscan.catalogs.page_json import decode_items
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from floodscan.catalogs import Catalog
    from floodscan.model import Search
    from floodscan.testing.stac_items import Item

    Ask = Callable[[Search], Answer]
    Box = tuple[float, float, float, float]

_POLL_SECONDS = 0.05
_ONE_AT_A_TIME = threading.Lock()
_RELEASED = "released"


class Fault(Protocol):
    """Stands between a search and its answer."""

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Answer the search, with or without asking the source."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCatalog:
    """A source of items with faults in front of it.

    Attributes:
        source: Catalog that knows the items; by default the bundled demo.
        faults: What happens to a search on its way to the source, the first fault first.
        location: Name in messages and in the run's provenance.
    """

    source: Catalog = field(default_factory=lambda: open_catalog("demo"))
    faults: tuple[Fault, ...] = ()
    location: str = "fake"

    def describe(self, collections: Iterable[str]) -> str:
        """Check the collections and return the id of the source."""
        return self.source.describe(collections)

    def search(self, search: Search) -> Answer:
        """Pass the search through the faults to the source."""
        ask: Ask = self.source.search
        for fault in reversed(self.faults):
            ask = partial(fault, ask=ask)
        return ask(search)


@dataclass(frozen=True, slots=True)
class NoItems:
    """A source that has every collection and no items, and answers at once."""

    location: str = "no-items"

    def describe(self, collections: Iterable[str]) -> str:
        """Accept all collections and return the id."""
        del collections
        return self.location

    def search(self, search: Search) -> Answer:
        """Find nothing, with one request."""
        del search
        return Answer(items=ITEMS.empty_table(), n_requests=1)


@dataclass(frozen=True, slots=True)
class ItemsInMemory:
    """A source of items that are held in memory and found by their footprints.

    Attributes:
        tables: ITEMS by collection.
        trees: Spatial index of the footprints of each table.
        location: Name and id.
    """

    tables: Mapping[str, pa.Table]
    trees: Mapping[str, shapely.STRtree]
    location: str = "items-in-memory"

    @classmethod
    def read(cls, items: Iterable[Item], assets: Mapping[str, tuple[str, ...]]) -> ItemsInMemory:
        """Read STAC items.

        Args:
            items: Items of any of the collections.
            assets: Keys of the assets that a search may ask for, by collection.
        """
        by_collection: dict[str, list[Item]] = {name: [] for name in assets}
        for item in items:
            by_collection[item["collection"]].append(item)
        tables = {
            name: parse_items(decode_items(found), collection=name, assets=assets[name])
            for name, found in by_collection.items()
        }
        footprints = {name: table["geometry"].to_numpy() for name, table in tables.items()}
        trees = {name: shapely.STRtree(shapely.from_wkb(wkb)) for name, wkb in footprints.items()}
        return cls(tables, trees)

    def describe(self, collections: Iterable[str]) -> str:
        """Accept all collections and return the id."""
        del collections
        return self.location

    def search(self, search: Search) -> Answer:
        """Find items by the box alone: windows are applied to every answer later on."""
        if search.collection not in self.tables:
            return Answer(items=ITEMS.empty_table(), n_requests=1)
        found = self.trees[search.collection].query(shapely.box(*search.bbox))
        return Answer(items=self.tables[search.collection].take(np.sort(found)), n_requests=1)


@dataclass(frozen=True, slots=True)
class RaiseError:
    """Fail searches in a collection, or at a place.

    Attributes:
        error: Raised instead of an answer.
        collection: Only searches in this collection fail; None is every collection.
        box: Only searches that contain this box (west, south, east, north) fail; None is anywhere.
    """

    error: Exception
    collection: str | None = None
    box: Box | None = None

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Raise the error, or ask the source."""
        here = self.box is None or _contains(search, self.box)
        if here and self.collection in {None, search.collection}:
            raise self.error
        return ask(search)


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Mark the answers about a collection as incomplete; their items stay."""

    collection: str

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Ask the source, and mark the answer."""
        answer = ask(search)
        return replace(answer, complete=search.collection != self.collection)


@dataclass(frozen=True, slots=True)
class WithoutItems:
    """Answer searches in a collection without items, as a complete answer."""

    collection: str

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Ask the source, and drop the items."""
        answer = ask(search)
        dropped = search.collection == self.collection
        return replace(answer, items=answer.items.slice(0, 0)) if dropped else answer


@dataclass(frozen=True, slots=True, kw_only=True)
class KillProcess:
    """Kill the process that searches at a place, as a crash in a library or lack of memory does.

    Attributes:
        box: The place (west, south, east, north); a search that contains it is fatal.
        deaths: Folder, shared by all workers, that gets a file for each death.
        most_deaths: After this number of deaths the place is harmless.
        unlucky_at: After this number of deaths the next search is fatal, wherever it is.
    """

    box: Box
    deaths: Path
    most_deaths: int = 1000
    unlucky_at: int | None = None

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """End this process, or ask the source."""
        n_deaths = len(list(self.deaths.iterdir()))
        fatal = _contains(search, self.box)
        if (fatal and n_deaths < self.most_deaths) or n_deaths == self.unlucky_at:
            (self.deaths / f"{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return ask(search)


@dataclass(frozen=True, slots=True)
class HoldSearches:
    """Let a number of searches pass and hold all others until they are released.

    A process makes one search at a time. So a test finds a sweep in the middle of its work.

    Attributes:
        folder: Folder, shared by all workers, that gets a file for each search.
        n_passed: Number of searches that are not held.
    """

    folder: Path
    n_passed: int

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Wait for the release where it is needed, then ask the source."""
        with _ONE_AT_A_TIME:
            (self.folder / uuid.uuid4().hex).touch()
            while self.is_holding():
                time.sleep(_POLL_SECONDS)
        return ask(search)

    def is_holding(self) -> bool:
        """Return True while a search is held."""
        n_searches = len(list(self.folder.iterdir()))
        return not (self.folder / _RELEASED).exists() and n_searches > self.n_passed

    def release(self) -> None:
        """Let all searches pass, now and later."""
        (self.folder / _RELEASED).touch()


def _contains(search: Search, box: Box) -> bool:
    (west, south, east, north), (left, low, right, high) = search.bbox, box
    return west <= left and south <= low and east >= right and north >= high


if TYPE_CHECKING:
    _SOURCES: tuple[type[Catalog], ...] = (FakeCatalog, NoItems, ItemsInMemory)
