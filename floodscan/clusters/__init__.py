"""Where tasks run: in this process, on a local cluster, on SLURM, or on a scheduler that already runs."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from floodscan.clusters.local import open_local_client, prepare_connection
from floodscan.clusters.profile import Profile, load_profile
from floodscan.clusters.slurm import prepare_allocation_client, prepare_slurm_client, preview_script
from floodscan.errors import InputError

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
    """Open a Dask client and close it, and what was started for it, at the end.

    Args and errors are those of ``prepare_client``.
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
    """Check all that can be checked of a cluster before anything is started or submitted on it.

    Args:
        cluster: ``none`` (no Dask client: in this process), ``local``, ``slurm`` (worker jobs are
            submitted), ``allocation`` (workers on the nodes of the SLURM job that this process is
            in), or a scheduler's address.
        n_workers: Processes of a local cluster, None is one per core; worker jobs of ``slurm``,
            None is one; nodes of an ``allocation``, None is all.
        profile: dask-jobqueue configuration, for ``slurm`` and ``allocation``.
        n_searches: Searches at once of a worker beside the driver, where nodes have no way out;
            None where they search.

    Returns:
        A context of what opens the client, which closes it, and what was started for it, at the
        end.

    Raises:
        InputError: No scheduler answers at the address, or SLURM would refuse the jobs.
        ClusterError: From the opened client: worker jobs end as soon as they start.
    """
    if n_searches is not None:
        _need_nodes(cluster)
    if cluster == NONE:
        return nullcontext(nullcontext)
    if cluster == LOCAL:
        return nullcontext(partial(open_local_client, n_workers))
    if cluster == SLURM:
        return prepare_slurm_client(
            _need_profile(cluster, profile), n_jobs=n_workers or 1, n_searches=n_searches
        )
    if cluster == ALLOCATION:
        read = _need_profile(cluster, profile)
        return prepare_allocation_client(read, n_nodes=n_workers, n_searches=n_searches)
    return prepare_connection(cluster)


def preview_jobs(cluster: str, *, profile: str | Path | None, n_searches: int | None = None) -> str:
    """Write the script of a worker job, and submit nothing.

    Raises:
        InputError: The cluster is not ``slurm``, or the profile can't be used.
    """
    if cluster != SLURM:
        raise InputError(f"--dry-run: --cluster {cluster} has no job script; use --cluster slurm")
    return str(preview_script(_need_profile(cluster, profile), n_searches=n_searches))


def _need_nodes(cluster: str) -> None:
    if cluster not in {SLURM, ALLOCATION}:
        message = f"--search-on driver: --cluster {cluster} has no nodes apart from the driver"
        raise InputError(f"{message}; it is for slurm and allocation")


def _need_profile(cluster: str, profile: str | Path | None) -> Profile:
    if profile is None:
        raise InputError(
            f"--cluster {cluster}: needs --profile, a dask-jobqueue file such as jobs/meluxina.yaml"
        )
    return load_profile(profile)
