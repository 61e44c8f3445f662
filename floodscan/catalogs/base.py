"""What every catalogue is: a search goes in, an answer with an ITEMS table comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from floodscan.planning import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one search.

    Attributes:
        items: ITEMS table, in no particular order; it may hold more than was asked for.
        complete: False where the catalogue is known, or feared, to hold more than it gave.
        n_requests: Requests that were made.
        seconds: Time it took.
        problem: Why nothing came back; None where something did.
    """

    items: pa.Table
    complete: bool = True
    n_requests: int = 0
    seconds: float = 0.0
    problem: str | None = None


class Catalog(Protocol):
    """A source of STAC items. Implementations are small values that travel to workers."""

    @property
    def location(self) -> str:
        """URL or path, without secrets; may be shown and written."""
        ...

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the catalogue answers and has these collections, and tell the STAC id it goes by.

        Raises:
            CatalogError: It does not.
        """
        ...

    def search(self, search: Search) -> Answer:
        """Find the items of a collection in a box and a window.

        Raises:
            CatalogError: The catalogue can't be asked, or answers with an error.
        """
        ...
