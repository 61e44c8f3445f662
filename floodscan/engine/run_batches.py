"""Batches on a cluster: a limited number in flight, in any order.

The engine takes any Dask client, whatever cluster it belongs to.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, NoReturn

from dask.base import compute
from distributed import CancelledError, KilledWorker, as_completed

from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import give_up
from floodscan.catalogs.sources import list_archives
from floodscan.engine.graph import draw_batch
from floodscan.engine.isolation import isolate
from floodscan.engine.joining import cut_lots, joined_lot
from floodscan.errors import ClusterError, FloodscanError, public_traceback
from floodscan.pipeline import BatchResult, write

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from distributed import Client

    from floodscan.assessment.outcomes import Outcome
    from floodscan.pipeline import Run
    from floodscan.planning.slots import Batch

    OpenClient = Client | Callable[[], AbstractContextManager[Client | None]] | None

_log = logging.getLogger(__name__)

_MIN_IN_FLIGHT = 8
_MAX_IN_FLIGHT = 512
_BATCHES_PER_SUBMISSION = 4


def run_batches(
    run: Run, batches: Iterable[Batch], *, client: Client | None
) -> Generator[BatchResult]:
    """Run batches, and yield the result of each as soon as it is done, in any order.

    A batch whose workers crash is set aside until the end, when it has the cluster to itself. A bug
    ends the run, or, with ``run.keep_going``, fails the events of its batch.

    Args:
        run: Settings that all batches share.
        batches: Taken as they are needed, never all at once.
        client: Client of the cluster; None runs the tasks in this process, one after the other.

    Raises:
        ClusterError: The scheduler is gone.
    """
    if not list_archives(run.catalog):
        yield from _run_all(run, batches, client)
        return
    for lot in cut_lots(batches):
        yield from _join_and_run(run, lot, client)


def _join_and_run(run: Run, lot: Sequence[Batch], client: Client | None) -> Iterator[BatchResult]:
    """Run a lot of batches whose archives are joined with all of them at once."""
    with ExitStack() as stack:
        try:
            with _loss_explained(client):
                joined = stack.enter_context(joined_lot(run, lot, client))
        except (FloodscanError, CancelledError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001 - it is raised, or fails the events of the lot
            for batch in lot:
                yield _keep_going(run, batch, client, partial(_raise, bug))
        else:
            yield from _run_all(joined, lot, client)


def _run_all(run: Run, batches: Iterable[Batch], client: Client | None) -> Iterator[BatchResult]:
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
    """Run the tasks of a batch in this process, one after the other."""
    result: BatchResult
    (result,) = compute(draw_batch(run, run.plan(batch)), scheduler="synchronous")
    return result


def _keep_going(
    run: Run, batch: Batch, client: Client | None, work: Callable[[], BatchResult]
) -> BatchResult:
    """Run a batch by ``work``. A bug in it fails the batch's events, if the run keeps going.

    A full disk, a lost cluster, and everything else that is no bug, ends the run.
    """
    try:
        return work()
    except (FloodscanError, CancelledError, OSError):
        raise
    except Exception as err:
        if not run.keep_going or (client and client.status != "running"):
            raise
        _log.error("batch %s failed by a bug: %s", batch.name, public_traceback(err))
        return write(run.folder, batch.name, [], given_up=_fail_events(run, batch, err))


def _fail_events(run: Run, batch: Batch, err: Exception) -> list[Outcome]:
    detail = f"{type(err).__name__}; the log has its traceback"
    hint = "report the bug; --retry-failed tries again"
    return [
        give_up(plan, Reason.INTERNAL_ERROR, detail=detail, hint=hint)
        for plan in run.plan(batch).plans
    ]


def enter_client(client: OpenClient) -> AbstractContextManager[Client | None]:
    """Open a client if a function for that is given; leave a client that is already open."""
    return client() if callable(client) else nullcontext(client)


@contextmanager
def _loss_explained(client: Client | None) -> Iterator[None]:
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
    run: Run, batches: Iterator[Batch], client: Client, suspects: list[Batch]
) -> Iterator[BatchResult]:
    """Run batches, and collect in ``suspects`` those whose workers crash.

    Batches are submitted four at a time. One at a time costs the scheduler twice as much, and with
    all at once the workers would wait until the last batch is planned.
    """
    in_flight: dict[str, Batch] = {}
    done = as_completed(with_results=True, raise_errors=False)
    for submission in count():
        room = max_in_flight(client) - len(in_flight)
        n_more = _BATCHES_PER_SUBMISSION if room >= _BATCHES_PER_SUBMISSION else 0
        if more := list(islice(batches, n_more)):
            graphs = [draw_batch(run, run.plan(batch)) for batch in more]
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
            suspects.append(batch)
        else:
            bug = result[1].with_traceback(result[2])
            yield _keep_going(run, batch, client, partial(_raise, bug))


def _raise(err: BaseException) -> NoReturn:
    raise err


def max_in_flight(client: Client) -> int:
    """Return how many batches may be submitted and not done; it limits the scheduler's memory."""
    n_threads: int = sum(client.nthreads().values())
    return min(max(n_threads, _MIN_IN_FLIGHT), _MAX_IN_FLIGHT)
