"""What every catalog is: a search goes in, an answer with an ITEMS table comes out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from floodscan.catalogs.bisection import may_share_items
from floodscan.schemas import pack_table, unpack_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    from floodscan.model import Search


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A part of a search that was not answered.

    Attributes:
        search: The part.
        reason: Why.
    """

    search: Search
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one search.

    Attributes:
        items: ITEMS table, in no particular order; it may hold more than was asked for.
        complete: False where the catalog is known, or feared, to hold more than it gave.
        missing_parts: The parts that it is not complete in; none where that isn't known.
        n_requests: Requests that were made, each try counted.
        n_pages: Pages that were read.
        n_retries: Requests that were made again.
        n_bisections: Cuts into halves.
        cached: Whether it came out of a cache.
        seconds: Time it took.
        problem: Why nothing came back; None where something did.
    """

    items: pa.Table
    complete: bool = True
    missing_parts: tuple[MissingPart, ...] = ()
    n_requests: int = 0
    n_pages: int = 0
    n_retries: int = 0
    n_bisections: int = 0
    cached: bool = False
    seconds: float = 0.0
    problem: str | None = None

    def __reduce__(self) -> tuple[Callable[..., Answer], tuple[pa.Buffer, dict[str, Any]]]:
        """Be pickled with the items as one piece."""
        others = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "items"
        }
        return _unpack, (pack_table(self.items), others)

    def answer_for(self, slot_search: Search) -> Answer:
        """Look at it as the answer to one of the slot_searches that the search was made for."""
        if not self.missing_parts:
            return self
        touching = [
            missing_part
            for missing_part in self.missing_parts
            if may_share_items(missing_part.search, slot_search)
        ]
        problem = touching[0].reason if touching else None
        return replace(self, complete=not touching, missing_parts=tuple(touching), problem=problem)


def _unpack(items: pa.Buffer, others: dict[str, Any]) -> Answer:
    return Answer(items=unpack_table(items), **others)


class Catalog(Protocol):
    """A source of STAC items. Implementations are small values that travel to workers."""

    @property
    def location(self) -> str:
        """URL or path, without secrets; may be shown and written."""
        ...

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the catalog answers and has these collections, and tell the STAC id it goes by.

        Raises:
            CatalogError: It does not.
        """
        ...

    def search(self, search: Search) -> Answer:
        """Find the items of a collection in a box and a window.

        Raises:
            CatalogError: The catalog can't be asked, or answers with an error.
        """
        ...
