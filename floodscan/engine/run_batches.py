"""Batches on a cluster: a limited number in flight, in any order.

The engine takes any Dask client, whatever cluster it belongs to, and any ``Work``.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Generic, NoReturn, Protocol, TypeVar

from dask.base import compute
from distributed import CancelledError, KilledWorker, as_completed

from floodscan.errors import ClusterError, FloodscanError
from floodscan.pipeline import BatchResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from dask.delayed import Delayed
    from distributed import Client

B_contra = TypeVar("B_contra", contravariant=True)
"""A batch, of whatever kind."""

_log = logging.getLogger(__name__)

_MIN_IN_FLIGHT = 8
_MAX_IN_FLIGHT = 512
_BATCHES_PER_SUBMISSION = 4


class Work(Protocol, Generic[B_contra]):
    """What is done with each batch of a run."""

    def draw(self, batch: B_contra) -> Delayed:
        """Draw the graph of a batch; its result is a BatchResult."""

    def isolate(self, batch: B_contra, client: Client) -> BatchResult:
        """Run a batch whose workers crashed, on a cluster that runs nothing else."""

    def fail(self, batch: B_contra, err: Exception) -> BatchResult | None:
        """Fail the events of a batch because of a bug; None if a bug ends the run."""


def run_batches(
    work: Work[B_contra], batches: Iterable[B_contra], *, client: Client | None
) -> Generator[BatchResult]:
    """Run batches, and yield the result of each as soon as it is done, in any order.

    A batch whose workers crash is set aside until the end, when it has the cluster to itself. A bug
    ends the run, or, with work that goes on, fails the events of its batch.

    Args:
        work: What is done with each batch.
        batches: Taken as they are needed, never all at once.
        client: Client of the cluster; None runs the tasks in this process, one after the other.

    Raises:
        ClusterError: The scheduler is gone.
    """
    if client is None:
        for batch in batches:
            yield _keep_going(work, batch, None, partial(_run_here, work, batch))
        return
    suspects: list[B_contra] = []
    with loss_explained(client):
        yield from _run_on_cluster(work, iter(batches), client, suspects)
        for batch in suspects:
            yield _keep_going(work, batch, client, partial(work.isolate, batch, client))


def _run_here(work: Work[B_contra], batch: B_contra) -> BatchResult:
    """Run the tasks of a batch in this process, one after the other."""
    result: BatchResult
    (result,) = compute(work.draw(batch), scheduler="synchronous")
    return result


def _keep_going(
    work: Work[B_contra], batch: B_contra, client: Client | None, do: Callable[[], BatchResult]
) -> BatchResult:
    """Run a batch by ``do``. A bug in it fails the batch's events, if the work goes on then.

    A full disk, a lost cluster, and everything else that is no bug, ends the run.
    """
    try:
        return do()
    except (FloodscanError, CancelledError, OSError):
        raise
    except Exception as err:
        if client and client.status != "running":
            raise
        if (failed := work.fail(batch, err)) is None:
            raise
        return failed


@contextmanager
def loss_explained(client: Client | None) -> Iterator[None]:
    """Raise ClusterError if the scheduler is gone: Dask raises another error with each call."""
    try:
        yield
    except Exception as err:
        if client is None or (client.status == "running" and not isinstance(err, CancelledError)):
            raise
        reason = " ".join(str(err).split())
        message = f"the Dask scheduler is gone, or has dropped its tasks: {reason}"
        raise ClusterError(message) from err


def _run_on_cluster(
    work: Work[B_contra], batches: Iterator[B_contra], client: Client, suspects: list[B_contra]
) -> Iterator[BatchResult]:
    """Run batches, and collect in ``suspects`` those whose workers crash.

    Batches are submitted four at a time. One at a time costs the scheduler twice as much, and with
    all at once the workers would wait until the last batch is planned.
    """
    in_flight: dict[str, B_contra] = {}
    done = as_completed(with_results=True, raise_errors=False)
    for submission in count():
        room = max_in_flight(client) - len(in_flight)
        n_more = _BATCHES_PER_SUBMISSION if room >= _BATCHES_PER_SUBMISSION else 0
        if more := list(islice(batches, n_more)):
            graphs = [work.draw(batch) for batch in more]
            # older batches first, so that few answers wait in the memory of the workers
            futures = client.compute(graphs, priority=-submission)
            in_flight.update(
                {future.key: batch for future, batch in zip(futures, more, strict=True)}
            )
            done.update(futures)
            if not done.has_ready():
                continue
        if not in_flight:
            return
        future, result = next(done)
        batch = in_flight.pop(future.key)
        if isinstance(result, BatchResult):
            yield result
        elif isinstance(result, CancelledError):
            raise result
        elif isinstance(result[1], KilledWorker):
            _log.warning("every worker that ran a batch crashed; it is run again, alone")
            suspects.append(batch)
        else:
            bug = result[1].with_traceback(result[2])
            yield _keep_going(work, batch, client, partial(_raise, bug))


def _raise(err: BaseException) -> NoReturn:
    raise err


def max_in_flight(client: Client) -> int:
    """Return how many batches may be submitted and not done; it limits the scheduler's memory."""
    n_threads: int = sum(client.nthreads().values())
    return min(max(n_threads, _MIN_IN_FLIGHT), _MAX_IN_FLIGHT)
