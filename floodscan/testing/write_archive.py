"""Write a generated archive of any size: stac-geoparquet with Sentinel-1, Sentinel-2 and the DEM.

    python -m floodscan.testing.write_archive --items 10000000 --out DIR

The items are those of ``synthetic.generate_items`` over the same area and time. The same options
write the same bytes, with any number of workers. The rows of a month are sorted along a curve in
space and then by time, so each row group is a month of a small area. This needs the development
dependencies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.catalogs.archive_build.file_metadata import describe_items
from floodscan.store.atomic import replacing
from floodscan.testing.archive_places import DEM, SENTINEL_1, SENTINEL_2, make_sources
from floodscan.testing.archive_plan import Extent, Part, plan_parts
from floodscan.testing.generated_rows import frame_rows, scene_rows
from floodscan.testing.synthetic import make_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.testing.acquisitions import Frames, Scenes
    from floodscan.testing.archive_places import Source

    Integers = NDArray[np.int64]

CATALOG = {"id": "floodscan-generated", "title": "Made from orbits and tile grids"}
ROW_GROUP_ROWS = 20_000

_COMPRESSION_LEVEL = 1


class Layout(StrEnum):
    """How the files of an archive are laid out; the DEM is always one file."""

    FILE = "file"  # one for each collection
    FLAT = "flat"  # a folder with a file for each month, named as Planetary Computer does
    HIVE = "hive"  # a folder for each year and month


class _Job(NamedTuple):
    """A file to write, with the months in it; the DEM has none."""

    path: Path
    collection: str
    parts: tuple[Part, ...] = ()


def write_archive(
    out: Path,
    extent: Extent,
    *,
    layout: Layout = Layout.FLAT,
    n_workers: int = 1,
    row_group_rows: int = ROW_GROUP_ROWS,
    report: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write an archive into a folder.

    Args:
        out: Folder; it is created if it is missing.
        extent: Area, time and size.
        layout: One file for each collection, or several.
        n_workers: Number of processes; a single one is this process.
        row_group_rows: Most rows of a row group.
        report: Gets a line of text after each step.

    Returns:
        The written files, in order of their paths.

    Raises:
        ValueError: No frame of Sentinel-1 or no tile of Sentinel-2 touches the area.
    """
    with _open_pool(n_workers) as run, tempfile.TemporaryDirectory() as folder:
        sources = make_sources(extent, Path(folder), run)
        if not sources.keys() >= {SENTINEL_1, SENTINEL_2}:
            raise ValueError("no frame of Sentinel-1 or no tile of Sentinel-2 touches the area")
        (frames,), scenes = sources[SENTINEL_1].numbers, sources[SENTINEL_2].scene_places()
        parts = plan_parts(extent, frames, scenes)
        n_items = sum(part.n_frames + part.n_scenes for part in parts)
        report(f"{n_items:,} items in {len(parts)} months")
        jobs, n_done = _plan_jobs(out, parts, layout, sources.keys()), 0
        for n_rows in run(partial(_write_file, extent, sources, row_group_rows), jobs):
            n_done += n_rows
            report(f"{n_done:,} of {n_items:,} items")
    return sorted(job.path for job in jobs)


