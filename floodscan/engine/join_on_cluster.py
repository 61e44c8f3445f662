"""The tasks of a join, on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed import KilledWorker, as_completed

from floodscan.catalogs.archive.reading import Unreadable
from floodscan.engine.graph import draw_join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distributed import Client

    from floodscan.catalogs.archive import ArchiveCatalog
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.catalogs.base import MissingPart
    from floodscan.pipeline import Run

    Job = tuple[ArchiveCatalog, Shard]


def join_on_cluster(
    run: Run, jobs: Sequence[Job], folder: Path, client: Client
) -> list[MissingPart]:
    """Join shards as tasks, and return what could not be read.

    Args:
        run: Settings that all batches share.
        jobs: The shards, each with its archive.
        folder: Folder of the answers.
        client: Client of the cluster.
    """
    tasks = [draw_join(run, job, folder, number) for number, job in enumerate(jobs)]
    futures: Mapping[Any, Job] = dict(zip(client.compute(tasks), jobs, strict=True))
    missing: list[MissingPart] = []
    for future, result in as_completed(futures, with_results=True, raise_errors=False):
        if isinstance(result, tuple) and future.status == "error":
            missing += _give_up(futures[future], result[1])
        elif isinstance(result, BaseException):
            raise result
        else:
            missing += result
    return sorted(missing, key=repr)


def _give_up(job: Job, error: BaseException) -> list[MissingPart]:
    """Mark a shard as unreadable if every worker that read it crashed; raise other errors."""
    if not isinstance(error, KilledWorker):
        raise error
    archive, shard = job
    collections = [each.collection for each in shard.asked]
    reason = "every worker that read it crashed"
    return [
        part
        for row_group in shard.row_groups
        for part in archive.list_missing(Unreadable(row_group, reason), collections)
    ]
