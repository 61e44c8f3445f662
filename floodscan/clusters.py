"""Where tasks run: in this process, on a local cluster, or on a scheduler that already runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster

from floodscan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

NONE = "none"
LOCAL = "local"


@contextmanager
def open_client(cluster: str, *, n_workers: int | None = None) -> Iterator[Client | None]:
    """Open a Dask client and close it, and what was started for it, at the end.

    Args:
        cluster: ``none`` (no Dask client: in this process), ``local``, or a scheduler's address.
        n_workers: Processes of a local cluster; None is one per core.

    Raises:
        InputError: No scheduler answers at the address.
    """
    if cluster == NONE:
        yield None
    elif cluster == LOCAL:
        with _start_local(n_workers) as started, Client(started) as client:
            yield client
    else:
        with _connect(cluster) as client:
            yield client


def _start_local(n_workers: int | None) -> LocalCluster:
    """Start processes on this machine that listen to nobody else, their HTTP servers too."""
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=4,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )


def _connect(address: str) -> Client:
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as err:
        message = f"--cluster {address}: no Dask scheduler answers there ({err}); known: none, local"
        raise InputError(message) from err
