"""A catalogue that takes its time, so that something can happen meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floodscan.catalogs import open_catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Answer, Catalog
    from floodscan.searches import Search


@dataclass(frozen=True, slots=True)
class SlowDemo:
    """The demo's catalogue, every search of which takes some seconds.

    Attributes:
        seconds: How many.
    """

    seconds: float

    @property
    def _demo(self) -> Catalog:
        return open_catalog("demo")

    @property
    def location(self) -> str:
        """That of the demo's catalogue."""
        return self._demo.location

    def describe(self, collections: Iterable[str]) -> str:
        """Ask the demo's catalogue."""
        return self._demo.describe(collections)

    def search(self, search: Search) -> Answer:
        """Ask the demo's catalogue, after a while."""
        time.sleep(self.seconds)
        return self._demo.search(search)
