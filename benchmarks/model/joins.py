"""Measure what the join of an archive costs, alone: for what it reads, and for what it finds.

A generated archive is joined with few floods and with nine times as many, at made-up places and on
days within its area and time. Both read nearly the same row groups. The archive has a million items
of all land: small row groups would cost more for a byte, because each has a cost of its own.
"""

from __future__ import annotations

from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.archives import N_WORKERS, START, WORLD, cells_in, days_between, days_of, make_up
from floodscan import Recipe, read_events
from floodscan.catalogs import ArchiveCatalog
from floodscan.catalogs.sources import plan_each
from floodscan.catalogs.usage import UsageCounter
from floodscan.engine.joining import joined_lot
from floodscan.pipeline import Run
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches
from floodscan.store import RunFolder
from floodscan.testing.archive_plan import Extent
from floodscan.testing.floods import write_events
from floodscan.testing.write_archive import write_archive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from floodscan.model import Search
    from floodscan.planning.slots import Batch

_ITEMS = 1_000_000
_FACTOR = 3  # by which floods are fewer and more


def measure_join(
    n_events: int, *, repeats: int, folder: Path, archive: Path | None
) -> tuple[float, float]:
    """Return the CPU seconds of a stored megabyte, and of an item that is found.

    Args:
        n_events: Floods; a third of them and three times as many are joined.
        repeats: Repeats of each measurement, whose median counts.
        folder: A folder for files.
        archive: A generated archive; None makes one.
    """
    if archive is None:
        archive = folder / "archive"
        write_archive(archive, Extent(start=START, n_items=_ITEMS), n_workers=N_WORKERS)
    catalog = ArchiveCatalog.at(str(archive))
    run = Run(catalog=catalog, catalog_id="", recipe=Recipe(), folder=RunFolder(folder / "join"))
    counts, seconds = [], []
    for n in (n_events * _FACTOR, max(n_events // _FACTOR, 1)):
        lot = _make_lot(catalog, n, folder)
        searches, megabytes = _plan(run, lot)
        runs = [_join(run, lot, searches) for _ in range(repeats + 1)]
        counts.append((megabytes, runs[0][1]))
        seconds.append(median(cpu for cpu, _ in runs[1:]))  # the first one warms up
    megabyte, item = np.linalg.solve(np.array(counts, float), seconds)
    return float(megabyte), float(item)


def _make_lot(archive: ArchiveCatalog, n_events: int, folder: Path) -> list[Batch]:
    path, days = folder / "floods.csv", days_between(days_of(archive), n_events)
    write_events(path, make_up(days, cells_in(_area_of(archive)), seed=1))
    events = read_events(path, phase_offset_days=Recipe().phase_offset_days)
    return list(cut_batches(list_events(events), run_id=""))


def _area_of(archive: ArchiveCatalog) -> tuple[float, float, float, float]:
    """Return the box of an archive without the poles."""
    west, south, _, _ = np.maximum(archive.index.boxes, WORLD).min(axis=0).tolist()
    _, _, east, north = np.minimum(archive.index.boxes, WORLD).max(axis=0).tolist()
    return west, south, east, north


def _plan(run: Run, lot: Iterable[Batch]) -> tuple[list[Search], float]:
    """Return the searches of a lot, and the megabytes of row groups that its join reads."""
    usage = UsageCounter(run.catalog)
    plans = usage.count(plan_each(run.catalog, lot, run.recipe))
    searches = [search for plan in plans for search in plan.searches]
    return searches, sum(use.n_bytes_read for use in usage.list_uses()) / 1e6


def _join(run: Run, lot: Sequence[Batch], searches: Iterable[Search]) -> tuple[float, int]:
    """Join a lot, and read its answers; return CPU seconds and items."""
    started = process_time()
    with joined_lot(run, lot, None) as joined:
        n_items = sum(len(joined.catalog.search(search).items) for search in searches)
    return process_time() - started, n_items
