"""Adaptive scaling in whole jobs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from distributed import Adaptive

if TYPE_CHECKING:
    from collections.abc import Collection


class AdaptiveJobs(Adaptive):
    """Adds and removes whole jobs of a ``ReliableSLURMCluster``.

    distributed's own class counts processes: for an idle one it removes a job that still works.
    """

    cluster: Any

    def __init__(self, cluster: Any, **options: Any) -> None:  # noqa: ANN401 - as inherited
        super().__init__(cluster, **options)
        self.minimum = math.ceil(self.minimum / cluster.n_processes)
        if self.maximum != math.inf:
            self.maximum = math.ceil(self.maximum / cluster.n_processes)

    @property
    def plan(self) -> set[str]:
        """Names of the jobs that should exist."""
        return set(self.cluster.worker_spec)

    requested = plan  # the cluster itself submits again what SLURM refused

    @property
    def observed(self) -> set[str]:
        """Names of the jobs with a connected worker."""
        return self.plan & {job for job, _ in self._workers()}

    async def target(self) -> int:
        """Return how many jobs the tasks need."""
        others = [worker for job, worker in self._workers() if job not in self.plan]
        n_workers = await super().target() - len(others)
        return math.ceil(max(n_workers, 0) / self.cluster.n_processes)

    async def workers_to_close(self, target: int) -> list[str]:
        """Return the names of idle jobs that are too many."""
        busy = {job for job, worker in self._workers() if worker.processing}
        idle = [job for job in self.cluster.worker_spec if job not in busy]
        return idle[: len(self.plan) - target]

    async def scale_up(self, n: int) -> None:
        """Submit jobs until there are so many."""
        self.cluster.scale(jobs=n)

    async def scale_down(self, workers: Collection[str]) -> None:
        """Let the workers of these jobs end, and cancel the jobs."""
        for job in workers:  # first of all, so that none of them counts as lost
            self.cluster.worker_spec.pop(job, None)
        ending = [worker.address for job, worker in self._workers() if job in workers]
        await self.scheduler.retire_workers(workers=ending, remove=True, close_workers=True)
        await self.cluster

    def _workers(self) -> list[tuple[str, Any]]:
        """Return what the scheduler knows of each worker, with the name of the worker's job."""
        workers = self.cluster.scheduler.workers.values()
        return [(self.cluster.job_of(worker.name), worker) for worker in workers]
