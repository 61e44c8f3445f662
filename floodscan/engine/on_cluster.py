"""Batches on a cluster: a limited number in flight, in any order.

The engine takes any Dask client, whatever cluster it belongs to, and any ``Work``.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, NoReturn

from distributed import CancelledError, KilledWorker, as_completed

from floodscan.engine.in_process import keep_going
from floodscan.errors import ClusterError, FloodscanError
from floodscan.pipeline import BatchResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from distributed import Client

    from floodscan.engine.in_process import B, Work

_log = logging.getLogger(__name__)

_MIN_IN_FLIGHT = 8
_MAX_IN_FLIGHT = 512
_BATCHES_PER_SUBMISSION = 4


def run_on_cluster(work: Work[B], batches: Iterable[B], client: Client) -> Iterator[BatchResult]:
    """Run batches on a cluster, see ``run_batches``."""
    suspects: list[B] = []
    with loss_explained(client):
        yield from _run_in_flight(work, iter(batches), client, suspects)
        for batch in suspects:
            yield _keep_going(work, batch, client, partial(work.isolate, batch, client))


@contextmanager
def loss_explained(client: Client) -> Iterator[None]:
    """Raise ClusterError if the scheduler is gone: Dask raises another error with each call."""
    try:
        yield
    except Exception as err:
        if client.status == "running" and not isinstance(err, CancelledError):
            raise
        reason = " ".join(str(err).split())
        message = f"the Dask scheduler is gone, or has dropped its tasks: {reason}"
        raise ClusterError(message) from err


def _run_in_flight(
    work: Work[B], batches: Iterator[B], client: Client, suspects: list[B]
) -> Iterator[BatchResult]:
    """Run batches, and collect in ``suspects`` those whose workers crash.

    Batches are submitted four at a time. One at a time costs the scheduler twice as much, and with
    all at once the workers would wait until the last batch is planned.
    """
    in_flight: dict[str, B] = {}
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


def _keep_going(
    work: Work[B], batch: B, client: Client, do: Callable[[], BatchResult]
) -> BatchResult:
    """Run a batch by ``do``, see ``keep_going``; a lost cluster ends the run."""

    def ends_run(err: Exception) -> bool:
        no_bug = isinstance(err, FloodscanError | CancelledError | OSError)
        return no_bug or client.status != "running"

    return keep_going(work, batch, do, ends_run=ends_run)


def _raise(err: BaseException) -> NoReturn:
    raise err


def max_in_flight(client: Client) -> int:
    """Return how many batches may be submitted and not done; it limits the scheduler's memory."""
    n_threads: int = sum(client.nthreads().values())
    return min(max(n_threads, _MIN_IN_FLIGHT), _MAX_IN_FLIGHT)
