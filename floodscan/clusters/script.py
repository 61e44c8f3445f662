"""The script of a worker job, which dask-jobqueue writes; no port is open without TLS."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from floodscan.clusters.search_worker import node_args
from floodscan.clusters.tls import make_security

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan.clusters.profile import Profile

# TLS does not cover Dask's HTTP servers: they serve no page, and only on the loopback
_CLOSED_HTTP_ARGS = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_CLOSED_HTTP = "export DASK_DISTRIBUTED__WORKER__HTTP__ROUTES='[]'"
_NO_PROFILER = "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False"  # see clusters.local
_NOT_OF_A_JOB = {"name", "scheduler-options", "shared-temp-directory"}
_LONGEST_MARGIN = timedelta(minutes=15)
_SHARE_OF_WALLTIME = 6


def job_options(
    profile: Profile, folder: Path, *, n_searches: int | None, has_lifetime: bool = True
) -> dict[str, Any]:
    """Return the options of dask-jobqueue's classes for a worker job.

    Args:
        profile: The worker jobs.
        folder: The run's private folder, on a disk of all nodes; it gets the certificates.
        n_searches: Searches at once of the worker on the driver's machine; None if nodes search.
        has_lifetime: True if workers end before the walltime; see ``lifetime_args``.
    """
    values = {
        key.replace("-", "_"): value
        for key, value in profile.values.items()
        if key not in _NOT_OF_A_JOB
    }
    prologue = profile.values.get("job-script-prologue", ())
    worker_args = [*profile.worker_args, *node_args(n_searches, profile)]
    if has_lifetime:
        worker_args += lifetime_args(profile.walltime, profile.worker_args)
    return {
        "job_name": profile.values.get("name", "floodscan"),
        "protocol": "tls://",
        "security": make_security(folder),
        "processes": 1,
        "log_directory": str(folder / "logs"),
        **values,
        "job_script_prologue": [*prologue, _CLOSED_HTTP, _NO_PROFILER],
        "worker_extra_args": [*worker_args, *_CLOSED_HTTP_ARGS],
    }


def lifetime_args(walltime: timedelta, given: Sequence[str]) -> list[str]:
    """Return the arguments that end workers before their job's time limit, at different times.

    A worker that ends on time hands its tasks back. One that SLURM kills counts as crashed by its
    task. If the given arguments of the profile set a lifetime, nothing is added.
    """
    if any(arg.startswith("--lifetime") for arg in given):
        return []
    margin = min(walltime / _SHARE_OF_WALLTIME, _LONGEST_MARGIN)
    lifetime, stagger = (f"{t.total_seconds():.0f}s" for t in (walltime - margin, margin / 2))
    return ["--lifetime", lifetime, "--lifetime-stagger", stagger]
