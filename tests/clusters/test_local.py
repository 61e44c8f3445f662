"""Workers of a local cluster."""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from dask import config
from dask.system import CPU_COUNT

from floodscan.clusters.local import open_local_client

if TYPE_CHECKING:
    from distributed import Worker


def is_profiled(dask_worker: Worker) -> bool:
    """Return True if Dask's profiler runs on a worker."""
    return "profile" in dask_worker.periodic_callbacks


def log_two_errors() -> list[str]:
    """Log as a worker does when its scheduler is gone, and another error; return what was kept."""
    kept: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: kept.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("distributed.worker")
    logger.addHandler(handler)
    logger.error("Failed to communicate with scheduler during heartbeat.")
    logger.error("another error")
    logger.removeHandler(handler)
    return kept


def test_workers_do_not_log_that_the_command_has_ended() -> None:
    """A heartbeat on its way at the end printed a traceback."""
    with open_local_client(1) as client:
        assert list(client.run(log_two_errors).values()) == [["another error"]]


def test_workers_are_not_profiled() -> None:
    """Dask's profiler can stop a process for good on some Pythons."""
    with open_local_client(1) as client:
        assert list(client.run(is_profiled).values()) == [False]


def imports_pandas() -> bool:
    """Return True if a worker imports pandas for what the engine needs."""
    import_module("floodscan.engine.graph")
    import_module("pyarrow").array([1])
    return "pandas" in sys.modules


def test_workers_do_without_pandas() -> None:
    """To import it, as pyarrow does with the first array, takes longer than a small batch."""
    with open_local_client(1) as client:
        assert list(client.run(imports_pandas).values()) == [False]


def test_there_is_a_worker_per_core() -> None:
    """Choices need the processor, and threads of one process share one core for most of it."""
    with open_local_client() as client:
        assert len(client.nthreads()) == CPU_COUNT


def test_a_worker_that_is_killed_comes_back() -> None:
    """Even if a site calls a worker lost sooner than its nanny can start another one."""
    with (
        config.set({"distributed.deploy.lost-worker-timeout": "1ms"}),
        open_local_client(1) as client,
    ):
        (killed,) = client.run(os.getpid).values()
        os.kill(killed, signal.SIGKILL)
        assert client.submit(os.getpid, pure=False).result(timeout=60) != killed
