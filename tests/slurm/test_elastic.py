"""Clusters whose number of worker jobs follows the load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from distributed import Event

from floodscan import scan
from floodscan.clusters import prepare_client
from floodscan.clusters.search_worker import SEARCH_WORKER
from floodscan.testing.servers.process import child
from tests.runs import result_bytes
from tests.slurm.conftest import write_profile
from tests.slurm.slow import make_hold, short_waits, slow_demo, wait_until_held
from tests.slurm.test_driver import SlowApi, scan_command, slow_api
from tests.slurm.test_reliable_slurm import wait_until_set
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.site import SlurmSite

__all__ = ["slow_api"]


def test_jobs_come_and_go_with_the_batches(
    site: SlurmSite, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """One job becomes three while batches wait, a lost one is replaced, and one is left."""
    hold = make_hold(tmp_path, n_passed=2)
    with (
        short_waits(),
        ThreadPoolExecutor(1) as beside,
        prepare_client("slurm", n_workers=(1, 3), profile=write_profile(tmp_path)) as start,
        start() as client,
    ):
        site.wait_for_jobs(1, state="RUNNING", seconds=120)
        catalog = slow_demo(hold)
        running = beside.submit(scan, events, catalog=catalog, out=tmp_path / "out", client=client)
        try:
            wait_until_held(hold)
            grown = site.wait_for_jobs(3, state="RUNNING", seconds=120)
            site.run("scancel", grown[-1])
            site.wait_for_jobs(3, state="RUNNING", instead_of=grown[-1:], seconds=120)
        finally:
            hold.release()
        assert running.result(120).ok
        site.wait_for_jobs(1, seconds=120)
    assert result_bytes(tmp_path / "out") == reference
    assert site.jobs() == []


def test_worker_that_searches_stays(site: SlurmSite, tmp_path: Path) -> None:
    """The worker on the driver's machine belongs to no job: it does not end when jobs do."""
    with (
        short_waits(),
        prepare_client(
            "slurm", n_workers=(1, 2), profile=write_profile(tmp_path), n_searches=2
        ) as start,
        start() as client,
    ):
        assert client is not None
        waiting = client.map(wait_until_set, range(20), pure=False)
        site.wait_for_jobs(2, state="RUNNING", seconds=120)
        client.wait_for_workers(3, timeout=120)
        Event("go-on").set()
        assert client.gather(waiting) == list(range(20))
        site.wait_for_jobs(1, seconds=120)
        wait_for(lambda: len(client.nthreads()) == 2, "more workers are left", seconds=120)
        names = {worker["name"] for worker in client.scheduler_info(-1)["workers"].values()}
    assert SEARCH_WORKER in names
    assert site.jobs() == []


def test_command_takes_the_least_and_the_most_jobs(
    site: SlurmSite, events: Path, reference: dict[str, bytes], slow_api: SlowApi, tmp_path: Path
) -> None:
    """With ``--workers 1:3`` the queue holds three jobs while batches wait, and none at the end."""
    log, out = tmp_path / "driver.log", tmp_path / "out"
    command = scan_command(events, slow_api.url, write_profile(tmp_path), out, n_jobs="1:3")
    with child(command, log=log) as driver:
        assert slow_api.reached.wait(120), log.read_text()
        site.wait_for_jobs(3, state="RUNNING", seconds=120)
        slow_api.released.set()
        assert driver.wait(180) == 0, log.read_text()
    assert result_bytes(out) == reference
    assert site.jobs() == []
