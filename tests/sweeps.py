"""Sweeps of several batches over the demo's snapshot, and catalogs with faults that only a sweep shows."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from floodscan import Recipe
from floodscan.catalogs import Answer, Catalog, open_catalog
from floodscan.inputs.event_files import load_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from floodscan import Event
    from floodscan.model import Search

POISON = (100.0, 10.0, 100.5, 10.5)
"""Box of an event that ends its workers."""

(DEMO,) = load_events("demo", phase_offset_days=Recipe().phase_offset_days)


def demo_copies(n: int) -> list[Event]:
    """Copy the demo event under other names."""
    return [replace(DEMO, event_id=f"copy-{number:03}") for number in range(n)]


def write_table(path: Path, events: Sequence[Event]) -> Path:
    """Write events as CSV, to be read as the same events."""
    columns = ["event_id", "west", "south", "east", "north", "target_crs", *DEMO.phase_dates]
    rows = [
        ",".join(map(str, [e.event_id, *e.bbox, e.target_crs, *e.phase_dates.values()]))
        for e in events
    ]
    path.write_text("\n".join([",".join(columns), *rows, ""]))
    return path


@dataclass(frozen=True)
class DeadlyCatalog:
    """The demo's snapshot.

    Who searches at a place is killed, as by a fault in a library or for want of memory.

    Attributes:
        deaths: Folder with a file per death.
        most_deaths: After so many it kills no more.
        unlucky_at: After so many it kills whoever is next, wherever he searches.
    """

    deaths: Path
    most_deaths: int = 1000
    unlucky_at: int | None = None
    location: str = "deadly"

    def describe(self, collections: Iterable[str]) -> str:
        """Tell the demo's id."""
        return open_catalog("demo").describe(collections)

    def search(self, search: Search) -> Answer:
        """Answer, or end this process."""
        west, south, east, north = search.bbox
        near = west <= POISON[0] and south <= POISON[1] and east >= POISON[2] and north >= POISON[3]
        deaths = len(list(self.deaths.iterdir()))
        if (near and deaths < self.most_deaths) or deaths == self.unlucky_at:
            (self.deaths / f"{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return open_catalog("demo").search(search)


_: Catalog = DeadlyCatalog(Path())
