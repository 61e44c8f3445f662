"""The items of one search: each once, as tables, and no more than fit in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

import pyarrow as pa

from floodscan.catalogs.hrefs import find_self
from floodscan.catalogs.item_table import ItemGroup, parse_groups
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan.catalogs.limits import Limits
    from floodscan.catalogs.page_json import Item
    from floodscan.model import Search

_AT_ONCE = 1000
"""Items that are made a table at once: decoded items take more memory than their table."""

_KEY_BYTES = 200
"""Memory of an item's key, which is kept to recognize the item, without the letters of its id."""

_NOTHING = ITEMS.empty_table()  # takes a quarter of the CPU of a search without items


@dataclass(slots=True)
class FoundItems:
    """Items of a search so far.

    More items than the limits would not fit in memory beside the candidates that they become. To
    cut the search would not help, because its answer holds the items of all parts. Such a search
    therefore ends without any item: a part of the items would be as large, and nothing may be
    chosen from it.

    Attributes:
        search: The part of the search that is read.
        limits: Bounds the number and the size of the items.
        without_links: True if the items were asked for without their links.
        n_dropped: Number of features without a usable id.
        too_many: Why no more items are kept, and those before are dropped; None if all fit.
    """

    search: Search
    limits: Limits
    without_links: bool = False
    n_dropped: int = 0
    too_many: str | None = None
    _tables: list[pa.Table] = field(default_factory=list)
    _keys: set[tuple[str, str]] = field(default_factory=set)
    _key_bytes: int = 0
    _table_bytes: int = 0  # they take at most so much

    @property
    def n_items(self) -> int:
        """Number of items; it grows only."""
        return len(self._keys)

    def add(self, items: Sequence[Item], page_url: str) -> None:
        """Keep the items that are new.

        Args:
            items: Items of a page.
            page_url: Address of the page.
        """
        for start in range(0, len(items), _AT_ONCE):
            new = self._take_new(items[start : start + _AT_ONCE])
            if not new:
                continue
            self._tables += self._parse(new, page_url)
            self._key_bytes += sum([_KEY_BYTES + len(item.id) for item in new])
            self._check_size()

    def _parse(self, items: Sequence[Item], page_url: str) -> Iterator[pa.Table]:
        """Make a table for each collection: the assets of a grid are its own."""
        groups = [
            ItemGroup(
                [each for each in items if each.collection == collection]
                if self.search.also
                else items,
                collection,
                assets,
            )
            for collection, assets in self.search.wanted.items()
        ]
        groups = [group for group in groups if group.items]
        for table in parse_groups(groups, locate=partial(self._locate, page_url)):
            # twice as much, as columns may share buffers; ``nbytes`` takes several times as long
            self._table_bytes += 2 * table.get_total_buffer_size()
            yield table

    def table(self) -> pa.Table:
        """Return the items as an ITEMS table; it has no rows if there are more than may be kept."""
        return pa.concat_tables(self._tables) if self._tables else _NOTHING

    def _check_size(self) -> None:
        limit = self.limits.max_items
        if not self._fits():
            self._table_bytes = sum(table.nbytes for table in self._tables)
        if not self._fits():
            size = f"{self.limits.max_items_bytes / 2**20:g} MiB"
            self.too_many = f"the first {self.n_items} items take more than {size} of memory"
        elif self.n_items > limit:
            self.too_many = f"there are more than {limit} items"
        else:
            return
        self.too_many += "; make the area or the windows smaller"
        self._tables.clear()

    def _fits(self) -> bool:
        return self._key_bytes + self._table_bytes <= self.limits.max_items_bytes

    def _take_new(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that were not there before; none if no more are kept."""
        if self.too_many:
            return []
        new = []
        for item in items:
            key = (item.collection or self.search.collection, item.id)
            if key not in self._keys:
                self._keys.add(key)
                new.append(item)
        return new

    def _locate(self, page_url: str, item: Item) -> str:
        return locate(item, page_url, self.search.collection, without_links=self.without_links)


def locate(item: Item, page_url: str, collection: str, *, without_links: bool) -> str:
    """Return the address of an item, to which its relative hrefs refer.

    It is the item's link ``self``. If the items were asked for without links, it is the address
    that each item has beside the search endpoint (OGC API - Features,
    https://docs.ogc.org/is/17-069r4/17-069r4.html#_items_). Else it is that of the page.

    Args:
        item: The item.
        page_url: Address of its page.
        collection: Collection of an item that names none.
        without_links: Whether the items were asked for without their links.
    """
    link = find_self(bytes(item.links))
    if link is None and without_links:
        owner = quote(item.collection or collection, safe="")
        link = f"collections/{owner}/items/{quote(item.id, safe='')}"
    return page_url if link is None else urljoin(page_url, link)
