"""Where tasks run: in this process, on a local cluster, on SLURM, or on a scheduler that already runs."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from floodscan.clusters.local import connect, open_local_client
from floodscan.clusters.profile import Profile, load_profile
from floodscan.clusters.slurm import open_allocation_client, open_slurm_client, preview_script
from floodscan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from distributed import Client

NONE = "none"
LOCAL = "local"
SLURM = "slurm"
ALLOCATION = "allocation"


@contextmanager
def open_client(
    cluster: str, *, n_workers: int | None = None, profile: str | Path | None = None
) -> Iterator[Client | None]:
    """Open a Dask client and close it, and what was started for it, at the end.

    Args:
        cluster: ``none`` (no Dask client: in this process), ``local``, ``slurm`` (worker jobs are submitted),
            ``allocation`` (workers on the nodes of the SLURM job that this process is in), or a scheduler's address.
        n_workers: Processes of a local cluster, None is one per core; worker jobs of ``slurm``, None is one.
        profile: dask-jobqueue configuration, for ``slurm`` and ``allocation``.

    Raises:
        InputError: No scheduler answers at the address, or SLURM would refuse the jobs.
        ClusterError: Worker jobs end as soon as they start.
    """
    with _open(cluster, n_workers, profile) as client:
        yield client


def preview_jobs(cluster: str, *, profile: str | Path | None) -> str:
    """Write the script of a worker job, and submit nothing.

    Raises:
        InputError: The cluster is not ``slurm``, or the profile can't be used.
    """
    if cluster != SLURM:
        raise InputError(f"--dry-run: --cluster {cluster} has no job script; use --cluster slurm")
    return str(preview_script(_need_profile(cluster, profile)))


def _open(cluster: str, n_workers: int | None, profile: str | Path | None) -> AbstractContextManager[Client | None]:
    if cluster == NONE:
        return nullcontext()
    if cluster == LOCAL:
        return open_local_client(n_workers)
    if cluster == SLURM:
        return open_slurm_client(_need_profile(cluster, profile), n_jobs=n_workers or 1)
    if cluster == ALLOCATION:
        return open_allocation_client(_need_profile(cluster, profile))
    return connect(cluster)


def _need_profile(cluster: str, profile: str | Path | None) -> Profile:
    if profile is None:
        raise InputError(f"--cluster {cluster}: needs --profile, a dask-jobqueue file such as jobs/meluxina.yaml")
    return load_profile(profile)
