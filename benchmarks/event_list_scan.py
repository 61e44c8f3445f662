"""Scan the events of a long list against an archive, and compare with the model of a sweep."""

from __future__ import annotations

import multiprocessing
from datetime import date
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

import floodscan
from benchmarks.archives import N_WORKERS, START, days_of
from benchmarks.model.runs import size_of
from benchmarks.peak_memory import measure_peak
from floodscan import Recipe
from floodscan.catalogs import ArchiveCatalog
from floodscan.catalogs.sources import plan_each
from floodscan.catalogs.usage import UsageCounter, add_reads
from floodscan.planning.estimate import WORKERS, Setup, SweepSize, estimate, read_costs
from floodscan.planning.slots import cut_batches
from floodscan.scanning import read_list
from floodscan.testing.archive_plan import Extent
from floodscan.testing.write_archive import write_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan.catalogs.usage import SourceUse

_EPOCH = date(1970, 1, 1)
_PACKED = True  # manifests, as in the run of the whole list


class ScanFigures(NamedTuple):
    """What a scan took, and what the model expects.

    Attributes:
        size: How much the scan did; it sends no request.
        cpu: CPU seconds of the scan.
        expected: CPU seconds by the costs with which ``floodscan plan`` estimates.
        megabytes: Peak of memory.
    """

    size: SweepSize
    cpu: float
    expected: float
    megabytes: float


def make_archive(path: Path, n_items: int, box: Sequence[float]) -> Path:
    """Write a generated archive of an area, and return its path."""
    west, south, east, north = box
    extent = Extent(start=START, n_items=n_items, boxes=((west, south, east, north),))
    write_archive(path, extent, n_workers=N_WORKERS)
    return path


def write_covered(
    events: Path, archive: ArchiveCatalog, box: Sequence[float], *, most: int, out: Path
) -> int:
    """Write the first events of a list that lie in a box; return their number.

    Their days are moved into the time of the archive, which is shorter than that of the list.
    """
    days, found = days_of(archive), []
    with pq.ParquetFile(events) as file:
        for batch in file.iter_batches():
            rows = pa.Table.from_batches([batch])
            rows = rows.filter(_lie_in(rows["geometry"], box)).slice(0, most)
            most -= len(rows)
            found.append(_move(rows, days))
            if not most:
                break
    covered = pa.concat_tables(found)
    pq.write_table(covered, out)
    return len(covered)


def _lie_in(areas: pa.ChunkedArray, box: Sequence[float]) -> pa.Array:
    west, south, east, north = shapely.bounds(shapely.from_wkb(areas.to_numpy())).T
    inside = (west >= box[0]) & (south >= box[1]) & (east <= box[2]) & (north <= box[3])
    return pa.array(inside)


def _move(rows: pa.Table, days: tuple[date, date]) -> pa.Table:
    first, last = ((day - _EPOCH).days for day in days)
    own = rows["event_date"].cast(pa.int32()).to_numpy()
    moved = pa.array(first + (own - first) % max(last - first, 1), pa.int32())
    place = rows.schema.get_field_index("event_date")
    return rows.set_column(place, rows.schema.field(place), moved.cast(pa.date32()))


def scan_alone(events: Path, archive: Path, out: Path) -> ScanFigures:
    """Scan in a fresh process, whose CPU and memory are its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_scan, (events, archive, out))


def _scan(events: Path, archive: Path, out: Path) -> ScanFigures:
    started = process_time()
    result = floodscan.scan(events, catalog=str(archive), out=out, pack_manifests=_PACKED)
    cpu, megabytes = process_time() - started, measure_peak()
    size = add_reads(size_of(result), _list_uses(archive, events))
    setup = Setup(n_cores=1, request_seconds=0.0, has_tasks=False)
    expected = estimate(size, setup, read_costs(Recipe().policy)).limits[WORKERS]
    return ScanFigures(size, cpu, expected, megabytes)


def _list_uses(archive: Path, events: Path) -> list[SourceUse]:
    """List what a scan reads, as ``floodscan plan`` does."""
    catalog, recipe = ArchiveCatalog.at(str(archive)), Recipe()
    usage = UsageCounter(catalog)
    batches = cut_batches(read_list(events, recipe), run_id="")
    for plan in plan_each(catalog, batches, recipe):
        usage.add(plan)
    return list(usage.list_uses())


def report_scan(figures: ScanFigures) -> str:
    """Write the figures as a table."""
    size = figures.size
    found = f"{size.n_choices:,} of them with candidates, {size.n_candidates:,} candidates"
    read = f"{size.n_row_groups:,} row groups of {size.n_bytes / 1e6:,.0f} MB are read"
    lines = [
        "| scan against an archive | CPU s | ms an event | events an hour and core |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {cpu:.1f} | {cpu / size.n_events * 1e3:.1f} "
            f"| {size.n_events / cpu * 3600:,.0f} |"
            for name, cpu in (("measured", figures.cpu), ("model", figures.expected))
        ),
        "",
        f"{size.n_events:,} events, {found}; {read}.",
        f"Peak of memory: {figures.megabytes:.0f} MB.",
        f"The model expects {figures.expected / figures.cpu:.2f} times the measured CPU.",
    ]
    return "\n".join(lines)


def scan_list(events: Path, archive: Path, box: Sequence[float], *, most: int, folder: Path) -> str:
    """Scan the events of a list that an archive covers, and return the table."""
    catalog = ArchiveCatalog.at(str(archive))
    catalog.read_index()
    covered = folder / "covered.parquet"
    if not write_covered(events, catalog, box, most=most, out=covered):
        return "No event of the list is in the area of the archive."
    return report_scan(scan_alone(covered, archive, folder / "scan"))
