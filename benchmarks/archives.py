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
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from dask.distributed import Client, LocalCluster

import floodscan
from benchmarks.archive_parts import (
    ask_duckdb,
    copy_bare,
    count_paired,
    find_pairs_alone,
    find_pieces,
    read_bare,
)
from benchmarks.peak_memory import measure_peak
from floodscan import Recipe, read_events
from floodscan.catalogs import ArchiveCatalog
from floodscan.catalogs.archive.joined import join_shard
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
    from collections.abc import Iterable, Iterator, Sequence

    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search
    from floodscan.testing.land import Cell

    Box = tuple[float, float, float, float]
    Searches = list[tuple[Search, int]]

LADDER_DAYS = 5  # the widest window of the default ladder is wider by this than the recipe's
START = datetime(2018, 1, 1, tzinfo=UTC)
WORLD = (-180.0, -56.0, 180.0, 72.0)
N_WORKERS = 2


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
    shards = cut_shards(archive.index, group_searches(searches))
    return process_time() - started + join_shards(archive, shards, folder)


def join_shards(archive: ArchiveCatalog, shards: Iterable[Shard], folder: Path) -> float:
    """Join shards, and return the CPU seconds."""
    started = process_time()
    with TemporaryDirectory(dir=folder) as answers:
        missing = [join_shard(archive, each, Path(answers), n) for n, each in enumerate(shards)]
    assert not any(missing)  # noqa: S101 - the archive is whole
    return process_time() - started


def pair(archive: ArchiveCatalog, searches: Searches) -> float:
    """Find pairs by box and time, and return the CPU seconds."""
    started = process_time()
    find_pairs_alone(list(cut_shards(archive.index, group_searches(searches))))
    return process_time() - started


def compare_with_read(
    archive: ArchiveCatalog, searches: Searches, folder: Path, repeats: int, page: Page
) -> tuple[float, float]:
    """Compare with the bare read; return the CPU seconds of the pairs and of the whole join."""
    shards = list(cut_shards(archive.index, group_searches(searches)))
    pieces = find_pieces(archive, shards)
    boxes = pieces._replace(assets=[None] * len(pieces.assets))
    found = sum(assets is not None for assets in pieces.assets)
    page.add("row groups read", f"{len(pieces.row_groups):,}, {found:,} of them with items")
    page.add("pairs of an item and a merged search", f"{pieces.n_pairs:,}")
    times = [
        (
            find_pairs_alone(shards),
            read_bare(boxes),
            join(archive, searches, folder),
            read_bare(pieces),
        )
        for _ in range(repeats)
    ]
    paired, bare_boxes, joined, bare = (median(column) for column in zip(*times, strict=True))
    page.add("bare read of boxes and times", f"{bare_boxes:.2f} CPU s")
    page.add("pairs by box and time", f"{paired:.2f} CPU s, {paired / bare_boxes:.2f} bare reads")
    page.add("bare read of all columns of the join", f"{bare:.2f} CPU s")
    page.add("join", f"{joined:.2f} CPU s, {joined / bare:.2f} bare reads", "≤ 3 bare reads")
    return paired, joined


def compare_with_duckdb(
    archive: ArchiveCatalog,
    searches: Searches,
    ours: tuple[float, float],
    n_sample: int,
    page: Page,
) -> None:
    """Compare with DuckDB, on a sample of the slot searches."""
    slot_searches = [search for search, _ in searches]
    sample = random.Random(0).sample(slot_searches, min(n_sample, len(slot_searches)))  # noqa: S311
    expected = count_paired(archive, sample)
    for whole, name, own in zip((False, True), ("pairs", "joins"), ours, strict=True):
        counts, cpu = ask_duckdb(archive, sample, whole=whole)
        all_slots = cpu / len(sample) * len(slot_searches)
        what = "all columns of the join" if whole else "boxes and times"
        page.add(
            f"DuckDB for {what}, from a sample of {len(sample)} slots",
            f"{all_slots:,.0f} CPU s, {all_slots / own:.0f} {name}, "
            f"equal items: {counts == expected}",
            f"≥ 100 {name}",
        )


