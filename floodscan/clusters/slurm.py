"""A cluster on SLURM: the scheduler in this process, the workers in jobs, and TLS between them.

The workers run in worker jobs that this process submits, or on the nodes of its own allocation.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dask import config
from distributed import Client, SpecCluster

from floodscan.clusters.address import check_address, find_address
from floodscan.clusters.interrupts import interruptible, undisturbed
from floodscan.clusters.local import SETTINGS
from floodscan.clusters.private import private_folder
from floodscan.clusters.reliable_slurm import ReliableSLURMCluster, SlurmCommandError, SLURMJob
from floodscan.clusters.reliable_slurm.commands import last_lines
from floodscan.clusters.scheduler import LenientScheduler
from floodscan.clusters.script import job_options
from floodscan.clusters.search_worker import searching_beside
from floodscan.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from distributed import Security

    from floodscan.clusters.profile import Profile

    NumberOfJobs = int | tuple[int, int]

CLOSED_HTTP: dict[str, Any] = {
    f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")
}
"""Dask settings by which its HTTP servers, which TLS does not cover, serve no page."""

_UNKNOWN_SCHEDULER = "tls://DRIVER:PORT"
_NAME = "floodscan"
_STEP_WORKER = "$SLURM_JOB_ID.$SLURM_PROCID"
_STEP_END_SECONDS = 20.0

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


@contextmanager
def prepare_slurm(
    profile: Profile, n_jobs: NumberOfJobs | None, *, n_searches: int | None = None
) -> Iterator[Callable[[], AbstractContextManager[Client]]]:
    """Start a scheduler, and let SLURM check the script of the worker jobs.

    Args:
        profile: The worker jobs.
        n_jobs: How many to keep running, or at least and at most how many; None is one.
        n_searches: Searches at once of a worker on this machine; None if the nodes search.

    Yields:
        A function that submits the jobs and opens a client. When the client's context ends, all
        jobs are gone.

    Raises:
        InputError: SLURM would refuse the jobs, or an address is wrong; nothing was submitted.
        ClusterError: From the opened client: worker jobs end as soon as they start.
    """
    check_address(profile, find_address(profile))
    with _private_folder(profile) as folder:
        options = job_options(profile, folder, n_searches=n_searches)
        with refusal_explained(profile):
            cluster = ReliableSLURMCluster(
                name=_NAME,
                scheduler_cls=LenientScheduler,
                scheduler_options=_scheduler_options(profile, options["security"]),
                **options,
            )
        with _closed(cluster):
            start = partial(_scale, cluster, n_jobs or 1)
            yield partial(_open_client, cluster, start, n_searches)


@contextmanager
def _scale(cluster: ReliableSLURMCluster, n_jobs: NumberOfJobs) -> Iterator[None]:
    """Submit the worker jobs; the end of the cluster cancels them."""
    if isinstance(n_jobs, int):
        cluster.scale(jobs=n_jobs)
    else:
        cluster.adapt(minimum_jobs=n_jobs[0], maximum_jobs=n_jobs[1])
    yield


@contextmanager
def prepare_allocation(
    profile: Profile, n_nodes: int | None, *, n_searches: int | None
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
        options = job_options(profile, folder, n_searches=n_searches, has_lifetime=False)
        security = options["security"]
        scheduler = {"cls": LenientScheduler, "options": _scheduler_options(profile, security)}
        cluster = AllocationCluster(
            scheduler=scheduler, security=security, silence_logs=logging.ERROR
        )
        with _closed(cluster):
            job = SLURMJob(cluster.scheduler_address, name=_STEP_WORKER, **options)
            count = str(n_nodes or allocated)
            # the loss of a node must end only the workers of that node
            words = ["srun", "--no-kill", "--kill-on-bad-exit=0", "--wait=0"]
            words += ["-N", count, "-n", count, "-c", str(profile.values["cores"]), "bash"]
            start = partial(_job_step, cluster, words, job.job_script(), folder)
            yield partial(_open_client, cluster, start, n_searches)


@contextmanager
def _open_client(
    cluster: ReliableSLURMCluster | AllocationCluster,
    start: Callable[[], AbstractContextManager[None]],
    n_searches: int | None,
) -> Iterator[Client]:
    """Start the workers and open a client; at the end close the cluster.

    Errors of a cluster that gave up, and of SLURM, become a ClusterError.
    """
    try:
        with (
            interruptible(),
            _closed(cluster),
            start(),
            searching_beside(cluster, n_searches),
            Client(cluster) as client,
        ):
            yield client
    except Exception as err:
        if cluster.failure is None and not isinstance(err, SlurmCommandError):
            raise
        raise ClusterError(cluster.failure or str(err)) from err


@contextmanager
def _closed(cluster: SpecCluster) -> Iterator[None]:
    """Close the HTTP server of a cluster now, and the cluster itself at the end."""
    scheduler: Any = cluster.scheduler
    scheduler.http_server.stop()
    try:
        yield
    finally:
        with undisturbed():
            cluster.close()


def preview_script(profile: Profile, *, n_searches: int | None = None) -> str:
    """Return the script of a worker job; the driver's address in it is a placeholder.

    Its last line is the command that starts the workers.
    """
    with _private_folder(profile) as folder:
        options = job_options(profile, folder, n_searches=n_searches)
        script: str = SLURMJob(_UNKNOWN_SCHEDULER, name=_NAME, **options).job_script()
    return script


@contextmanager
def refusal_explained(profile: Profile) -> Iterator[None]:
    """Turn a refusal of the worker jobs into an InputError with SLURM's words and the field."""
    try:
        yield
    except SlurmCommandError as err:
        text = err.text.lower()
        field = next((field for word, field in _FIELD_OF_WORD.items() if word in text), None)
        if field is None or err.is_temporary:
            raise InputError(f"{profile.source}: SLURM refuses the worker job: {err}") from err
        raise profile.refuse(field, f"SLURM refuses the worker job: {err}") from err


