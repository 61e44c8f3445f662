"""Sweeps of copies of the demo, and the demo's catalog with faults."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from floodscan import CatalogError, Recipe
from floodscan.inputs.event_files import load_events
from floodscan.testing.fake_catalog import FakeCatalog, KillProcess, RaiseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan import Event
    from floodscan.testing.fake_catalog import Fault

POISON = (100.0, 10.0, 100.5, 10.5)
"""The box of an event whose searches kill their workers."""

OPTICAL = "sentinel-2-l2a"
GATEWAY_TIMEOUT = RaiseError(
    CatalogError("faulty", "answered with HTTP status 504"), collection=OPTICAL
)
"""Fails all searches for optical scenes."""

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


def faulty_demo(*faults: Fault) -> FakeCatalog:
    """Put faults before the demo; with other faults it is the same catalog to a run."""
    return FakeCatalog(faults=faults, location="faulty")


def deadly_demo(
    deaths: Path,
    *,
    most_deaths: int = 1000,
    unlucky_at: int | None = None,
    location: str = "deadly",
) -> FakeCatalog:
    """Let the demo kill each process that searches at the poisoned place.

    Args:
        deaths: Folder that gets a file for each death.
        most_deaths: After this number of deaths the place is harmless.
        unlucky_at: After this number of deaths the next search is fatal, wherever it is.
        location: Location of the catalog.
    """
    kill = KillProcess(box=POISON, deaths=deaths, most_deaths=most_deaths, unlucky_at=unlucky_at)
    return FakeCatalog(faults=(kill,), location=location)
