"""Clusters that run the tasks: this process, local processes, SLURM jobs, or any Dask scheduler.

``slurm`` and what it imports need the extra ``slurm``, and only the driver needs them: an
environment for workers does without. Dask is imported when a cluster is used, because to import it
takes a second.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, cast

from floodscan.errors import InputError
from floodscan.extras import needs_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import ModuleType

    from distributed import Client

    from floodscan.clusters.profile import Profile
    from floodscan.clusters.reliable_slurm import ReliableSLURMCluster as ReliableSLURMCluster

    NumberOfWorkers = int | tuple[int, int]
    Opener = Callable[[], AbstractContextManager[Client | None]]

NONE = "none"
LOCAL = "local"
SLURM = "slurm"
ALLOCATION = "allocation"
_ON_SLURM = {SLURM, ALLOCATION}

FEW_EVENTS = 512
"""Up to so many events, ``local`` starts no workers: to start them takes longer than the events."""


@contextmanager
def open_client(
    cluster: str, *, n_workers: NumberOfWorkers | None = None, profile: str | Path | None = None
) -> Iterator[Client | None]:
    """Open a Dask client; at the end, close it and the workers that were started for it.

    Arguments and errors are those of ``prepare_client``.
    """
    with prepare_client(cluster, n_workers=n_workers, profile=profile) as start, start() as client:
        yield client


def prepare_client(
    cluster: str,
    *,
    n_workers: NumberOfWorkers | None = None,
    profile: str | Path | None = None,
    n_searches: int | None = None,
    n_events: int | None = None,
) -> AbstractContextManager[Opener]:
    """Check a cluster before any worker is started or any job is submitted.

    Args:
        cluster: ``none`` (tasks run in this process), ``local``, ``slurm`` (worker jobs are
            submitted), ``allocation`` (the nodes of this process's own SLURM job), or an address.
        n_workers: Processes of a local cluster (None: one per core), nodes of an ``allocation``
            (None: all), or worker jobs of ``slurm`` (None: one; a pair: the least and the most).
        profile: dask-jobqueue configuration, for ``slurm`` and ``allocation``; None is the section
            ``jobqueue.slurm`` of Dask's own configuration.
        n_searches: Searches at once of a worker on the driver's machine; None if the nodes search.
        n_events: Number of events; None if it is not known. For few events and without a number of
            workers, ``local`` is ``none``.

    Returns:
        A context that yields a function, which opens the client. The end of the client's context
        ends the workers that were started for it.

    Raises:
        InputError: The cluster can't be used; the message says why.
        ClusterError: From the opened client: worker jobs end as soon as they start.
    """
    _check_options(cluster, n_workers, n_searches)
    if cluster in _ON_SLURM:
        read, slurm = _read_profile(cluster, profile), _import_slurm(cluster)
        prepare = slurm.prepare_slurm if cluster == SLURM else slurm.prepare_allocation
        opener = prepare(read, n_workers, n_searches=n_searches)
        return cast("AbstractContextManager[Opener]", opener)
    is_few = n_events is not None and n_events <= FEW_EVENTS
    if cluster == NONE or (cluster == LOCAL and n_workers is None and is_few):
        return nullcontext(nullcontext)
    return _prepare_dask(cluster, cast("int | None", n_workers))


def _check_options(cluster: str, n_workers: NumberOfWorkers | None, n_searches: int | None) -> None:
    if n_searches is not None and cluster not in _ON_SLURM:
        message = f"--search-on driver: --cluster {cluster} has no nodes apart from the driver"
        raise InputError(f"{message}; the option is for slurm and allocation")
    if isinstance(n_workers, tuple) and cluster != SLURM:
        raise InputError(f"--workers MIN:MAX: --cluster {cluster} has a fixed size; use slurm")


def _prepare_dask(cluster: str, n_workers: int | None) -> AbstractContextManager[Opener]:
    from floodscan.clusters.local import (  # noqa: PLC0415 - see above
        open_local_client,
        prepare_connection,
    )

    if cluster == LOCAL:
        return nullcontext(partial(open_local_client, n_workers))
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
    return str(_import_slurm(cluster).preview_script(read, n_searches=n_searches))


def __getattr__(name: str) -> object:
    if name != "ReliableSLURMCluster":
        raise AttributeError(name)
    with needs_extra("slurm", name):
        from floodscan.clusters import reliable_slurm  # noqa: PLC0415 - an optional extra
    return reliable_slurm.ReliableSLURMCluster


def _import_slurm(cluster: str) -> ModuleType:
    with needs_extra("slurm", f"--cluster {cluster}"):
        from floodscan.clusters import slurm  # noqa: PLC0415 - an optional extra
    return slurm


def _read_profile(cluster: str, profile: str | Path | None) -> Profile:
    from floodscan.clusters.profile import (  # noqa: PLC0415 - see above
        is_configured,
        load_profile,
    )

    if profile is None and not is_configured():
        raise InputError(
            f"--cluster {cluster}: needs --profile, a dask-jobqueue file such as "
            "jobs/meluxina.yaml, or the section jobqueue.slurm in Dask's configuration"
        )
    return load_profile(profile)
