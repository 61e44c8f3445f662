"""Measure the join of an archive with a sweep, against reading it and against DuckDB.

    uv run python -m benchmarks.archives --archive DIR [--out FILE]

DIR is a generated archive; without it, one is made with ``--items`` items. The sweep is over the
913 floods of the Global Flood Database, four phases, both sensors and the DEM. Most of them are
older than a few years of items, so their days are moved into the time of the archive.

- The join, by CPU on one core, against the bare read of the columns and row groups that it reads.
- DuckDB, asked for one slot after the other on the same files: a sample, whose answers must be
  equal. Its CPU is that of all its threads.
- The join with twice the events in the same months, and with many more at random places.
- The whole scan on a local cluster, and the memory of its workers.
"""

from __future__ import annotations

import argparse
import random
import resource
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import numpy as np
import pyarrow.parquet as pq
from dask.distributed import Client, LocalCluster

import floodscan
from floodscan import Recipe, read_events
from floodscan.catalogs import ArchiveCatalog
from floodscan.catalogs.archive.join import find_pairs
from floodscan.catalogs.archive.joined import join_shard
from floodscan.catalogs.archive.layout import Layout
from floodscan.catalogs.archive.places import read_places
from floodscan.catalogs.archive.reading import JoinedItems, join_row_groups
from floodscan.catalogs.archive.shards import cut_shards, group_searches
from floodscan.engine.joining import cut_lots
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch
from floodscan.testing.archive_plan import Extent
from floodscan.testing.floods import AREA_DEGREES, Flood, read_floods, write_events
from floodscan.testing.land import land_cells
from floodscan.testing.synthetic import DAYS_AFTER, DAYS_BEFORE
from floodscan.testing.write_archive import write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan.catalogs.archive.reading import RowGroup
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search
    from floodscan.testing.land import Cell

    Box = tuple[float, float, float, float]
    Searches = list[tuple[Search, int]]

LADDER_DAYS = 5  # the widest window of the default ladder is wider by this than the recipe's
START = datetime(2018, 1, 1, tzinfo=UTC)
WORLD = (-180.0, -56.0, 180.0, 72.0)
N_WORKERS = 2


class Pieces(NamedTuple):
    """Row groups that a join reads, those of a file next to each other.

    Attributes:
        row_groups: All of them.
        assets: The assets whose hrefs are read of each; None if no item of it is found.
        n_pairs: Number of pairs of an item and a merged search.
    """

    row_groups: list[RowGroup]
    assets: list[tuple[str, ...] | None]
    n_pairs: int


@dataclass(slots=True)
class Page:
    """The figures so far, which are printed as they come."""

    rows: list[str] = field(default_factory=list)

    def add(self, name: str, value: str, wanted: str = "") -> None:
        """Add a row of the table."""
        self.rows.append(f"| {name} | {value} | {wanted} |")
        print(f"{name}: {value}" + (f" (wanted: {wanted})" if wanted else ""), flush=True)

    def to_markdown(self) -> str:
        """Write the table."""
        return "\n".join(["| | measured | wanted |", "|---|---:|---:|", *self.rows]) + "\n"


def plan_lots(floods: Sequence[Flood], folder: Path) -> Iterator[Searches]:
    """List the slot searches of a sweep, as the engine joins them at once."""
    path, recipe = folder / "events.csv", Recipe()
    write_events(path, floods)
    events = read_events(path, phase_offset_days=recipe.phase_offset_days)
    for lot in cut_lots(cut_batches(list_events(events), run_id="")):
        numbers: dict[Search, int] = {}
        plans = (plan_batch(batch, recipe, joins=lambda _: True) for batch in lot)
        yield [
            (slot_search, numbers.setdefault(merged, len(numbers)))
            for plan in plans
            for slot_search, merged in plan.merged_searches.items()
        ]


def join(archive: ArchiveCatalog, searches: Searches, folder: Path) -> float:
    """Join as the tasks of a sweep do, and return the CPU seconds."""
    started = process_time()
    with TemporaryDirectory(dir=folder) as answers:
        shards = cut_shards(archive.index, group_searches(searches))
        missing = [join_shard(archive, each, Path(answers), n) for n, each in enumerate(shards)]
    assert not any(missing)  # noqa: S101 - the archive is whole
    return process_time() - started


