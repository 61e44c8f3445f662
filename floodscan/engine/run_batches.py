"""Batches as delayed Dask tasks, a bounded number in flight.

The engine does not know where its client came from.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, NoReturn

from dask.base import compute
from distributed import CancelledError, KilledWorker, as_completed

from floodscan.assessment.outcomes import INTERNAL_ERROR, give_up
from floodscan.engine.graph import draw_batch
from floodscan.engine.isolation import isolate
from floodscan.errors import ClusterError, FloodscanError, public_traceback
from floodscan.pipeline import BatchResult, write
from floodscan.planning.slots import plan_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Client

    from floodscan.pipeline import Run
    from floodscan.planning.slots import Batch

    OpenClient = Client | Callable[[], AbstractContextManager[Client | None]] | None

_log = logging.getLogger(__name__)

_LEAST_IN_FLIGHT = 8
_MOST_IN_FLIGHT = 512
_LOT_BATCHES = 4


def run_batches(
    run: Run, batches: Iterable[Batch], *, client: Client | None
) -> Iterator[BatchResult]:
    """Run batches and tell of each as it is done, in any order.

    A batch whose tasks end their workers is set aside, and looked into at the end, when it has the
    cluster to itself. A bug ends the run; with ``run.keep_going`` it fails the events of its batch.

    Args:
        run: What all batches share.
        batches: Taken as they are needed, never all at once.
        client: Where tasks run; None runs them in this process, one after the other.

    Raises:
        ClusterError: The scheduler is gone.
    """
    if client is None:
        for batch in batches:
            yield _keep_going(run, batch, None, partial(_run_here, run, batch))
        return
    suspects: list[Batch] = []
    with _loss_explained(client):
        yield from _run_on_cluster(run, iter(batches), client, suspects)
        for batch in suspects:
            yield _keep_going(run, batch, client, partial(isolate, run, batch, client))


def _run_here(run: Run, batch: Batch) -> BatchResult:
    result: BatchResult
    (result,) = compute(draw_batch(run, plan_batch(batch, run.recipe)), scheduler="synchronous")
    return result


def _keep_going(
    run: Run, batch: Batch, client: Client | None, work: Callable[[], BatchResult]
) -> BatchResult:
    """Do a batch's work; a bug in it fails the batch's events, if the run keeps going.

    A full disk, a lost cluster and everything else that is no bug ends the run.
    """
    try:
        return work()
    except (FloodscanError, CancelledError, OSError):
        raise
    except Exception as err:
        if not run.keep_going or (client and client.status != "running"):
            raise
        _log.error("batch %s failed by a bug: %s", batch.name, public_traceback(err))
        reason = f"{INTERNAL_ERROR} ({type(err).__name__}; the log has its traceback)"
        plans = plan_batch(batch, run.recipe).plans
        return write(run, batch.name, [], given_up=[give_up(plan, reason) for plan in plans])


@contextmanager
def _loss_explained(client: Client) -> Iterator[None]:
    """Turn what comes of a scheduler that goes away, an error of another kind with each call, into one that says so."""
    try:
        yield
    except Exception as err:
        if client.status == "running" and not isinstance(err, CancelledError):
            raise
        message = (
            f"the Dask scheduler is gone, or has dropped its tasks: {' '.join(str(err).split())}"
        )
        raise ClusterError(message) from err


def _run_on_cluster(
    run: Run, batches: Iterator[Batch], client: Client, suspects: list[Batch]
) -> Iterator[BatchResult]:
    """Keep the cluster fed in lots: one by one costs the scheduler twice as much, all at once keeps workers waiting."""
    in_flight: dict[str, Batch] = {}
    done = as_completed(with_results=True, raise_errors=False)
    for lot in count():
        room = most_in_flight(client) - len(in_flight)
        more = list(islice(batches, _LOT_BATCHES)) if room >= _LOT_BATCHES else []
        if more:
            graphs = [draw_batch(run, plan_batch(batch, run.recipe)) for batch in more]
            # what was begun first is ended first, so that few answers wait in the workers' memory
            futures = client.compute(graphs, priority=-lot)
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
            suspects.append(batch)
        else:
            bug = result[1].with_traceback(result[2])
            yield _keep_going(run, batch, client, partial(_raise, bug))


def _raise(err: BaseException) -> NoReturn:
    raise err


def most_in_flight(client: Client) -> int:
    """Tell how many batches may be submitted and not done: it bounds what client and scheduler remember."""
    n_threads: int = sum(client.nthreads().values())
    return min(max(n_threads, _LEAST_IN_FLIGHT), _MOST_IN_FLIGHT)
