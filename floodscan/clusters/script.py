"""The script of a worker job.

dask-jobqueue writes it; floodscan names workers after their job and opens no port without TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from floodscan.clusters.interrupts import handlers_kept
from floodscan.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distributed import Security

    from floodscan.clusters.profile import Profile

_WORKER_NAME = "$SLURM_JOB_ID.$SLURM_PROCID"
# TLS does not cover Dask's HTTP servers: they serve no page, and only on the loopback
_CLOSED_HTTP_ARGS = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_CLOSED_HTTP = "export DASK_DISTRIBUTED__WORKER__HTTP__ROUTES='[]'"
_NO_PROFILER = "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False"  # see clusters.local
_NOT_OF_A_JOB = {"name", "scheduler-options", "shared-temp-directory"}
_LONGEST_MARGIN = timedelta(minutes=15)
_SHARE_OF_WALLTIME = 6


@dataclass(frozen=True, slots=True)
class WorkerScript:
    """The script of a worker job, in two parts.

    Attributes:
        head: ``#SBATCH`` directives and the prologue.
        command: The command that starts the workers of one node.
    """

    head: str
    command: str

    def __str__(self) -> str:
        return f"{self.head}\n{self.command}\n"


def build_script(
    profile: Profile,
    *,
    name: str,
    scheduler: str,
    security: Security,
    logs: Path,
    worker_args: Sequence[str] = (),
) -> WorkerScript:
    """Return the script of a worker job; all jobs of a run have the same script.

    Args:
        profile: The worker jobs.
        name: Name of the jobs.
        scheduler: Address of the scheduler.
        security: Certificates, as files on a disk of all nodes.
        logs: Folder of the jobs' logs.
        worker_args: Arguments of ``dask worker`` besides those of the profile.

    Raises:
        InputError: The extra for SLURM is not installed.
    """
    with handlers_kept(), needs_extra("slurm", "--cluster slurm"):
        # dask-jobqueue sets signal handlers when it is imported. With them Ctrl-C ends with status
        # 0, and outside of the main thread, where a worker may import this module, they fail
        from dask_jobqueue.slurm import SLURMJob  # noqa: PLC0415 - see above
    job = SLURMJob(
        scheduler,
        name=_WORKER_NAME,
        job_name=name,
        protocol="tls://",
        security=security,
        **_job_values(profile, logs, worker_args),
    )
    head, _, command = job.job_script().rstrip().rpartition("\n")
    return WorkerScript(head, command)


def _job_values(profile: Profile, logs: Path, worker_args: Sequence[str]) -> dict[str, Any]:
    values = {
        key.replace("-", "_"): value
        for key, value in profile.values.items()
        if key not in _NOT_OF_A_JOB
    }
    prologue = profile.values.get("job-script-prologue", ())
    return {
        "processes": 1,
        "log_directory": str(logs),
        **values,
        "job_script_prologue": [*prologue, _CLOSED_HTTP, _NO_PROFILER],
        "worker_extra_args": [*profile.worker_args, *worker_args, *_CLOSED_HTTP_ARGS],
    }


def job_of_worker(name: str) -> str:
    """Return the id of the job of a worker from the worker's name."""
    return name.partition(".")[0]


def lifetime_args(walltime: timedelta, given: Sequence[str]) -> list[str]:
    """Return the arguments that end workers before their job's time limit, at different times.

    A worker that ends on time hands its tasks back. One that SLURM kills counts as crashed by its
    task.

    Args:
        walltime: Time limit of the job.
        given: Arguments of the profile; if they set a lifetime, nothing is added.
    """
    if any(arg.startswith("--lifetime") for arg in given):
        return []
    margin = min(walltime / _SHARE_OF_WALLTIME, _LONGEST_MARGIN)
    lifetime, stagger = walltime - margin, margin / 2
    return [
        "--lifetime",
        f"{lifetime.total_seconds():.0f}s",
        "--lifetime-stagger",
        f"{stagger.total_seconds():.0f}s",
    ]
