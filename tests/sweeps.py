"""Sweeps of copies of the demo, and the demo's catalog with faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import shapely

from floodscan import CatalogError, Event, Phase, Recipe
from floodscan.inputs.event_files import load_events
from floodscan.model import SearchPrices
from floodscan.testing.fake_catalog import FakeCatalog, KillProcess, RaiseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan.testing.fake_catalog import Fault

POISON = (100.0, 10.0, 100.5, 10.5)
"""The box of an event whose searches kill their workers."""

OPTICAL = "sentinel-2-l2a"
GATEWAY_TIMEOUT = RaiseError(
    CatalogError("faulty", "answered with HTTP status 504"), collection=OPTICAL
)
"""Fails all searches for optical scenes."""

APART = Recipe(searches=SearchPrices(request_items=0))
"""Never merges searches: each slot has its own, as in the published procedure."""

(DEMO,) = load_events("demo", phase_offset_days=Recipe().phase_offset_days)


def demo_copies(n: int) -> list[Event]:
    """Copy the demo event under other names."""
    return [replace(DEMO, event_id=f"copy-{number:03}") for number in range(n)]


def make_events(n: int) -> list[Event]:
    """Make events around Luxembourg in June and July 2021, some of them at the same place."""
    return [_make_event(number) for number in range(n)]


def _make_event(number: int) -> Event:
    west, south = 5.2 + number * 7 % 11 / 10, 49.1 + number * 5 % 9 / 10
    day = datetime(2021, 7, 1, tzinfo=UTC) + timedelta(days=number * 3 % 17)
    offsets = Recipe().phase_offset_days
    return Event(
        event_id=f"event-{number:03}",
        aoi=shapely.box(west, south, west + 0.4, south + 0.3),
        bbox=(west, south, west + 0.4, south + 0.3),
        phase_dates={phase: (day + timedelta(days=offsets[phase])).date() for phase in Phase},
        onset=day,
        target_crs="EPSG:32632",
    )


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
