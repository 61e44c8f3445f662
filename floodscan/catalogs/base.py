"""The interface of every catalog: it answers a search with an ITEMS table."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from floodscan.catalogs.bisection import may_share_items
from floodscan.schemas import pack_table, unpack_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    from floodscan.catalogs.archive.coverage import Coverage
    from floodscan.model import Search


class MissingKind(StrEnum):
    """How a part of an answer is missing."""

    UNANSWERED = "unanswered"
    """The catalog did not answer, or gave up."""

    UNREADABLE = "unreadable"
    """A file of an archive, or a part of it, can't be read."""

    NOT_COVERED = "not_covered"
    """An archive has no items of that time at all."""


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A part of a search that was not answered.

    Attributes:
        search: The part.
        reason: Why it was not answered.
        kind: How it is missing.
        coverage: The time that is not missing; None if the part is missing whole.
    """

    search: Search
    reason: str
    kind: MissingKind = MissingKind.UNANSWERED
    coverage: Coverage | None = None

    def touches(self, search: Search) -> bool:
        """Return whether a search may find items in this part."""
        if self.search.wanted.keys().isdisjoint(search.wanted):
            return False
        if self.coverage is not None:
            return not self.coverage.covers(search)
        return may_share_items(self.search, search)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one search.

    Attributes:
        items: ITEMS table in no particular order, possibly with items beyond the search.
        complete: False if the catalog holds, or may hold, more items of the search.
        missing_parts: Parts of the search without a complete answer; empty if they are not known.
            Some may concern only other searches that were merged with it.
        n_requests: Number of requests, with every retry counted.
        n_pages: Number of pages.
        n_retries: Number of repeated requests.
        n_bisections: Number of cuts into halves.
        n_dropped: Number of features without a usable id, which are not among the items. One that
            was sent twice counts twice.
        cached: True if the answer came from a cache.
        seconds: Time that the search took.
        problem: Why the answer is not complete; None if it is, or if the reason is not known.
    """

    items: pa.Table
    complete: bool = True
    missing_parts: tuple[MissingPart, ...] = ()
    n_requests: int = 0
    n_pages: int = 0
    n_retries: int = 0
    n_bisections: int = 0
    n_dropped: int = 0
    cached: bool = False
    seconds: float = 0.0
    problem: str | None = None

    def __reduce__(self) -> tuple[Callable[..., Answer], tuple[pa.Buffer, dict[str, Any]]]:
        """Pickle the items as one buffer."""
        others = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "items"
        }
        return _unpack, (pack_table(self.items), others)

    @property
    def missing_kind(self) -> MissingKind | None:
        """How the first missing part is missing; None if none is known."""
        return self.missing_parts[0].kind if self.missing_parts else None

    @property
    def is_covered(self) -> bool:
        """Whether an archive covers the time of the search."""
        return self.missing_kind is not MissingKind.NOT_COVERED

    def answer_for(self, slot_search: Search) -> Answer:
        """Return it as the answer to one of the slot searches that were merged into its search."""
        if not self.missing_parts:
            return self
        touching = [each for each in self.missing_parts if each.touches(slot_search)]
        problem = touching[0].reason if touching else None
        return replace(self, complete=not touching, missing_parts=tuple(touching), problem=problem)


def _unpack(items: pa.Buffer, others: dict[str, Any]) -> Answer:
    return Answer(items=unpack_table(items), **others)


class Catalog(Protocol):
    """A source of STAC items. Implementations are small values that travel to workers."""

    @property
    def location(self) -> str:
        """URL or path without secrets, for messages and files."""
        ...

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the catalog answers and has these collections, and return its STAC id.

        Raises:
            CatalogError: It does not answer, or lacks a collection.
        """
        ...

    def search(self, search: Search) -> Answer:
        """Find the items of a collection in a box and a window.

        Raises:
            CatalogError: The catalog can't be reached or read, or answers with an error.
        """
        ...
