"""Tasks on this machine, or on a scheduler that already runs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from dask import config
from distributed import Client, LocalCluster

from floodscan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 60.0

SETTINGS = {
    # each connection keeps its last messages for debuggers, a thousand by default; here they are
    # kilobytes each
    "distributed.admin.low-level-log-length": 10,
    # it looks at all threads a hundred times a second, and may stop a process for good on Python
    # before 3.11.9 (https://github.com/python/cpython/issues/106883)
    "distributed.worker.profile.enabled": False,
    # so long after a worker is gone, its nanny is stopped for good if it is just then starting
    # another
    "distributed.deploy.lost-worker-timeout": "1000 days",
}
"""How parts of a cluster differ from Dask's defaults."""


@contextmanager
def open_local_client(n_workers: int | None = None) -> Iterator[Client]:
    """Open a client of a cluster of processes, one per core if no number is given."""
    with config.set(SETTINGS), _start(n_workers) as started, Client(started) as client:
        yield client


def _start(n_workers: int | None) -> LocalCluster:
    """Start processes on this machine that listen to nobody else, their HTTP servers too."""
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=4,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )


@contextmanager
def prepare_connection(address: str) -> Iterator[Callable[[], AbstractContextManager[Client]]]:
    """Connect to a scheduler that already runs.

    Raises:
        InputError: No scheduler answers at the address.
    """
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as err:
        message = f"--cluster {address}: no Dask scheduler answers there ({err}); known: none, local, slurm, allocation"
        raise InputError(message) from err
    with client:
        yield lambda: _watched(client, address)


@contextmanager
def _watched(client: Client, address: str) -> Iterator[Client]:
    """Warn now and then that there are no workers: whoever started the scheduler may have forgotten or lost them."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(_PATIENCE_SECONDS) and client.status == "running":
            if not client.nthreads():
                _log.warning(
                    "--cluster %s: the scheduler has no workers; tasks wait until some come",
                    address,
                )

    watcher = Thread(target=watch, name="floodscan-watch", daemon=True)
    watcher.start()
    try:
        yield client
    finally:
        ended.set()
        watcher.join()
