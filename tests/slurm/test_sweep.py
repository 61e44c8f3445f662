"""A scan on four worker jobs over TLS: the results of one process, whatever happens to workers."""

from __future__ import annotations

import os
import signal
import stat
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, Worker

from floodscan import scan
from floodscan.clusters import open_client
from floodscan.clusters.private import OWNER_FILE
from floodscan.clusters.tls import make_security
from tests.clusters.test_local import is_profiled
from tests.paths import REPO_ROOT
from tests.runs import result_bytes
from tests.slurm.conftest import write_profile
from tests.slurm.slow import make_hold, slow_demo, wait_until_held
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Security

    from tests.slurm.site import SlurmSite

N_JOBS = 4
PROCESSES = 2
N_WORKERS = N_JOBS * PROCESSES
RECOVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Running worker jobs.

    Attributes:
        client: Their client, connected over TLS.
        site: Their SLURM.
        private: Folder of keys and logs.
        start_seconds: Time from the submission until all workers were connected.
    """

    client: Client
    site: SlurmSite
    private: Path
    start_seconds: float

    @property
    def scheduler(self) -> str:
        """Address of the scheduler."""
        address: str = self.client.scheduler_info()["address"]
        return address

    def workers(self) -> dict[str, dict[str, object]]:
        """Return what the scheduler knows about its workers, by address."""
        known: dict[str, dict[str, object]] = self.client.scheduler_info(n_workers=-1)["workers"]
        return known


@pytest.fixture(scope="module")
def sweep(running_site: SlurmSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """Four connected worker jobs; afterwards, no job and no key is left."""
    folder = tmp_path_factory.mktemp("sweep")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SLURM_CONF", str(running_site.conf))
        patch.setenv("PYTHONPATH", str(REPO_ROOT))
        profile = write_profile(folder, cores=PROCESSES, processes=PROCESSES)
        started = time.monotonic()
        client = stack.enter_context(open_client("slurm", n_workers=N_JOBS, profile=profile))
        assert client is not None
        client.wait_for_workers(N_WORKERS, timeout=120)
        yield Sweep(client, running_site, folder / "private", time.monotonic() - started)
    assert running_site.jobs() == []
    assert list((folder / "private").iterdir()) == []


def test_gives_the_bytes_of_one_process(
    sweep: Sweep, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """Candidates and manifests don't depend on the cluster; all connections are TLS."""
    scan(events, catalog="demo", out=tmp_path / "out", client=sweep.client)
    assert result_bytes(tmp_path / "out") == reference
    addresses = {*sweep.workers(), sweep.scheduler}
    assert {address.partition("://")[0] for address in addresses} == {"tls"}
    assert len(sweep.site.jobs("RUNNING")) == N_JOBS


def test_keys_are_the_users_alone(sweep: Sweep) -> None:
    """Nobody else can open the folder or a key, and the authority's own key is not written."""
    (run,) = sweep.private.iterdir()
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    kept = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in run.iterdir() if path.is_file()
    }
    assert kept == dict.fromkeys([OWNER_FILE, "ca.pem", "run.pem", "run.key"], 0o600)


def test_strangers_are_refused(sweep: Sweep, tmp_path: Path) -> None:
    """Scheduler, workers and nannies refuse plain TCP, and certificates of another authority."""
    foreign = make_security(tmp_path)
    assert answers(sweep.scheduler, sweep.client.security)
    nannies = [str(facts["nanny"]) for facts in sweep.workers().values()]
    for address in [sweep.scheduler, *list(sweep.workers())[:1], *nannies[:1]]:
        plain = address.replace("tls://", "tcp://")
        assert not answers(plain, None)
        assert not answers(address, foreign)


def answers(address: str, security: Security | None) -> bool:
    """Return True if a part of the cluster accepts a connection."""
    try:
        Client(address, security=security, timeout=2).close()
    except (OSError, TimeoutError):
        return False
    return True


def test_http_serves_nothing(sweep: Sweep) -> None:
    """HTTP has no TLS: the scheduler closes its server, and workers serve no page."""

    def where(dask_worker: Worker) -> tuple[str, int]:
        server: Any = dask_worker.http_server
        return server.address, server.port

    for host, port in sweep.client.run(where).values():
        assert host == "127.0.0.1"
        for page in ("status", "health", "metrics", "info/main/workers.html", "json/identity.json"):
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5)
            refused.value.close()
    port = sweep.client.scheduler_info()["services"]["dashboard"]
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


def test_workers_are_not_profiled(sweep: Sweep) -> None:
    """Dask's profiler can stop a process for good on some Pythons."""
    assert set(sweep.client.run(is_profiled).values()) == {False}


def test_lost_jobs_and_workers_are_replaced(
    sweep: Sweep, events: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """A killed worker and a cancelled job are replaced within 10 s, and the results are the same.

    On a busy machine it may take longer, but at most twice as long as the start of the cluster.
    """
    before = sweep.site.jobs("RUNNING")
    by_job = sweep.client.run(os.getenv, "SLURM_JOB_ID")
    pids = sweep.client.run(os.getpid)
    hold = make_hold(tmp_path, n_passed=2 * N_JOBS)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            scan, events, catalog=slow_demo(hold), out=tmp_path / "out", client=sweep.client
        )
        wait_until_held(hold)
        killed = next(worker for worker, job in by_job.items() if job == before[0])
        os.kill(pids[killed], signal.SIGKILL)
        sweep.site.run("scancel", before[1])
        lost_at = time.monotonic()
        lost = {killed} | {worker for worker, job in by_job.items() if job == before[1]}
        sweep.site.wait_for_jobs(N_JOBS, state="RUNNING", instead_of=before[1:2], seconds=120)
        wait_for(lambda: lost.isdisjoint(sweep.workers()), "a lost worker is left", seconds=120)
        sweep.client.wait_for_workers(N_WORKERS, timeout=120)
        seconds = time.monotonic() - lost_at
        hold.release()
        result = running.result(timeout=120)
    assert len(set(sweep.site.jobs("RUNNING")) - set(before)) == 1
    assert seconds < max(RECOVERY_SECONDS, 2 * sweep.start_seconds)
    assert result.ok
    assert result_bytes(tmp_path / "out") == reference
