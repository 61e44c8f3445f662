"""Clusters: what they open, and that they close it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

from floodscan import InputError, scan
from floodscan.clusters import local, open_client, prepare_client
from floodscan.errors import ClusterError
from floodscan.testing.servers.process import LOOPBACK, child
from tests.slurm.slow import make_slow_demo
from tests.sweeps import demo_copies
from tests.waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.slurm.slow import SlowDemo


def listeners() -> set[str]:
    """List the addresses at which this process and its children listen."""
    own = psutil.Process()
    processes = [own, *own.children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections("inet")]
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_local_cluster_listens_to_this_machine_alone() -> None:
    """Scheduler, workers and their HTTP servers are on loopback, and gone afterwards."""
    before = len(psutil.Process().children(recursive=True))
    with open_client("local", n_workers=2) as client:
        assert client is not None
        assert client.submit(sum, [1, 2]).result() == 3
        assert listeners() == {"127.0.0.1"}
    assert (
        len(psutil.Process().children(recursive=True)) <= before + 1
    )  # the resource tracker stays


def test_two_local_clusters_do_not_disturb_each_other() -> None:
    """Neither takes a port that the other wants."""
    with open_client("local", n_workers=1) as one, open_client("local", n_workers=1) as other:
        assert one is not None
        assert other is not None
        assert one.scheduler_info()["address"] != other.scheduler_info()["address"]


def test_none_is_this_process() -> None:
    """No client, nothing started."""
    with open_client("none") as client:
        assert client is None


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_address_without_a_scheduler_is_told(address: str) -> None:
    """The error names it and what else may stand there."""
    with pytest.raises(InputError, match="no Dask scheduler answers"), open_client(address):
        pass


@contextmanager
def scheduler_elsewhere(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a scheduler in a process of its own, as somebody else might; give its address too."""
    words = [
        "--host",
        LOOPBACK,
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(folder / "scheduler.json"),
    ]
    log = folder / "scheduler.log"
    with child(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *words], log=log
    ) as scheduler:
        wait_for(
            lambda: "Scheduler at:" in log.read_text(), "the scheduler does not start", seconds=120
        )
        yield orjson.loads((folder / "scheduler.json").read_bytes())["address"], scheduler


@contextmanager
def worker_of(address: str, folder: Path) -> Iterator[None]:
    """Run a worker beside it."""
    words = [
        address,
        "--host",
        LOOPBACK,
        "--nthreads",
        "2",
        "--no-dashboard",
        "--local-directory",
        str(folder),
    ]
    with child(
        [sys.executable, "-m", "distributed.cli.dask_worker", *words], log=folder / "worker.log"
    ):
        yield


def kill_in_mid_sweep(catalog: SlowDemo, scheduler: subprocess.Popen[bytes]) -> None:
    """Wait until a search waits, and kill the scheduler."""
    catalog.wait_for_search()
    scheduler.kill()


def test_scheduler_that_goes_away_is_told(tmp_path: Path) -> None:
    """One error of floodscan's own, and not that of whatever was asked of it next.

    What is done is kept.
    """
    catalog = make_slow_demo(tmp_path, n_answered=1)
    with (
        scheduler_elsewhere(tmp_path) as (address, scheduler),
        worker_of(address, tmp_path),
        prepare_client(address) as start,
        ThreadPoolExecutor(1) as beside,
    ):
        killed = beside.submit(kill_in_mid_sweep, catalog, scheduler)
        with pytest.raises(
            ClusterError, match="the Dask scheduler is gone, or has dropped its tasks"
        ):
            scan(demo_copies(40), catalog=catalog, out=tmp_path / "out", client=start)
        killed.result()
        catalog.go_on()
    assert scan(demo_copies(40), catalog=catalog, out=tmp_path / "out").ok


def test_scheduler_without_workers_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says what a sweep waits for; with workers it goes on."""
    monkeypatch.setattr(local, "_PATIENCE_SECONDS", 0.1)
    with (
        scheduler_elsewhere(tmp_path) as (address, _),
        prepare_client(address) as start,
        ThreadPoolExecutor(1) as beside,
    ):
        sweep = beside.submit(scan, "demo", out=tmp_path / "out", client=start)
        wait_for(
            lambda: "the scheduler has no workers" in caplog.text, "nothing is said", seconds=120
        )
        with worker_of(address, tmp_path):
            assert sweep.result(120).ok
