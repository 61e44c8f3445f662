"""A SLURM cluster that keeps its size, which ``dask_jobqueue.SLURMCluster`` does not.

This file needs Dask and dask-jobqueue, and nothing else of floodscan. Constructor and methods are
those of dask-jobqueue's class, with these differences:

- The constructor lets ``sbatch --test-only`` check the script of the jobs, and raises its error.
- ``sbatch`` is called again while SLURM is busy.
- Jobs that end are replaced, whatever ended them (dask-jobqueue's issue 691).
- If job after job ends before a worker connects, the cluster closes, and ``failure`` says why.
- ``close`` leaves no job in the queue.
- ``adapt`` adds and removes whole jobs, not single processes of them.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from dask import config
from dask_jobqueue.slurm import SLURMCluster, SLURMJob
from distributed import SpecCluster
from distributed.core import Status

from .adaptive import AdaptiveJobs
from .commands import SlurmCommandError, call, cancel, last_lines, list_jobs, patiently, rehearse

if TYPE_CHECKING:
    from distributed import Adaptive

_log = logging.getLogger(__name__)

UNDOCUMENTED = {
    "dask_jobqueue.core.Job._submit_job": "submissions are not repeated",
    "dask_jobqueue.core.Job.job_id": "ended jobs are not found",
    "dask_jobqueue.core.JobQueueCluster._dummy_job": "the processes of a job are not known",
    "distributed.SpecCluster._close": "jobs are left behind",
    "distributed.SpecCluster._correct_state": "ended jobs are not replaced",
    "distributed.SpecCluster._correct_state_internal": "a refused submission is not repeated",
    "distributed.SpecCluster._i": "a new job gets the name of an ended one",
    "distributed.SpecCluster._start": "jobs are not checked before their submission",
    "distributed.SpecCluster._update_worker_status": "the loss of a worker is not noticed",
    "distributed.SpecCluster.new_worker_spec": "a new job gets the name of an ended one",
    "distributed.deploy.cluster.Cluster._update_worker_status": "workers are not known",
}
"""Undocumented parts that this class relies on, and what breaks without each; a test looks."""

LOSS_WINDOW_SECONDS = 600.0
_POLL_SECONDS = 0.2
# completing, completed, cancelled, failed, timeout, node fail, preempted, out of memory, and others
_OVER = {"CG", "CD", "CA", "F", "TO", "NF", "PR", "OOM", "BF", "DL", "SE", "RV"}


class ReliableSLURMJob(SLURMJob):
    """A job of a ``ReliableSLURMCluster``."""

    def __init__(self, *args: Any, owner: ReliableSLURMCluster, **kwargs: Any) -> None:  # noqa: ANN401 - as inherited
        self._owner = owner
        super().__init__(*args, **kwargs)

    async def _submit_job(self, script_filename: str) -> str:
        return await self._owner.submit(script_filename)

    async def close(self) -> None:
        """Cancel the job."""
        await self._owner.cancel(self.job_id)
        self.status = Status.closed  # dask-jobqueue 0.9 does not set it, and the cluster checks it


class ReliableSLURMCluster(SLURMCluster):
    """A ``SLURMCluster`` that replaces the jobs that end; its arguments are those of the parent.

    Raises:
        SlurmCommandError: SLURM would refuse the jobs; none was submitted.

    Attributes:
        failure: Why the cluster gave up and closed; None if it did not.
    """

    job_cls = ReliableSLURMJob

    calm_seconds = 30.0  # between two looks at the queue
    brisk_seconds = 2.0  # the same, for a while after a loss
    brisk_for_seconds = 30.0  # how long that while is
    refused_seconds = 60.0  # before a submission that SLURM refused is tried again
    cancelled_seconds = 60.0  # at the end, until the jobs have left the queue

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - as inherited
        job_name: str | None = None,
        config_name: str = "slurm",
        **kwargs: Any,  # noqa: ANN401 - as inherited
    ) -> None:
        self.failure: str | None = None
        name = job_name or config.get(f"jobqueue.{config_name}.name")
        self._unique_name = f"{name}-{secrets.token_hex(4)}"
        # one command of SLURM at a time; ids of the jobs to keep
        self._asking, self._kept = asyncio.Lock(), set[str | None]()
        self._refusal: SlurmCommandError | None = None
        self._retry_at, self._has_submitted = 0.0, False
        # names of the jobs of which a worker connected; when other jobs were lost
        self._useful, self._lost_at = set[str](), deque[float]()
        self._disturbed, self._brisk_until = asyncio.Event(), 0.0
        self._closing = Event()
        self._watching: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        kwargs |= {"config_name": config_name, "job_name": self._unique_name, "owner": self}
        try:
            super().__init__(*args, **kwargs)
        except SlurmCommandError:
            self.close()
            raise

    @cached_property
    def n_processes(self) -> int:
        """Worker processes of a job."""
        return int(self._dummy_job.worker_processes)

    def job_of(self, worker: object) -> str:
        """Return the name of a worker's job from the worker's name; it need not belong to a job."""
        return str(worker) if self.n_processes == 1 else str(worker).rpartition("-")[0]

    def new_worker_spec(self) -> dict[str, dict[str, Any]]:
        """Return the specification of one more job, with a name that no job had before.

        The scheduler refuses a worker with the name of a lost one that it still believes in.
        """
        self._i += 1
        ((name, spec),) = super().new_worker_spec().items()
        if self.n_processes > 1:  # dask-jobqueue misses it if it is from Dask's configuration
            spec = spec | {"group": [f"-{number}" for number in range(self.n_processes)]}
        return {name: spec}

    def adapt(self, *args: Any, **kwargs: Any) -> Adaptive:  # noqa: ANN401 - as inherited
        """Scale with the load. Arguments are those of the parent."""
        adaptive: Adaptive = super().adapt(*args, **{"Adaptive": AdaptiveJobs, **kwargs})
        return adaptive

    async def submit(self, script: str) -> str:
        """Submit the job script at a path, and return the job's id.

        Raises:
            SlurmCommandError: SLURM refuses it, refused another one a moment ago, or stays busy.
        """
        async with self._asking:
            if self._refusal and time.monotonic() < self._retry_at:
                raise self._refusal
            try:
                job_id = await asyncio.to_thread(patiently, self._submit, script)
            except SlurmCommandError as err:
                seconds = self.brisk_seconds if err.is_temporary else self.refused_seconds
                self._refusal, self._retry_at = err, time.monotonic() + seconds
                _log.warning("%s; will be tried again", err)
                raise
            self._refusal = None
            self._kept.add(job_id)
            return job_id

    def _submit(self, script: str) -> str:
        if self._closing.is_set():
            raise SlurmCommandError("sbatch", "the cluster closes")
        self._has_submitted = True
        return call("sbatch", "--parsable", script).partition(";")[0].strip()

    async def cancel(self, job_id: str | None) -> None:
        """Cancel a job."""
        self._kept.discard(job_id)
        if job_id and not self._closing.is_set():  # else all jobs are cancelled together
            with suppress(SlurmCommandError):  # the watch tries again
                await asyncio.to_thread(call, "scancel", job_id)

    async def _start(self) -> None:
        await super()._start()
        if self._watching is not None:
            return
        try:
            await asyncio.to_thread(rehearse, self.job_script())
        except SlurmCommandError:
            await self._close()
            raise
        self._watching = asyncio.ensure_future(self._watch())

    async def _correct_state_internal(self) -> None:
        try:
            await super()._correct_state_internal()
        except SlurmCommandError as err:
            for name in [name for name, job in self.workers.items() if job.job_id is None]:
                self.workers.pop(name).status = Status.failed
            if not self.workers and not err.is_temporary and not self._closing.is_set():
                self._give_up(f"no worker job is left, and SLURM accepts no more: {err}")

    def _update_worker_status(self, op: str, msg: Any) -> None:  # noqa: ANN401 - as inherited
        if op == "add":
            connected = {self.job_of(worker["name"]) for worker in msg["workers"].values()}
            self._useful |= connected & self.worker_spec.keys()
        else:
            self._disturbed.set()
        # not the method of SpecCluster: it cancels a job while a nanny restarts the job's worker
        super(SpecCluster, self)._update_worker_status(op, msg)

    async def _watch(self) -> None:
        """Keep the number of jobs until the cluster closes."""
        self._disturbed.set()
        while not self._closing.is_set():
            is_brisk = time.monotonic() < self._brisk_until
            pause = self.brisk_seconds if is_brisk else self.calm_seconds
            with suppress(TimeoutError):
                await asyncio.wait_for(self._disturbed.wait(), pause)
                self._brisk_until = time.monotonic() + self.brisk_for_seconds
            self._disturbed.clear()
            try:
                if not self._closing.is_set():
                    await self._replace_lost()
            except Exception as err:  # noqa: BLE001 - without the watch all jobs would be lost
                _log.warning("worker jobs were not counted, which will be tried again: %s", err)

    async def _replace_lost(self) -> None:
        """Submit a job for each one that ended, and for each one that SLURM did not take yet."""
        async with self._asking:
            jobs = dict(self.workers)
            live = await asyncio.to_thread(self._list_live) if jobs else set()
        wanted = self.worker_spec.keys() & self.workers.keys()
        lost = {name: jobs[name] for name in wanted & jobs.keys() if jobs[name].job_id not in live}
        for name, job in lost.items():
            job.status = Status.closed
            self._kept.discard(job.job_id)
            del self.workers[name], self.worker_spec[name]
            self.worker_spec.update(self.new_worker_spec())
        if lost:
            self._note_losses(lost)
        if self.worker_spec.keys() - self.workers.keys():
            await self._correct_state()

    def _list_live(self) -> set[str]:
        """Return the ids of all jobs that have not ended, and cancel those that are not wanted.

        SLURM may have accepted a submission that seemed to fail, or lost a cancellation.
        """
        jobs = patiently(list_jobs, self._unique_name)
        live = {job_id for job_id, state in jobs.items() if state not in _OVER}
        for unwanted in live - self._kept:
            call("scancel", unwanted)
        return live

    def _note_losses(self, lost: dict[str, ReliableSLURMJob]) -> None:
        """Count jobs that ended without a worker, and give up if there are too many."""
        ids = ", ".join(sorted(str(job.job_id) for job in lost.values()))
        _log.warning("%d worker jobs ended and are replaced: %s", len(lost), ids)
        now, wanted = time.monotonic(), len(self.worker_spec)
        self._brisk_until = now + self.brisk_for_seconds
        self._lost_at.extend([now] * len(lost.keys() - self._useful))
        if is_hopeless(self._lost_at, now=now, wanted=wanted, proven=bool(self._useful)):
            self._give_up(
                f"{len(self._lost_at)} worker jobs ended before a worker connected; no more are "
                f"submitted. The last one printed: {_last_words(list(lost.values())[-1])}"
            )

    def _give_up(self, reason: str) -> None:
        """Close the cluster, so that nobody waits for results that will not come."""
        self.failure = self.failure or reason
        _log.error("the cluster closes: %s", reason)
        self._ending = self._ending or asyncio.ensure_future(self._end())

    async def _close(self) -> None:
        self._ending = self._ending or asyncio.ensure_future(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        """Cancel all jobs, and close the cluster."""
        self._closing.set()
        self._disturbed.set()
        try:
            async with self._asking:
                await asyncio.to_thread(self._cancel_all)
        finally:
            if self._watching is not None:
                await self._watching
            await super()._close()

    def _cancel_all(self) -> None:
        """Cancel all jobs and wait until they are gone; log jobs that stay for too long."""
        deadline = time.monotonic() + self.cancelled_seconds
        while self._has_submitted and (jobs := patiently(list_jobs, self._unique_name)):
            if time.monotonic() > deadline:
                left = f"{', '.join(jobs)}; cancel them with scancel --name {self._unique_name}"
                _log.warning("worker jobs are left: %s", left)
                return
            if not _OVER.issuperset(jobs.values()):
                patiently(cancel, self._unique_name)
            time.sleep(_POLL_SECONDS)


def is_hopeless(lost_at: deque[float], *, now: float, wanted: int, proven: bool) -> bool:
    """Return True if so many jobs ended without a worker that new ones would, too.

    Until the first worker connects, each of the wanted jobs may be lost once, plus two more,
    however long that takes: a worker that can't reach the driver keeps its node until its
    death-timeout. Afterwards each may be lost twice within ``LOSS_WINDOW_SECONDS``, plus four more,
    as happens where jobs are preempted. Older losses are removed from ``lost_at``.
    """
    if not proven:
        return len(lost_at) > wanted + 2
    while lost_at and lost_at[0] < now - LOSS_WINDOW_SECONDS:
        lost_at.popleft()
    return len(lost_at) > 2 * wanted + 4


def _last_words(job: SLURMJob) -> str:
    """Return the last lines that a job, or a later one of the same cluster, printed."""
    folder = Path(job.log_directory or ".").absolute()
    pattern = f"{job.job_name}-*.err" if job.log_directory else f"slurm-{job.job_id}.out"
    written = [path for path in folder.glob(pattern) if path.stat().st_size]
    newest = max(written, key=lambda path: path.stat().st_mtime, default=None)
    return last_lines(newest) if newest else f"nothing (logs: {folder})"
