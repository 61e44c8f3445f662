"""A cluster on SLURM: the scheduler in this process, the workers in jobs, and TLS between them.

The workers run in worker jobs that this process submits, or on the nodes of its own allocation.
"""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask import config
from distributed import Client, SpecCluster
from distributed.diagnostics.plugin import SchedulerPlugin

from floodscan.clusters.address import check_address, find_address
from floodscan.clusters.commands import SlurmCommandError, rehearse
from floodscan.clusters.interrupts import interrupt_main_thread, interruptible, undisturbed
from floodscan.clusters.local import SETTINGS
from floodscan.clusters.pool import JobPool, PoolWaits, keep_jobs
from floodscan.clusters.private import private_folder
from floodscan.clusters.scheduler import LenientScheduler
from floodscan.clusters.script import build_script, job_of_worker, lifetime_args
from floodscan.clusters.search_worker import node_args, search_worker
from floodscan.clusters.tls import make_security
from floodscan.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Scheduler, Security

    from floodscan.clusters.profile import Profile
    from floodscan.clusters.script import WorkerScript

CLOSED_HTTP: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""Dask settings by which its HTTP servers, which TLS does not cover, serve no page."""

_UNKNOWN_SCHEDULER = "tls://DRIVER:PORT"
_STEP_END_SECONDS = 20.0
_QUOTED_LINES = 5
_WAITS = PoolWaits()

# Words in sbatch's messages, and the field of a profile that they are about; the first match counts
_FIELD_OF_WORD = {
    "account": "account",
    "project": "account",
    "time": "walltime",
    "qos": "job-extra-directives",
    "partition": "queue",
    "memory": "memory",
    "cpu": "cores",
    "node configuration": "cores",
}


class _Watch(SchedulerPlugin):
    """Reports to a pool which workers connect, and that a worker is gone."""

    def __init__(self, pool: JobPool) -> None:
        self._pool = pool

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        if (job := job_of_worker(str(scheduler.workers[worker].name))).isdigit():
            self._pool.welcome(job)

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: object) -> None:  # noqa: ARG002 - distributed's
        self._pool.disturb()


@contextmanager
def prepare_slurm_client(
    profile: Profile, *, n_jobs: int, n_searches: int | None = None, waits: PoolWaits = _WAITS
) -> Iterator[Callable[[], AbstractContextManager[Client]]]:
    """Start a scheduler, and let SLURM check the script of the worker jobs.

    Args:
        profile: The worker jobs.
        n_jobs: How many to keep running.
        n_searches: Searches at once of a worker on this machine; None if the nodes search.
        waits: How long to wait for SLURM.

    Yields:
        A function that submits the jobs and opens a client. When the client's context ends, all
        jobs are gone.

    Raises:
        InputError: SLURM would refuse the jobs, or an address is wrong; nothing was submitted.
        ClusterError: From the opened client: worker jobs end as soon as they start.
    """
    with _private_folder(profile) as folder:
        security = make_security(folder)
        with _scheduler(profile, security, n_searches) as cluster:
            name, logs = _new_name(profile), _log_folder(profile, folder)
            script = build_script(
                profile,
                name=name,
                scheduler=cluster.scheduler_address,
                security=security,
                logs=logs,
                worker_args=_job_args(profile, n_searches),
            )
            check_script(profile, script)
            check_address(profile, find_address(profile))
            pool = JobPool(name=name, script=str(script), wanted=n_jobs, logs=logs, waits=waits)
            yield partial(_submit, pool, cluster)


@contextmanager
def _submit(pool: JobPool, cluster: SpecCluster) -> Iterator[Client]:
    scheduler: Any = cluster.scheduler
    scheduler.add_plugin(_Watch(pool), name="floodscan-jobs")
    with _explained(lambda: pool.failure), keep_jobs(pool), Client(cluster) as client:
        yield client


@contextmanager
def prepare_allocation_client(
    profile: Profile, *, n_nodes: int | None, n_searches: int | None
) -> Iterator[Callable[[], AbstractContextManager[Client]]]:
    """Start a scheduler for the nodes of the SLURM job that this process runs in.

    Args:
        profile: The workers.
        n_nodes: Number of nodes to use; None is all.
        n_searches: Searches at once of a worker on this node; None if all nodes search.

    Yields:
        A function that starts the workers and opens a client. When the client's context ends, the
        workers end.

    Raises:
        InputError: This process runs in no SLURM job, or an address is wrong.
        ClusterError: From the opened client: the workers ended.
    """
    allocated = os.environ.get("SLURM_JOB_NUM_NODES")
    if allocated is None:
        hint = "see jobs/sweep-one-allocation.sbatch"
        raise InputError(f"--cluster allocation: works only inside of a SLURM job; {hint}")
    with _private_folder(profile) as folder:
        security = make_security(folder)
        with _scheduler(profile, security, n_searches) as cluster:
            script = build_script(
                profile,
                name=_new_name(profile),
                scheduler=cluster.scheduler_address,
                security=security,
                logs=folder,
                worker_args=node_args(n_searches, profile),
            )
            nodes, n_cores = str(n_nodes or allocated), profile.values["cores"]
            yield partial(_run_step, _Step(script, folder, n_nodes=nodes, n_cores=n_cores), cluster)


@contextmanager
def _run_step(step: _Step, cluster: SpecCluster) -> Iterator[Client]:
    with _explained(lambda: step.failure), step.running(), Client(cluster) as client:
        yield client


def preview_script(profile: Profile, *, n_searches: int | None = None) -> WorkerScript:
    """Return the script of a worker job; the driver's address in it is a placeholder."""
    with _private_folder(profile) as folder:
        return build_script(
            profile,
            name=_new_name(profile),
            scheduler=_UNKNOWN_SCHEDULER,
            security=make_security(folder),
            logs=_log_folder(profile, folder),
            worker_args=_job_args(profile, n_searches),
        )


