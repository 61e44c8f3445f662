"""The join of archives with a lot of batches, before these batches run.

    row groups 1-7   ── join ──┐
    row groups 8-15  ── join ──┼── answers on disk ── batches of the lot, as from any catalog
    row groups 16-21 ── join ──┘

An archive is read by time, but batches are neighbours in space. So each task reads some row groups
once, and joins them with the searches of all batches of the lot. The lot is large, because each lot
reads the row groups again; its size bounds the memory of the driver.

Dask is imported where a cluster is used, because to import it takes a second.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from shutil import rmtree
from typing import TYPE_CHECKING

from floodscan.catalogs.archive.joined import JoinedCatalog, join_shard, write_answers
from floodscan.catalogs.archive.shards import cut_shards, group_searches, merge_groups
from floodscan.catalogs.sources import find_archive, list_archives, plan_each
from floodscan.engine.run_batches import run_batches
from floodscan.engine.work import ScanWork
from floodscan.errors import FloodscanError
from floodscan.planning.slots import LOT_EVENTS, SMALL_LOT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from distributed import Client

    from floodscan.catalogs.archive import ArchiveCatalog
    from floodscan.catalogs.archive.reading import CollectionSearches
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.catalogs.base import MissingPart
    from floodscan.model import Search
    from floodscan.pipeline import BatchResult, Run
    from floodscan.planning.slots import Batch

    Job = tuple[ArchiveCatalog, Shard]
    Uncovered = tuple[ArchiveCatalog, str]

_LOT_BYTES = 256 << 20
_THREADS = 4


def run_scan(
    run: Run, batches: Iterable[Batch], *, client: Client | None
) -> Generator[BatchResult]:
    """Run the batches of a scan, lot by lot if the run has an archive.

    Args:
        run: Settings that all batches share.
        batches: Taken as they are needed, never all at once.
        client: Client of the cluster; None runs the tasks in this process, one after the other.
    """
    if not list_archives(run.catalog):
        work = ScanWork(run)
        yield from run_batches(work, work.plan_ahead(batches), client=client)
        return
    for lot in cut_lots(batches):
        yield from _run_lot(run, lot, client)


def _run_lot(run: Run, lot: Sequence[Batch], client: Client | None) -> Iterator[BatchResult]:
    """Join a lot and run its batches; a bug in the join fails all of its events, or is raised."""
    with ExitStack() as stack:
        try:
            with _loss_explained(client):
                joined = stack.enter_context(joined_lot(run, lot, client))
        except (FloodscanError, OSError):
            raise
        except Exception as bug:
            failed = [ScanWork(run).fail(batch, bug) for batch in lot]
            if None in failed:
                raise
            yield from (result for result in failed if result)
        else:
            work = ScanWork(joined)
            yield from run_batches(work, work.plan_ahead(lot), client=client)


def cut_lots(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Cut batches into lots, by their number of events and the bytes of these.

    Each lot reads its row groups anew, so a small remainder is added to the last full lot.
    """
    last: list[Batch] = []
    lot: list[Batch] = []
    n_events = n_bytes = 0
    for batch in batches:
        lot.append(batch)
        n_events += len(batch.packed)
        n_bytes += sum(len(event.content) for event in batch.packed)
        share = max(n_events / LOT_EVENTS, n_bytes / _LOT_BYTES)
        if last and share > SMALL_LOT:
            yield last
            last = []
        if share >= 1:
            last, lot, n_events, n_bytes = lot, [], 0, 0
    if last or lot:
        yield last + lot


@contextmanager
def joined_lot(run: Run, lot: Sequence[Batch], client: Client | None) -> Iterator[Run]:
    """Join the archives of a run with a lot, and remove the answers at the end.

    Args:
        run: Settings that all batches share.
        lot: The batches.
        client: Client of the cluster; None joins in this process.

    Yields:
        The run with a catalog that has the answers.
    """
    folder = run.folder.path / f".{uuid.uuid4().hex}.join"
    folder.mkdir(parents=True)
    try:
        by_archive, numbers, uncovered = _collect_searches(run, lot)
        write_answers(folder, numbers)
        jobs = [
            (archive, shard)
            for archive, asked in by_archive.items()
            for shard in cut_shards(archive.index, asked)
        ]
        missing = [archive.find_uncovered(collection) for archive, collection in uncovered]
        missing += _join(run, jobs, folder, client)
        yield replace(
            run, catalog=JoinedCatalog(folder, len(jobs), tuple(missing), rest=run.catalog)
        )
    finally:
        rmtree(folder, ignore_errors=True)


def _collect_searches(
    run: Run, lot: Sequence[Batch]
) -> tuple[dict[ArchiveCatalog, list[CollectionSearches]], dict[Search, int], list[Uncovered]]:
    """Collect the slot searches that each archive is joined with, and number their answers.

    Returns:
        The searches of each archive, the number of each answer, and the collections of archives
        that do not cover all of their searches.
    """
    numbers: dict[Search, int] = {}
    uncovered: dict[Uncovered, None] = {}
    by_archive: dict[ArchiveCatalog, list[CollectionSearches]] = {}
    for plan in plan_each(run.catalog, lot, run.recipe):
        own: dict[ArchiveCatalog, list[tuple[Search, int]]] = {}
        for slot_search, joined in plan.merged_searches.items():
            archive = find_archive(run.catalog, slot_search)
            if joined.joined and archive is not None:
                number = numbers.setdefault(joined, len(numbers))
                own.setdefault(archive, []).append((slot_search, number))
                if not archive.covers(slot_search):
                    uncovered[archive, slot_search.collection] = None
        for archive, searches in own.items():
            by_archive.setdefault(archive, []).extend(group_searches(searches))
    merged = {archive: merge_groups(groups) for archive, groups in by_archive.items()}
    return merged, numbers, list(uncovered)


def _join(run: Run, jobs: Sequence[Job], folder: Path, client: Client | None) -> list[MissingPart]:
    """Join shards, and return what could not be read."""
    if client is not None:
        from floodscan.engine.join_on_cluster import join_on_cluster  # noqa: PLC0415 - see above

        return join_on_cluster(run, jobs, folder, client)
    with ThreadPoolExecutor(_THREADS) as threads:
        found = threads.map(
            lambda number: join_shard(*jobs[number], folder, number), range(len(jobs))
        )
        return [part for parts in found for part in parts]


@contextmanager
def _loss_explained(client: Client | None) -> Iterator[None]:
    if client is None:
        yield
        return
    from floodscan.engine.on_cluster import loss_explained  # noqa: PLC0415 - see above

    with loss_explained(client):
        yield