def find_pieces(archive: ArchiveCatalog, shards: Sequence[Shard]) -> Pieces:
    """Find what a join reads."""
    row_groups, assets, n_pairs = [], [], 0
    for shard in shards:
        for row_group in shard.row_groups:
            found = [
                each
                for each in join_row_groups(archive.address, [row_group], shard.asked)
                if isinstance(each, JoinedItems)
            ]
            n_pairs += sum(len(each.rows) for each in found)
            wanted = next(a.assets for a in shard.asked if a.collection in row_group.collections)
            row_groups.append(row_group)
            assets.append(wanted if found else None)
    return Pieces(row_groups, assets, n_pairs)


def find_pairs_alone(shards: Sequence[Shard]) -> float:
    """Find the pairs by box and time, without the items; return CPU seconds."""
    started = process_time()
    for shard in shards:
        for row_group, parquet, layout in _open_each(shard.row_groups):
            box, times = np.array(row_group.box), np.array(row_group.times)
            places = read_places(parquet, layout, row_group.row_group, mixed=False)
            for asked in shard.asked:
                if asked.collection in row_group.collections:
                    touching = asked.searches.touch(box, times)
                    find_pairs(places, asked.searches.take(touching))
    return process_time() - started


def read_bare(pieces: Pieces) -> float:
    """Read the same columns of the same row groups, each file opened once; return CPU seconds."""
    started, opened = process_time(), _open_each(pieces.row_groups)
    for (row_group, parquet, layout), assets in zip(opened, pieces.assets, strict=True):
        columns = [layout.place_columns(mixed=False)]
        columns += [] if assets is None else [layout.item_columns(assets)]
        for names in columns:
            parquet.read_row_group(row_group.row_group, columns=names, use_threads=False)
    return process_time() - started


def _open_each(
    row_groups: Sequence[RowGroup],
) -> Iterator[tuple[RowGroup, pq.ParquetFile, Layout]]:
    """Open the file of each row group, once for row groups next to each other."""
    path = ""
    for row_group in row_groups:
        if row_group.file != path:
            path = row_group.file
            parquet = pq.ParquetFile(path)
            layout = Layout.of(parquet.schema_arrow, path)
        yield row_group, parquet, layout


def ask_duckdb(archive: ArchiveCatalog, sample: Sequence[Search]) -> tuple[list[int], float]:
    """Ask DuckDB for one slot after the other; return the numbers of items and the CPU seconds."""
    files = archive.index.table["file"].to_pylist()
    collections = archive.index.table["collections"].to_pylist()
    connection = duckdb.connect()
    connection.execute("SET parquet_metadata_cache = true")
    counts, cpu = [], 0.0
    for search in sample:
        here = {
            f for f, names in zip(files, collections, strict=True) if search.collection in names
        }
        query = _write_query(search, sorted(here))
        before = resource.getrusage(resource.RUSAGE_SELF)
        counts.append(len(connection.sql(query).to_arrow_table()))
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return counts, cpu


def _write_query(search: Search, files: Sequence[str]) -> str:
    """Write the query for the columns that floodscan reads, by box and window."""
    layout = Layout.of(pq.read_schema(files[0]), files[0])
    names = [name.split(".") for name in layout.item_columns(search.assets)]
    columns = ", ".join(".".join(f'"{part}"' for part in name) for name in names)
    west, south, east, north = search.bbox
    where = f"bbox.xmin <= {east} AND bbox.xmax >= {west}"
    where += f" AND bbox.ymin <= {north} AND bbox.ymax >= {south}"
    if search.window is not None:
        where += f" AND datetime BETWEEN '{search.window.start}' AND '{search.window.end}'"
    return f"SELECT {columns} FROM read_parquet({list(files)}) WHERE {where}"  # noqa: S608 - ours


def count_joined(archive: ArchiveCatalog, sample: Sequence[Search]) -> list[int]:
    """Count the items that the join finds for each search."""
    asked = group_searches([(search, number) for number, search in enumerate(sample)])
    counts = np.zeros(len(sample), int)
    for shard in cut_shards(archive.index, asked):
        for found in join_row_groups(archive.address, shard.row_groups, shard.asked):
            assert isinstance(found, JoinedItems)  # noqa: S101 - the archive is whole
            np.add.at(counts, found.answers, 1)
    return [int(count) for count in counts]


