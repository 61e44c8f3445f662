"""The cluster class alone, with Dask and a real SLURM, and without a scan."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dask import config
from distributed import CancelledError, Client, Event, SpecCluster, get_worker

from floodscan.clusters import ReliableSLURMCluster, reliable_slurm
from floodscan.clusters.reliable_slurm import SlurmCommandError
from tests.slurm.site import ACCOUNT
from tests.slurm.slow import short_waits
from tests.slurm.test_endings import spoilt
from tests.waiting import wait_for

from dask_jobqueue.slurm import SLURMCluster  # isort: skip - after the class that shields signal handlers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.slurm.site import SlurmSite

OPTIONS: dict[str, Any] = {
    "queue": "cpu",
    "account": ACCOUNT,
    "walltime": "00:10:00",
    "cores": 2,
    "processes": 2,
    "memory": "2GB",
    "job_mem": "0",
    "interface": "lo",
    "job_extra_directives": ["--qos=short", "--nodes=1", "--no-requeue"],
    "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
    "worker_extra_args": ["--no-dashboard"],
    "death_timeout": 30,
}
SECONDS = 120.0

ALONE = f"""
import sys
sys.modules["floodscan"] = None  # an import of it fails
from reliable_slurm import ReliableSLURMCluster
with ReliableSLURMCluster(**{OPTIONS!r}) as cluster, cluster.get_client() as client:
    cluster.scale(jobs=1)
    print(client.submit(sum, [1, 2]).result())
"""


@contextmanager
def opened(
    folder: Path, kind: type[SpecCluster] = ReliableSLURMCluster, **options: object
) -> Iterator[tuple[Any, Client]]:
    """Open a cluster with short waits, and a client."""
    logs = {"log_directory": str(folder / "logs")}
    with (
        short_waits(),
        kind(**OPTIONS | logs | options) as cluster,
        Client(cluster) as client,
    ):
        yield cluster, client


def test_needs_nothing_else_of_floodscan(site: SlurmSite, tmp_path: Path) -> None:
    """A copy of its folder works where floodscan is not installed."""
    shutil.copytree(Path(reliable_slurm.__file__).parent, tmp_path / "reliable_slurm")
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    assert site.jobs() == []


@pytest.mark.parametrize(
    "kind",
    [
        ReliableSLURMCluster,
        pytest.param(
            SLURMCluster,
            marks=pytest.mark.xfail(
                raises=TimeoutError,
                strict=True,
                reason="dask-jobqueue #691; once this passes, our own class may go",
            ),
        ),
    ],
)
def test_cancelled_job_is_replaced(
    kind: type[SpecCluster], site: SlurmSite, tmp_path: Path
) -> None:
    """Of three jobs with two processes each one is cancelled, and there are three again."""
    with opened(tmp_path, kind) as (cluster, client):
        cluster.scale(jobs=3)
        client.wait_for_workers(6, timeout=SECONDS)
        lost = site.jobs("RUNNING")[0]
        site.run("scancel", lost)
        site.wait_for_jobs(3, instead_of=[lost], seconds=20)
        client.wait_for_workers(6, timeout=SECONDS)
    assert site.jobs() == []


def _statuses_of_nannies(client: Client) -> list[str]:
    found = client.run(lambda dask_worker: dask_worker.status.name, nanny=True, on_error="return")
    return [str(status) for status in found.values()]


def test_killed_worker_keeps_its_job(site: SlurmSite, tmp_path: Path) -> None:
    """Its nanny starts it again, even if Dask believes after a moment that the worker is lost."""
    with opened(tmp_path, processes=1) as (cluster, client):
        cluster.scale(jobs=1)
        (job,) = site.wait_for_jobs(1, state="RUNNING", seconds=SECONDS)
        killed = client.submit(os.getpid).result(SECONDS)
        # a nanny that loses its worker while it still starts gives up, and ends the job
        wait_for(lambda: "running" in _statuses_of_nannies(client), "the nanny is up")
        with config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
            os.kill(killed, signal.SIGKILL)
            assert client.submit(os.getpid, pure=False).result(SECONDS) != killed
        assert site.jobs("RUNNING") == [job]


@pytest.mark.parametrize("processes", [1, 2])
def test_adaptive_cluster_goes_up_and_down(processes: int, site: SlurmSite, tmp_path: Path) -> None:
    """It grows with the tasks, replaces a lost job, and shrinks when they are done."""
    with opened(tmp_path, processes=processes) as (cluster, client):
        cluster.adapt(minimum=1, maximum=3 * processes, interval="200ms", target_duration="1s")
        site.wait_for_jobs(1, seconds=SECONDS)
        go_on = Event("go-on")
        waiting = client.map(wait_until_set, range(40), pure=False)
        before = site.wait_for_jobs(3, state="RUNNING", seconds=SECONDS)
        client.wait_for_workers(3 * processes, timeout=SECONDS)
        site.run("scancel", before[0])
        site.wait_for_jobs(3, state="RUNNING", instead_of=before[:1], seconds=SECONDS)
        go_on.set()
        assert client.gather(waiting) == list(range(40))
        site.wait_for_jobs(1, seconds=SECONDS)
    assert site.jobs() == []


def wait_until_set(number: int) -> int:
    """Wait for the test, and return the number."""
    Event("go-on").wait(SECONDS)
    return number


def test_adaptive_cluster_keeps_a_job_that_still_works(site: SlurmSite, tmp_path: Path) -> None:
    """One process of a job works and the other is idle: the idle job is removed instead."""
    with opened(tmp_path) as (cluster, client):
        cluster.scale(jobs=2)
        client.wait_for_workers(4, timeout=SECONDS)
        jobs = client.run(os.getenv, "SLURM_JOB_ID")
        worker, job = next(iter(jobs.items()))
        go_on = Event("go-on")
        working = client.submit(wait_and_count, workers=[worker])
        wait_for(lambda: client.processing()[worker], "the task does not start", seconds=SECONDS)
        cluster.adapt(minimum=0, maximum=4, interval="200ms")
        assert site.wait_for_jobs(1, seconds=SECONDS) == [job]
        go_on.set()
        assert working.result(SECONDS) == 1
    assert site.jobs() == []


def wait_and_count() -> int:
    """Wait for the test; return how often a task of this worker did so."""
    worker: Any = get_worker()
    worker.n_calls = getattr(worker, "n_calls", 0) + 1
    Event("go-on").wait(SECONDS)
    return int(worker.n_calls)


def test_refused_account_is_one_error(site: SlurmSite, tmp_path: Path) -> None:
    """The constructor raises SLURM's own words, and nothing was submitted."""
    before = site.submissions()
    with (
        pytest.raises(SlurmCommandError, match=r"sbatch: .*unknown account p999999"),
        opened(tmp_path, account="p999999", n_workers=4),
    ):
        pass
    assert site.submissions() == before


