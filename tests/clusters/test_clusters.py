"""Clusters: what they start, what they report, and that they close all of it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

from floodscan import InputError, scan
from floodscan.clusters import FEW_EVENTS, open_client, prepare_client
from floodscan.clusters.local import prepare_connection
from floodscan.errors import ClusterError
from floodscan.testing.servers.process import LOOPBACK, child
from tests.slurm.slow import make_hold, slow_demo, wait_until_held
from tests.sweeps import demo_copies
from tests.waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.testing.fake_catalog import HoldSearches


def listeners() -> set[str]:
    """Return the addresses at which this process and its children listen."""
    own = psutil.Process()
    processes = [own, *own.children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections("inet")]
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_local_cluster_listens_on_the_loopback_alone() -> None:
    """So do its HTTP servers; all processes are gone afterwards."""
    before = len(psutil.Process().children(recursive=True))
    with open_client("local", n_workers=2) as client:
        assert client is not None
        assert client.submit(sum, [1, 2]).result() == 3
        assert listeners() == {"127.0.0.1"}
    assert (
        len(psutil.Process().children(recursive=True)) <= before + 1
    )  # the resource tracker stays


def test_two_local_clusters_do_not_disturb_each_other() -> None:
    """They listen on different ports."""
    with open_client("local", n_workers=1) as one, open_client("local", n_workers=1) as other:
        assert one is not None
        assert other is not None
        assert one.scheduler_info()["address"] != other.scheduler_info()["address"]


def test_none_is_this_process() -> None:
    """There is no client, and nothing is started."""
    with open_client("none") as client:
        assert client is None


def test_local_is_this_process_for_few_events() -> None:
    """Without a number of workers, and for no more events than are worth the start of workers."""

    def opens_none(n_events: int | None, n_workers: int | None = None) -> bool:
        with prepare_client("local", n_workers=n_workers, n_events=n_events) as opener:
            return opener is nullcontext

    assert opens_none(FEW_EVENTS)
    assert not opens_none(FEW_EVENTS + 1)
    assert not opens_none(1, n_workers=1)
    assert not opens_none(None)


@pytest.mark.parametrize("cluster", ["none", "local", "allocation", "tcp://127.0.0.1:1"])
def test_only_slurm_takes_a_range_of_workers(cluster: str) -> None:
    """The message names the kind of cluster that does."""
    with pytest.raises(InputError, match=f"--cluster {cluster} has a fixed size; use slurm"):
        prepare_client(cluster, n_workers=(1, 2))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_address_without_a_scheduler_is_an_error(address: str) -> None:
    """The message names the address and the values that the option takes."""
    with (
        pytest.raises(
            InputError, match=f"{address}: no Dask scheduler answers.*known: none, local"
        ),
        prepare_connection(address, connect_seconds=0.5),
    ):
        pass


@contextmanager
def scheduler_elsewhere(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a scheduler in another process, as another user might; yield its address, too."""
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
        file = folder / "scheduler.json"
        wait_for(
            lambda: file.exists() and file.read_bytes().rstrip().endswith(b"}"),
            "the scheduler does not start",
            seconds=120,
        )
        yield orjson.loads(file.read_bytes())["address"], scheduler


@contextmanager
def worker_of(address: str, folder: Path) -> Iterator[None]:
    """Run a worker of a scheduler in another process."""
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


def kill_amid_scan(hold: HoldSearches, scheduler: subprocess.Popen[bytes]) -> None:
    """Kill the scheduler as soon as a search is held."""
    wait_until_held(hold)
    scheduler.kill()


def test_loss_of_the_scheduler_is_one_clear_error(tmp_path: Path) -> None:
    """Whichever call of Dask fails first. Finished batches are kept, and the next run continues."""
    hold = make_hold(tmp_path, n_passed=1)
    catalog = slow_demo(hold)
    with (
        scheduler_elsewhere(tmp_path) as (address, scheduler),
        worker_of(address, tmp_path),
        prepare_client(address) as start,
        ThreadPoolExecutor(1) as beside,
    ):
        killed = beside.submit(kill_amid_scan, hold, scheduler)
        with pytest.raises(
            ClusterError, match="the Dask scheduler is gone, or has dropped its tasks"
        ):
            scan(demo_copies(40), catalog=catalog, out=tmp_path / "out", client=start)
        killed.result()
        hold.release()
    assert scan(demo_copies(40), catalog=catalog, out=tmp_path / "out").ok


def test_scheduler_without_workers_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what the scan waits for; with workers it goes on."""
    with (
        ThreadPoolExecutor(1) as beside,
        scheduler_elsewhere(tmp_path) as (address, _),
        prepare_connection(address, warn_after_seconds=0.1) as start,
    ):
        running = beside.submit(scan, "demo", out=tmp_path / "out", client=start)
        wait_for(
            lambda: "the scheduler has no workers" in caplog.text, "no warning comes", seconds=120
        )
        with worker_of(address, tmp_path):
            assert running.result(120).ok
