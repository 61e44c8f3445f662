"""A cluster of processes on this machine, and a connection to a scheduler that already runs."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from threading import Event, Thread
from typing import TYPE_CHECKING

from dask import config
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.utils import LoopRunner

from floodscan.clusters.interrupts import postponed
from floodscan.clusters.without_pandas import keep_pandas_out
from floodscan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Worker

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_NO_WORKERS_SECONDS = 60.0

SETTINGS = {
    # every connection keeps its last 1,000 messages for debuggers; here they are kilobytes each
    "distributed.admin.low-level-log-length": 10,
    # the profiler looks at all threads a hundred times a second. Before Python 3.11.9 it may stop
    # a process for good (https://github.com/python/cpython/issues/106883)
    "distributed.worker.profile.enabled": False,
    # when a worker is lost for so long, Dask stops its nanny, even while the nanny starts another
    # worker: then the worker never comes back
    "distributed.deploy.lost-worker-timeout": "1000 days",
}
"""Dask settings that differ from its defaults."""


@contextmanager
def open_local_client(n_workers: int | None = None) -> Iterator[Client]:
    """Open a client of a cluster of processes: ``n_workers``, or one per core."""
    with config.set(SETTINGS), _loop_without_interrupts() as runner, ExitStack() as stack:
        with postponed():
            cluster = stack.enter_context(_start(n_workers, runner))
            client = stack.enter_context(Client(cluster))
        yield client


@contextmanager
def _loop_without_interrupts() -> Iterator[LoopRunner]:
    """Run an event loop whose processes ignore Ctrl-C, which a terminal sends to them too.

    They inherit the blocked signal from the thread of the loop. Otherwise a process that is just
    starting would end with a traceback. Their nanny ends them.
    """
    runner = LoopRunner()
    runner.start()
    try:
        runner.run_sync(_block_interrupts)
        yield runner
    finally:
        runner.stop()


async def _block_interrupts() -> None:
    # Python starts this process together with the first one, and then unblocks the signal
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _start(n_workers: int | None, runner: LoopRunner) -> LocalCluster:
    """Start processes that listen on the loopback alone, with their HTTP servers."""
    return LocalCluster(
        loop=runner.loop,
        n_workers=n_workers or CPU_COUNT,  # Dask's own default is one for each four threads
        threads_per_worker=4,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        # such as that a worker needs more than some seconds to end
        silence_logs=logging.ERROR,
        plugins=[_QuietEnd(), _WithoutPandas()],
    )


class _QuietEnd(WorkerPlugin):
    """Keeps a worker from logging that its scheduler is gone.

    The scheduler belongs to this process, so it is gone when the command ends. A worker whose
    heartbeat is on its way at that moment would log a traceback.
    """

    name = "floodscan-quiet-end"

    def setup(self, worker: Worker) -> None:
        del worker
        logging.getLogger("distributed.worker").addFilter(_is_not_of_heartbeat)


class _WithoutPandas(WorkerPlugin):
    """Keeps a worker from importing pandas, which takes a fifth of a second and 40 MB."""

    name = "floodscan-without-pandas"

    def setup(self, worker: Worker) -> None:
        del worker
        keep_pandas_out()


def _is_not_of_heartbeat(record: logging.LogRecord) -> bool:
    return "Failed to communicate with scheduler during heartbeat" not in record.getMessage()


@contextmanager
def prepare_connection(
    address: str,
    *,
    option: str = "--cluster ",
    connect_seconds: float = _CONNECT_SECONDS,
    warn_after_seconds: float = _NO_WORKERS_SECONDS,
) -> Iterator[Callable[[], AbstractContextManager[Client]]]:
    """Connect to a scheduler that already runs.

    Args:
        address: Address of the scheduler.
        option: What the address was given for, as messages begin.
        connect_seconds: How long to try.
        warn_after_seconds: How often to log a warning while the scheduler has no workers.

    Raises:
        InputError: No scheduler answers at the address.
    """
    try:
        client = Client(address, timeout=connect_seconds)
    except (OSError, ValueError, TimeoutError) as err:
        message = f"{option}{address}: no Dask scheduler answers there ({err})"
        known = "; known: none, local, slurm, allocation" if option.startswith("--") else ""
        raise InputError(message + known) from err
    with client:
        yield partial(_watched, client, f"{option}{address}", warn_after_seconds)


@contextmanager
def _watched(client: Client, name: str, warn_after_seconds: float) -> Iterator[Client]:
    """Log a warning now and then while the scheduler has no workers: tasks would wait for ever."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(warn_after_seconds) and client.status == "running":
            if not client.nthreads():
                _log.warning("%s: the scheduler has no workers; tasks wait until some come", name)

    watcher = Thread(target=watch, name="floodscan-watch", daemon=True)
    watcher.start()
    try:
        yield client
    finally:
        ended.set()
        watcher.join()