@contextmanager
def _open_pool(n_workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yield a function such as ``map``, which calls in this process or in several others."""
    if n_workers == 1:
        yield map
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _plan_jobs(
    out: Path, parts: Sequence[Part], layout: Layout, collections: Iterable[str]
) -> list[_Job]:
    """List the files, the largest first where their sizes differ much."""
    jobs = []
    for name in sorted(collections, reverse=True):
        counts = {SENTINEL_1: [p.n_frames for p in parts], SENTINEL_2: [p.n_scenes for p in parts]}
        filled = [part for part, n in zip(parts, counts.get(name, ()), strict=False) if n]
        if name == DEM or layout is Layout.FILE:
            jobs.append(_Job(out / f"{name}.parquet", name, tuple(filled)))
        else:
            jobs += [_Job(out / _name_file(name, part, layout), name, (part,)) for part in filled]
    return jobs


def _name_file(collection: str, part: Part, layout: Layout) -> str:
    start, end = part.start, part.end
    if layout is Layout.HIVE:
        return f"{collection}/year={start.year}/month={start.month:02}/part-0.parquet"
    times = f"{start.isoformat()}_{end.isoformat()}"
    return f"{collection}.parquet/part-{part.number:04}_{times}.parquet"


def _write_file(
    extent: Extent, sources: Mapping[str, Source], row_group_rows: int, job: _Job
) -> int:
    """Write a file, a row group at a time, and return the number of its rows."""
    source = sources[job.collection]
    collection = make_collection(job.collection, bbox=source.bbox)
    metadata = describe_items(collection, source.bbox, catalog=CATALOG)
    schema = source.open().table.schema.with_metadata(metadata)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    n_rows = 0
    with (
        replacing(job.path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd", compression_level=_COMPRESSION_LEVEL
        ) as file,
    ):
        for table in _make_tables(extent, source, job, row_group_rows):
            file.write_table(table.replace_schema_metadata(metadata), len(table))
            n_rows += len(table)
    return n_rows


def _make_tables(
    extent: Extent, source: Source, job: _Job, row_group_rows: int
) -> Iterator[pa.Table]:
    """Make the row groups of a file."""
    if job.collection == DEM:
        table = source.open().table.take(pa.array(np.argsort(source.curve, kind="stable")))
        for first in range(0, len(table), row_group_rows):
            yield table.slice(first, row_group_rows)
    for part in job.parts:
        make = _make_frames if job.collection == SENTINEL_1 else _make_scenes
        yield from make(extent, source, part, row_group_rows)


def _make_frames(
    extent: Extent, source: Source, part: Part, row_group_rows: int
) -> Iterator[pa.Table]:
    (numbers,), places = source.numbers, source.open()
    frames = extent.find_frames(numbers, part.start, part.end)
    curve = source.curve[np.searchsorted(numbers, frames.place)]
    for rows in _cut_rows(frames, curve, part.n_frames, row_group_rows):
        yield frame_rows(frames.take(rows), numbers, places)


def _make_scenes(
    extent: Extent, source: Source, part: Part, row_group_rows: int
) -> Iterator[pa.Table]:
    where, places = source.scene_places(), source.open_tiles()
    scenes = extent.find_scenes(where, part.start, part.end)
    curve = source.curve[scenes.place]
    for rows in _cut_rows(scenes, curve, part.n_scenes, row_group_rows):
        yield scene_rows(scenes.take(rows), where, places)


def _cut_rows(
    found: Frames | Scenes, curve: Integers, n_rows: int, row_group_rows: int
) -> Iterator[Integers]:
    """Choose the earliest rows, sort them in space and then by time, and cut them."""
    rows = np.lexsort((found.platform, found.place, found.start))[:n_rows]
    keys = (found.platform, found.place, found.start, curve)
    rows = rows[np.lexsort(tuple(key[rows] for key in keys))]
    for first in range(0, len(rows), row_group_rows):
        yield rows[first : first + row_group_rows]


def main(words: Sequence[str] | None = None) -> None:
    """Write the archive that the command line describes."""
    given = _parse(words)
    extent = Extent(
        start=_day(given.start),
        end=given.end and _day(given.end),
        n_items=given.items,
        boxes=tuple(map(tuple, given.bbox or ())),
        from_first=not given.always,
        seed=given.seed,
    )
    began = time.perf_counter()

    def report(line: str) -> None:
        sys.stdout.write(f"{time.perf_counter() - began:6.0f} s  {line}\n")
        sys.stdout.flush()

    paths = write_archive(
        given.out,
        extent,
        layout=Layout(given.layout),
        n_workers=given.workers,
        row_group_rows=given.row_group_rows,
        report=report,
    )
    n_bytes = sum(path.stat().st_size for path in paths)
    report(f"{len(paths)} files, {n_bytes:,} bytes in {given.out}")


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m floodscan.testing.write_archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the archive")
    parser.add_argument("--items", type=int, help="Sentinel-1 and Sentinel-2 items, without DEM")
    parser.add_argument("--start", default="2018-01-01", help="first day (default: %(default)s)")
    parser.add_argument("--end", help="day after the last one, instead of a number of items")
    parser.add_argument(
        "--bbox",
        type=float,
        nargs=4,
        action="append",
        metavar=("WEST", "SOUTH", "EAST", "NORTH"),
        help="area, may be given several times (default: all land but Antarctica)",
    )
    parser.add_argument("--layout", choices=[*Layout], default=Layout.FLAT)
    parser.add_argument("--always", action="store_true", help="as if satellites had always flown")
    parser.add_argument("--seed", type=int, default=0, help="another one draws other clouds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--row-group-rows", type=int, default=ROW_GROUP_ROWS)
    given = parser.parse_args(words)
    if given.items is None and given.end is None:
        parser.error("give --items or --end")
    return given


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