def test_refused_account_is_one_error_of_an_asynchronous_cluster(
    site: SlurmSite, tmp_path: Path
) -> None:
    """There it comes when the cluster is awaited."""

    async def open_cluster() -> None:
        logs = {"log_directory": str(tmp_path), "account": "p999999"}
        async with ReliableSLURMCluster(asynchronous=True, **OPTIONS | logs):
            pass

    before = site.submissions()
    with pytest.raises(SlurmCommandError, match="unknown account p999999"):
        asyncio.run(open_cluster())
    assert site.submissions() == before


def test_cluster_that_gives_up_closes(site: SlurmSite, tmp_path: Path) -> None:
    """Who waits for a result gets an error, and ``failure`` has the last job's own words."""
    prologue = ["echo no such module >&2", "exit 1"]
    with opened(tmp_path, job_script_prologue=prologue) as (cluster, client):
        cluster.scale(jobs=1)
        with pytest.raises(CancelledError):
            client.submit(sum, [1, 2]).result(SECONDS)
        wait_for(lambda: cluster.status.name == "closed", "it does not close", seconds=SECONDS)
        assert site.jobs() == []
    assert "ended before a worker connected" in cluster.failure
    assert cluster.failure.endswith("The last one printed: no such module")


def test_submission_that_only_seemed_to_fail_is_not_made_twice(
    site: SlurmSite, tmp_path: Path
) -> None:
    """SLURM accepts a job, and its answer gets lost: no more jobs stay than were wanted."""
    lost = f'{shutil.which("sbatch")} "$@" >/dev/null; echo "Socket timed out" >&2; exit 1'
    # the first call is the rehearsal
    with spoilt("sbatch", "-eq 2", lost, tmp_path), opened(tmp_path) as (cluster, client):
        before = site.submissions()
        cluster.scale(jobs=2)
        wait_for(lambda: site.submissions() == before + 3, "no second try", seconds=SECONDS)
        site.wait_for_jobs(2, seconds=SECONDS)
        client.wait_for_workers(4, timeout=SECONDS)
        time.sleep(2)
        assert len(site.jobs()) == 2
    assert site.jobs() == []


def test_cluster_closes_while_jobs_are_not_accepted(site: SlurmSite, tmp_path: Path) -> None:
    """Neither an error nor a job is left."""
    busy = "echo 'sbatch: error: Socket timed out' >&2; exit 1"
    before = site.submissions()
    with spoilt("sbatch", "-gt 1", busy, tmp_path), opened(tmp_path) as (cluster, _):
        cluster.scale(jobs=2)
        wait_for(
            lambda: len((tmp_path / "sbatch.calls").read_text().splitlines()) > 2,
            "sbatch is not called again",
            seconds=SECONDS,
        )
    assert (site.jobs(), site.submissions()) == ([], before)
