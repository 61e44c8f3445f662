"""Clusters that run the tasks: this process, local processes, SLURM jobs, or any Dask scheduler.

``slurm`` and what it imports need the extra ``slurm``, and only the driver needs them: an
environment for workers does without.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from floodscan.clusters.local import open_local_client, prepare_connection
from floodscan.clusters.profile import Profile, load_profile
from floodscan.errors import InputError
from floodscan.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from distributed import Client

    Opener = Callable[[], AbstractContextManager[Client | None]]

NONE = "none"
LOCAL = "local"
SLURM = "slurm"
ALLOCATION = "allocation"


@contextmanager
def open_client(
    cluster: str, *, n_workers: int | None = None, profile: str | Path | None = None
) -> Iterator[Client | None]:
    """Open a Dask client; at the end, close it and the workers that were started for it.

    Arguments and errors are those of ``prepare_client``.
    """
    with prepare_client(cluster, n_workers=n_workers, profile=profile) as start, start() as client:
        yield client


def prepare_client(
    cluster: str,
    *,
    n_workers: int | None = None,
    profile: str | Path | None = None,
    n_searches: int | None = None,
) -> AbstractContextManager[Opener]:
    """Check a cluster before any worker is started or any job is submitted.

    Args:
        cluster: ``none`` (no Dask client: tasks run in this process), ``local``, ``slurm`` (worker
            jobs are submitted), ``allocation`` (workers run on the nodes of this process's own
            SLURM job), or the address of a scheduler.
        n_workers: Processes of a local cluster, None is one per core; worker jobs of ``slurm``,
            None is one; nodes of an ``allocation``, None is all.
        profile: dask-jobqueue configuration, for ``slurm`` and ``allocation``.
        n_searches: Searches at once of a worker on the driver's machine; None if the nodes search.

    Returns:
        A context that yields a function. The function opens the client; its own context closes the
        client, and the workers that were started for it.

    Raises:
        InputError: No scheduler answers at the address, SLURM would refuse the jobs, or the extra
            for SLURM is not installed.
        ClusterError: From the opened client: worker jobs end as soon as they start.
    """
    if n_searches is not None and cluster not in {SLURM, ALLOCATION}:
        message = f"--search-on driver: --cluster {cluster} has no nodes apart from the driver"
        raise InputError(f"{message}; the option is for slurm and allocation")
    if cluster == NONE:
        return nullcontext(nullcontext)
    if cluster == LOCAL:
        return nullcontext(partial(open_local_client, n_workers))
    if cluster in {SLURM, ALLOCATION}:
        read = _read_profile(cluster, profile)
        return _prepare_slurm(cluster, read, n_workers=n_workers, n_searches=n_searches)
    return prepare_connection(cluster)


def preview_jobs(cluster: str, *, profile: str | Path | None, n_searches: int | None = None) -> str:
    """Return the script of a worker job, and submit nothing.

    Raises:
        InputError: The cluster is not ``slurm``, the profile can't be used, or the extra for SLURM
            is not installed.
    """
    if cluster != SLURM:
        raise InputError(f"--dry-run: --cluster {cluster} has no job script; use --cluster slurm")
    read = _read_profile(cluster, profile)
    with _needs_slurm(cluster):
        from floodscan.clusters.slurm import preview_script  # noqa: PLC0415 - an optional extra
    return str(preview_script(read, n_searches=n_searches))


def _prepare_slurm(
    cluster: str, profile: Profile, *, n_workers: int | None, n_searches: int | None
) -> AbstractContextManager[Opener]:
    with _needs_slurm(cluster):
        from floodscan.clusters import slurm  # noqa: PLC0415 - an optional extra
    if cluster == SLURM:
        return slurm.prepare_slurm_client(profile, n_jobs=n_workers or 1, n_searches=n_searches)
    return slurm.prepare_allocation_client(profile, n_nodes=n_workers, n_searches=n_searches)


def _needs_slurm(cluster: str) -> AbstractContextManager[None]:
    return needs_extra("slurm", f"--cluster {cluster}")


def _read_profile(cluster: str, profile: str | Path | None) -> Profile:
    if profile is None:
        raise InputError(
            f"--cluster {cluster}: needs --profile, a dask-jobqueue file such as jobs/meluxina.yaml"
        )
    return load_profile(profile)