def compare_with_read(
    archive: ArchiveCatalog, searches: Searches, folder: Path, repeats: int, page: Page
) -> float:
    """Compare the join with the bare read, and return its CPU seconds."""
    shards = list(cut_shards(archive.index, group_searches(searches)))
    pieces = find_pieces(archive, shards)
    boxes = pieces._replace(assets=[None] * len(pieces.assets))
    found = sum(assets is not None for assets in pieces.assets)
    page.add("row groups read", f"{len(pieces.row_groups):,}, {found:,} of them with items")
    page.add("pairs of an item and a merged search", f"{pieces.n_pairs:,}")
    times = [
        (
            join(archive, searches, folder),
            read_bare(pieces),
            find_pairs_alone(shards),
            read_bare(boxes),
        )
        for _ in range(repeats)
    ]
    joined, bare, paired, bare_boxes = (median(column) for column in zip(*times, strict=True))
    page.add("bare read of boxes and times", f"{bare_boxes:.2f} CPU s")
    page.add("pairs alone", f"{paired:.2f} CPU s, {paired / bare_boxes:.2f} bare reads of these")
    page.add("bare read of the same columns and row groups", f"{bare:.2f} CPU s")
    page.add("join", f"{joined:.2f} CPU s, {joined / bare:.2f} bare reads", "≤ 3 bare reads")
    return joined


def compare_with_duckdb(
    archive: ArchiveCatalog, searches: Searches, joined: float, n_sample: int, page: Page
) -> None:
    """Compare the join with DuckDB, on a sample of the slot searches."""
    slot_searches = [search for search, _ in searches]
    sample = random.Random(0).sample(slot_searches, min(n_sample, len(slot_searches)))  # noqa: S311
    counts, cpu = ask_duckdb(archive, sample)
    equal = counts == count_joined(archive, sample)
    whole = cpu / len(sample) * len(slot_searches)
    page.add(f"DuckDB, a sample of {len(sample)} slots", f"{cpu:.1f} CPU s, equal items: {equal}")
    page.add("DuckDB, all slots", f"{whole:,.0f} CPU s, {whole / joined:.0f} joins", "≥ 100 joins")


def compare_more(
    archive: ArchiveCatalog, floods: Sequence[Flood], joined: float, folder: Path, page: Page
) -> None:
    """Join with twice the events, on the same days at other places."""
    (searches,) = plan_lots(floods, folder)
    cpu = join(archive, searches, folder)
    page.add(
        "join with twice the events", f"{cpu:.2f} CPU s, {cpu / joined:.2f} times", "< 1.3 times"
    )


def join_many(archive: ArchiveCatalog, floods: Sequence[Flood], folder: Path, page: Page) -> None:
    """Join with many events, lot by lot."""
    cpu, n_lots = 0.0, 0
    for searches in plan_lots(floods, folder):
        cpu, n_lots = cpu + join(archive, searches, folder), n_lots + 1
    each = 1000 * cpu / len(floods)
    name = f"join with {len(floods):,} events, in {n_lots} lots"
    page.add(name, f"{cpu:.1f} CPU s, {each:.2f} ms an event", "≤ 1 ms an event")


