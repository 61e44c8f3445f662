"""Choosing again on a cluster: batches as tasks, the same bytes, and crashes that are reported."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from distributed import get_task_stream

from floodscan import Policy, Recipe, reselect, scan
from floodscan.clusters import open_client
from floodscan.engine.graph import PickledCall, TaskKind, draw_task
from floodscan.engine.run_batches import run_batches
from floodscan.engine.work import ReselectionWork
from floodscan.errors import ClusterError
from floodscan.reselection import Reselection, StoredBatch
from floodscan.store import RunFolder
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dask.delayed import Delayed
    from distributed import Client


@pytest.fixture(scope="module")
def client() -> Iterator[Client | None]:
    """Two workers."""
    with open_client("local", n_workers=2) as client:
        yield client


def all_bytes(out: Path) -> dict[str, bytes]:
    """Read all files of a run but its description, which has times."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != "run.json"
    }


@pytest.mark.parametrize("packed", [True, False])
def test_any_cluster_gives_the_same_bytes(packed: bool, client: Client, tmp_path: Path) -> None:  # noqa: FBT001
    """Each batch is one task, and progress is reported batch by batch."""
    scan(demo_copies(100), catalog="demo", out=tmp_path / "run", pack_manifests=packed)
    here = reselect(tmp_path / "run", out=tmp_path / "here", policy=Policy.CHANGE_DETECTION)
    progress: list[tuple[int, int]] = []
    with get_task_stream(client=client) as tasks:
        there = reselect(
            tmp_path / "run",
            out=tmp_path / "there",
            policy=Policy.CHANGE_DETECTION,
            client=client,
            on_progress=lambda done, total: progress.append((done, total)),
        )
    batches = {row["batch"] for row in there.folder.read_events().to_pylist()}
    kinds = [task["key"].rpartition("-")[0] for task in tasks.data]
    assert kinds == [TaskKind.RESELECT] * len(batches)
    assert len(batches) > 1
    assert all_bytes(tmp_path / "there") == all_bytes(tmp_path / "here")
    assert there.counts == here.counts
    assert there.event_ids == here.event_ids
    assert progress[0] == (0, 100)
    assert progress[-1] == (100, 100)
    assert len(progress) == len(batches) + 1


@dataclass(frozen=True, slots=True)
class DeadlyWork(ReselectionWork):
    """Kills each worker that takes a batch."""

    def draw(self, batch: StoredBatch) -> Delayed:
        """Draw a task that kills its process."""
        return draw_task(TaskKind.RESELECT, PickledCall.of(_die, batch.name))


def _die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_batch_that_crashes_its_workers_ends_the_run(client: Client, tmp_path: Path) -> None:
    """It is tried alone first; then the message names the batch."""
    again = Reselection(
        source=RunFolder(tmp_path), out=RunFolder(tmp_path), recipe=Recipe(), catalog_id="demo"
    )
    with pytest.raises(ClusterError, match="batch b1: every worker that ran it crashed"):
        list(run_batches(DeadlyWork(again), [StoredBatch("b1", ())], client=client))