class AllocationCluster(SpecCluster):
    """A scheduler for the workers of an allocation; ``failure`` says why they ended too early."""

    failure: str | None = None


@contextmanager
def _job_step(
    cluster: AllocationCluster, words: list[str], script: str, folder: Path
) -> Iterator[None]:
    """Run the workers of an allocation in a job step; if it ends too early, close the cluster."""
    log, path, closing = folder / "workers.log", folder / "workers.sh", threading.Event()
    path.write_text(script)
    with log.open("wb") as printed:
        process = subprocess.Popen(  # noqa: S603 - SLURM's own command
            [*words, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def watch() -> None:
        process.wait()
        if not closing.is_set():
            reason = f"the workers ended ({process.returncode}); the last one printed: "
            cluster.failure = reason + last_lines(log)
            cluster.loop.add_callback(cluster.close)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        closing.set()
        with undisturbed():
            process.terminate()
            watching.join(_STEP_END_SECONDS)
        if process.poll() is None:
            process.kill()


def _scheduler_options(profile: Profile, security: Security) -> dict[str, Any]:
    """Return the options of a scheduler whose connections are TLS alone."""
    return {
        **profile.values.get("scheduler-options", {}),
        "host": find_address(profile),
        "protocol": "tls://",
        "security": security,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
    }


@contextmanager
def _private_folder(profile: Profile) -> Iterator[Path]:
    """Make a folder for the run's keys, and remove it at the end; set what Dask reads meanwhile."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder(profile.shared_folder))
        except OSError as err:
            text = f"{profile.shared_folder} can't be written: {err.strerror}"
            text = f"{text}; name a folder that all nodes share"
            raise profile.refuse("shared-temp-directory", text) from err
        stack.enter_context(config.set(CLOSED_HTTP | SETTINGS))
        yield folder