def check_script(profile: Profile, script: WorkerScript) -> None:
    """Let SLURM check the script of a worker job.

    Raises:
        InputError: SLURM would refuse it; the message names the reason and the profile's field.
    """
    try:
        rehearse(str(script))
    except SlurmCommandError as err:
        text = err.text.lower()
        field = next((field for word, field in _FIELD_OF_WORD.items() if word in text), None)
        if field is None or err.is_temporary:
            raise InputError(f"{profile.source}: SLURM refuses the worker job: {err}") from err
        raise profile.refuse(field, f"SLURM refuses the worker job: {err}") from err


class _Step:
    """The workers of an allocation: one job step with one task per node."""

    def __init__(self, script: WorkerScript, folder: Path, *, n_nodes: str, n_cores: int) -> None:
        self.failure: str | None = None
        self._log = folder / "workers.log"
        path = folder / "workers.sh"
        path.write_text(str(script))
        # the loss of a node must end only the workers of that node
        self._command = ["srun", "-N", n_nodes, "-n", n_nodes, "-c", str(n_cores), "--no-kill"]
        self._command += ["--kill-on-bad-exit=0", "--wait=0", "bash", str(path)]
        self._closing = False

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - SLURM's own command
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._closing = True
            with undisturbed():
                process.terminate()
                watch.join(_STEP_END_SECONDS)
            if process.poll() is None:
                process.kill()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if not self._closing:
            last = self._log.read_text(errors="replace").strip().splitlines()[-_QUOTED_LINES:]
            self.failure = (
                f"the workers ended ({process.returncode}); the last one printed: "
                f"{' / '.join(last)}"
            )
            interrupt_main_thread()


@contextmanager
def _scheduler(
    profile: Profile, security: Security, n_searches: int | None
) -> Iterator[SpecCluster]:
    """Run a scheduler, and a worker for searches if asked for; their connections are TLS alone."""
    address = find_address(profile)
    options = {
        **profile.values.get("scheduler-options", {}),
        "host": address,
        "protocol": "tls://",
        "security": security,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
    }
    with config.set(CLOSED_HTTP | SETTINGS):
        cluster = SpecCluster(
            workers=search_worker(n_searches, address=address, security=security),
            scheduler={"cls": LenientScheduler, "options": options},
            security=security,
            silence_logs=logging.ERROR,
        )
        with cluster:
            scheduler: Any = cluster.scheduler
            scheduler.http_server.stop()
            yield cluster


@contextmanager
def _private_folder(profile: Profile) -> Iterator[Path]:
    """Make a folder for the run's keys, and remove it at the end."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder(profile.shared_folder))
        except OSError as err:
            text = f"{profile.shared_folder} can't be written: {err.strerror}"
            text = f"{text}; name a folder that all nodes share"
            raise profile.refuse("shared-temp-directory", text) from err
        yield folder


@contextmanager
def _explained(failure: Callable[[], str | None]) -> Iterator[None]:
    """Turn the interrupt of a cluster that gave up, and errors of SLURM, into a ClusterError."""
    try:
        with interruptible():
            yield
    except SlurmCommandError as err:
        raise ClusterError(str(err)) from err
    except KeyboardInterrupt:
        if (reason := failure()) is None:
            raise
        raise ClusterError(reason) from None


def _job_args(profile: Profile, n_searches: int | None) -> list[str]:
    return [*lifetime_args(profile.walltime, profile.worker_args), *node_args(n_searches, profile)]


def _new_name(profile: Profile) -> str:
    return f"{profile.values.get('name', 'floodscan')}-{secrets.token_hex(4)}"


def _log_folder(profile: Profile, folder: Path) -> Path:
    return Path(profile.values.get("log-directory", folder / "logs"))