def run_scan(archive: ArchiveCatalog, floods: Sequence[Flood], folder: Path, page: Page) -> None:
    """Run the whole scan on a local cluster."""
    write_events(folder / "scan.csv", floods)
    started = perf_counter()
    with (
        LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        result = floodscan.scan(
            str(folder / "scan.csv"), catalog=archive, out=folder / "out", client=client
        )
        peaks = client.run(_measure_peak)
    seconds = perf_counter() - started
    statuses = Counter(str(outcome.status) for outcome in result.outcomes)
    ends = ", ".join(f"{n:,} {status}" for status, n in sorted(statuses.items()))
    page.add(f"whole scan, {N_WORKERS} workers", f"{seconds:.0f} s: {ends}")
    page.add("most memory of a worker", f"{max(peaks.values()):.0f} MB", "≤ 1,000 MB")


def _measure_peak() -> float:
    """Return the most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def days_of(archive: ArchiveCatalog) -> tuple[date, date]:
    """Return the first and the last day of events whose windows are within the archive."""
    numbers = archive.index.numbers_of("sentinel-1-rtc")
    rows = archive.index.table.take(numbers)
    starts, ends = (rows[name].to_pylist() for name in ("start", "end"))
    first = min(starts).date() + timedelta(days=DAYS_BEFORE + LADDER_DAYS)
    return first, max(ends).date() - timedelta(days=DAYS_AFTER + LADDER_DAYS)


def move(floods: Sequence[Flood], days: tuple[date, date]) -> list[Flood]:
    """Move the days of floods into the archive's time, by whole years if it has any."""
    first, last = days
    span = (last - first).days
    span -= span % 365 if span >= 365 else 0
    moved = []
    for flood in floods:
        later = (date.fromisoformat(flood.event_date) - first).days % max(span, 1)
        moved.append(flood._replace(event_date=str(first + timedelta(days=later))))
    return moved


def make_up(days: Sequence[str], cells: Sequence[Cell], seed: int) -> list[Flood]:
    """Make floods at random places on these days."""
    drawn, (width, height) = random.Random(seed), AREA_DEGREES  # noqa: S311
    made = []
    for number, day in enumerate(days):
        lat, lon = drawn.choice(cells)
        box = (lon + 0.1, lat + 0.1, lon + 0.1 + width, lat + 0.1 + height)
        made.append(Flood(f"made_{seed}_{number}", day, *box))
    return made


def _days_between(days: tuple[date, date], number: int) -> list[str]:
    first, last = days
    span = max((last - first).days, 1)
    return [str(first + timedelta(days=n % span)) for n in range(number)]


def _cells_in(box: Box) -> list[Cell]:
    west, south, east, north = box
    return sorted(c for c in land_cells() if south <= c[0] < north and west <= c[1] < east)


def _floods_in(box: Box) -> list[Flood]:
    west, south, east, north = box
    return [f for f in read_floods() if west <= f.west < east and south <= f.south < north]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archive", type=Path, help="a generated archive; default: make one")
    parser.add_argument("--items", type=int, default=10_000_000, help="items of the one to make")
    parser.add_argument("--bbox", type=float, nargs=4, default=WORLD, help="area of all events")
    parser.add_argument("--events", type=int, default=913, help="number of floods")
    parser.add_argument(
        "--many", type=int, default=100_000, help="number of events of the last join"
    )
    parser.add_argument("--sample", type=int, default=200, help="slots that DuckDB is asked for")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--out", type=Path, help="file for the table")
    return parser.parse_args()


def _open_archive(given: argparse.Namespace, folder: Path) -> ArchiveCatalog:
    if given.archive is None:
        boxes = () if given.bbox == WORLD else (tuple(given.bbox),)
        extent = Extent(start=START, n_items=given.items, boxes=boxes)
        write_archive(folder / "archive", extent, n_workers=N_WORKERS, report=print)
    archive = ArchiveCatalog.at(str(given.archive or folder / "archive"))
    archive.read_index()
    return archive


def main() -> None:
    """Measure everything, and write a table."""
    given, page = _parse(), Page()
    with TemporaryDirectory() as name:
        folder = Path(name)
        archive = _open_archive(given, folder)
        table, days, cells = archive.index.table, days_of(archive), _cells_in(given.bbox)
        n_files = len(set(table["file"].to_pylist()))
        n_items = table["n_rows"].to_numpy().sum()
        page.add("items", f"{n_items:,} in {len(table):,} row groups of {n_files} files")
        floods = move(_floods_in(given.bbox)[: given.events], days)
        (searches,) = plan_lots(floods, folder)
        page.add("events", f"{len(floods):,} with {len(searches):,} slot searches")
        joined = compare_with_read(archive, searches, folder, given.repeats, page)
        compare_with_duckdb(archive, searches, joined, given.sample, page)
        others = make_up([flood.event_date for flood in floods], cells, seed=1)
        compare_more(archive, [*floods, *others], joined, folder, page)
        many = make_up(_days_between(days, given.many), cells, seed=2)
        join_many(archive, many, folder, page)
        run_scan(archive, floods, folder, page)
    if given.out:
        given.out.write_text(page.to_markdown(), "utf-8")


if __name__ == "__main__":
    main()
