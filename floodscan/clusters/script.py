"""The script of a worker job: dask-jobqueue's, with the workers named after their job and nothing open but TLS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from floodscan.clusters.interrupts import handlers_kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distributed import Security

    from floodscan.clusters.profile import Profile

_WORKER_NAME = "$SLURM_JOB_ID.$SLURM_PROCID"
# TLS does not cover the HTTP servers: they serve nothing, and to this node alone.
_CLOSED_HTTP_ARGS = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_CLOSED_HTTP = "export DASK_DISTRIBUTED__WORKER__HTTP__ROUTES='[]'"
_NO_PROFILER = "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False"  # as clusters.local says
_NOT_OF_A_JOB = {"name", "scheduler-options", "shared-temp-directory"}
_LONGEST_MARGIN = timedelta(minutes=15)
_SHARE_OF_WALLTIME = 6


@dataclass(frozen=True, slots=True)
class WorkerScript:
    """What a worker job runs.

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
    """Write the script of a worker job; all jobs of a run have the same.

    Args:
        profile: What the jobs are like.
        name: Name of the jobs.
        scheduler: Address of the scheduler.
        security: Certificates, as files that the nodes see.
        logs: Folder of the jobs' logs.
        worker_args: Arguments of ``dask worker`` beyond those of the profile.
    """
    job_values = {
        key.replace("-", "_"): v for key, v in profile.values.items() if key not in _NOT_OF_A_JOB
    }
    job_values.setdefault("log_directory", str(logs))
    job_values["job_script_prologue"] = [
        *profile.values.get("job-script-prologue", ()),
        _CLOSED_HTTP,
        _NO_PROFILER,
    ]
    job_values["worker_extra_args"] = [*profile.worker_args, *worker_args, *_CLOSED_HTTP_ARGS]
    job_values.setdefault("processes", 1)
    with handlers_kept():
        # dask-jobqueue sets handlers of its own when it is imported, by which Ctrl-C ends with
        # status 0, and which only the main thread may set: a worker that reads a catalog of a
        # module that uses this one is in another
        from dask_jobqueue.slurm import SLURMJob  # noqa: PLC0415
    job = SLURMJob(
        scheduler,
        name=_WORKER_NAME,
        job_name=name,
        protocol="tls://",
        security=security,
        **job_values,
    )
    head, _, command = job.job_script().rstrip().rpartition("\n")
    return WorkerScript(head, command)


def job_of_worker(name: str) -> str:
    """Tell the id of the job that a worker is in by the worker's name."""
    return name.partition(".")[0]


def lifetime_args(walltime: timedelta, given: Sequence[str]) -> list[str]:
    """Let workers end themselves before SLURM ends them, not all at the same time, unless the profile says when.

    A worker that ends by itself hands its tasks back; one that is killed counts as crashed by its
    task.
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
