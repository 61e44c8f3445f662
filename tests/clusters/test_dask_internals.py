"""Parts of Dask, distributed and dask-jobqueue that their documentation doesn't promise.

``engine`` and ``clusters`` use them. Each has a test here, so that a new version that changes one
fails this file first, and names the part.
"""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from dask import config
from distributed import Client, LocalCluster, Nanny, Scheduler, as_completed
from distributed.core import Status
from distributed.protocol import pickle
from distributed.utils import get_ip_interface
from distributed.worker import WORKER_ANY_RUNNING

from floodscan.clusters.interrupts import handlers_kept
from floodscan.clusters.local import SETTINGS
from floodscan.clusters.slurm import CLOSED_HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and a worker in this process."""
    with (
        config.set(SETTINGS),
        LocalCluster(
            n_workers=1,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
    ):
        yield cluster


@pytest.mark.parametrize("key", sorted(SETTINGS | CLOSED_HTTP))
def test_settings_exist(key: str) -> None:
    """Dask ignores a setting with an unknown name."""
    assert config.get(key, default=None) is not None


def test_pickle_takes_what_the_standard_one_refuses() -> None:
    """Catalogs of a user's own script or notebook travel by value."""
    assert pickle.loads(pickle.dumps(lambda: 3))() == 3


def test_results_of_failed_tasks_are_type_error_and_traceback(cluster: LocalCluster) -> None:
    """``as_completed`` yields a tuple for them, if it is not to raise them."""
    with Client(cluster) as client:
        done = as_completed([client.submit(lambda: 1 // 0)], with_results=True, raise_errors=False)
        _, (kind, error, traceback) = next(done)
    assert kind is ZeroDivisionError
    assert isinstance(error, ZeroDivisionError)
    assert inspect.istraceback(traceback)


def test_messages_between_worker_and_scheduler_can_be_added(cluster: LocalCluster) -> None:
    """The rate limiter adds handlers of messages by name, and sends messages by these methods."""
    scheduler: Any = cluster.scheduler
    worker = cluster.workers[0]
    for handlers in (scheduler.handlers, scheduler.stream_handlers, worker.stream_handlers):
        assert isinstance(handlers, dict)
    assert list(inspect.signature(scheduler.send_all).parameters) == ["client_msgs", "worker_msgs"]
    assert list(inspect.signature(worker.batched_send).parameters) == ["msg"]
    assert isinstance(scheduler.plugins, dict)
    assert worker.loop.add_callback
    assert Status.running in WORKER_ANY_RUNNING
    assert Status.closing not in WORKER_ANY_RUNNING


def test_scheduler_of_a_cluster_is_at_hand(cluster: LocalCluster) -> None:
    """The HTTP server of the scheduler can be stopped, and its workers have names."""
    scheduler: Any = cluster.scheduler
    assert callable(scheduler.http_server.stop)
    assert [worker.name for worker in scheduler.workers.values()] == [0]


def test_workers_may_end_as_expected() -> None:
    """The scheduler knows which workers announced their end, and whether an end is expected."""
    parameters = inspect.signature(Scheduler.remove_worker).parameters
    assert parameters["expected"].kind is inspect.Parameter.KEYWORD_ONLY
    assert callable(Scheduler.coerce_address)
    assert {"closing", "closing_gracefully"} <= {status.name for status in Status}


def test_nanny_takes_the_options_of_the_worker_for_searches() -> None:
    """It passes what it does not know to its worker."""
    own = inspect.signature(Nanny.__init__).parameters
    assert {"name", "host", "protocol", "security", "nthreads", "resources"} <= own.keys()
    assert own["worker_kwargs"].kind is inspect.Parameter.VAR_KEYWORD


def test_address_of_an_interface_is_found() -> None:
    """An unknown interface is a ValueError."""
    assert get_ip_interface("lo") == "127.0.0.1"
    with pytest.raises(ValueError, match="ib7"):
        get_ip_interface("ib7")


def test_last_line_of_a_job_script_is_the_command() -> None:
    """dask-jobqueue writes directives and prologue first."""
    with handlers_kept():
        from dask_jobqueue.slurm import SLURMJob  # noqa: PLC0415 - it sets signal handlers

    job = SLURMJob(
        "tls://host:1", name="n", queue="q", cores=1, memory="1GB", job_script_prologue=["module x"]
    )
    *head, command = job.job_script().strip().splitlines()
    assert head[-1] == "module x"
    assert "distributed.cli.dask_worker tls://host:1" in command


def test_import_of_dask_jobqueue_changes_signal_handlers() -> None:
    """Hence the care at its import; if this fails, that care can go."""
    code = (
        "import signal, dask_jobqueue; "
        "print(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["True"]
    ours = code.replace("dask_jobqueue", "floodscan.clusters.slurm")
    done = subprocess.run([sys.executable, "-c", ours], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["False"]
    assert signal.getsignal(signal.SIGINT) in {signal.default_int_handler, signal.SIG_IGN}