def compare_more(
    archive: ArchiveCatalog,
    searches: Searches,
    floods: Sequence[Flood],
    folder: Path,
    repeats: int,
    page: Page,
) -> None:
    """Join in turn with the events, and with twice the events on the same days."""
    (twice,) = plan_lots(floods, folder)
    names = ("pairs by box and time", "join")
    for name, measure in zip(names, (pair, partial(join, folder=folder)), strict=True):
        times = [(measure(archive, searches), measure(archive, twice)) for _ in range(repeats)]
        once, doubled = (median(column) for column in zip(*times, strict=True))
        page.add(
            f"{name}, twice the events",
            f"{doubled:.2f} CPU s, {doubled / once:.2f} times {once:.2f}",
            "< 1.3 times",
        )


def join_many(archive: ArchiveCatalog, floods: Sequence[Flood], folder: Path, page: Page) -> None:
    """Join with many events, lot by lot."""
    paired = joined = 0.0
    n_lots = 0
    for searches in plan_lots(floods, folder):
        paired += pair(archive, searches)
        joined += join(archive, searches, folder)
        n_lots += 1
    events = f"{len(floods):,} events, in {n_lots} lot{'s' * (n_lots > 1)}"
    for name, cpu in (("pairs by box and time", paired), ("join", joined)):
        each = 1000 * cpu / len(floods)
        page.add(f"{name}, {events}", f"{cpu:.1f} CPU s, {each:.2f} ms an event", "≤ 1 ms an event")
    compare_with_copy(archive, searches, folder, page)


def compare_with_copy(
    archive: ArchiveCatalog, searches: Searches, folder: Path, page: Page
) -> None:
    """Compare a part of the last lot with a bare copy of the same items."""
    shards = list(cut_shards(archive.index, group_searches(searches)))[::8]
    copied = copy_bare(shards, folder / "copied.arrow")
    joined = join_shards(archive, shards, folder)
    page.add(
        f"bare copy of what an eighth of a lot finds: {copied.n_items:,} items in "
        f"{copied.n_pairs:,} pairs, {copied.n_bytes / 1e9:.1f} GB",
        f"{copied.cpu:.1f} CPU s; the join takes {joined:.1f} CPU s",
    )


def run_scan(archive: ArchiveCatalog, floods: Sequence[Flood], folder: Path, page: Page) -> None:
    """Run the whole scan on a local cluster."""
    write_events(folder / "scan.csv", floods)
    started = perf_counter()
    with (
        LocalCluster(
            n_workers=N_WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        result = floodscan.scan(
            str(folder / "scan.csv"), catalog=archive, out=folder / "out", client=client
        )
        peaks = client.run(measure_peak)
    seconds = perf_counter() - started
    statuses = Counter(str(outcome.status) for outcome in result.outcomes)
    ends = ", ".join(f"{n:,} {status}" for status, n in sorted(statuses.items()))
    page.add(f"whole scan, {N_WORKERS} workers", f"{seconds:.0f} s: {ends}")
    page.add("most memory of a worker", f"{max(peaks.values()):.0f} MB", "≤ 1,000 MB")


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


def days_between(days: tuple[date, date], number: int) -> list[str]:
    """List so many days, from the first to the last one again and again."""
    first, last = days
    span = max((last - first).days, 1)
    return [str(first + timedelta(days=n % span)) for n in range(number)]


def cells_in(box: Box) -> list[Cell]:
    """List the cells with land in a box."""
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
        table, days, cells = archive.index.table, days_of(archive), cells_in(given.bbox)
        n_files = len(set(table["file"].to_pylist()))
        n_items = table["n_rows"].to_numpy().sum()
        page.add("items", f"{n_items:,} in {len(table):,} row groups of {n_files} files")
        floods = move(_floods_in(given.bbox)[: given.events], days)
        (searches,) = plan_lots(floods, folder)
        page.add("events", f"{len(floods):,} with {len(searches):,} slot searches")
        ours = compare_with_read(archive, searches, folder, given.repeats, page)
        compare_with_duckdb(archive, searches, ours, given.sample, page)
        others = make_up([flood.event_date for flood in floods], cells, seed=1)
        compare_more(archive, searches, [*floods, *others], folder, given.repeats, page)
        many = make_up(days_between(days, given.many), cells, seed=2)
        join_many(archive, many, folder, page)
        run_scan(archive, floods, folder, page)
    if given.out:
        given.out.write_text(page.to_markdown(), "utf-8")


if __name__ == "__main__":
    main()
