"""Batches as delayed Dask tasks, a bounded number in flight; the engine does not know where its client came from."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from dask.base import compute
from dask.delayed import delayed
from distributed import as_completed

from floodscan.pipeline import ask, finish_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dask.delayed import Delayed
    from distributed import Client

    from floodscan.outcomes import Outcome
    from floodscan.pipeline import Run
    from floodscan.planning import Batch

MAX_IN_FLIGHT = 64
"""Batches that are submitted and not done; it bounds what client and scheduler remember."""


def run_batches(run: Run, batches: Iterable[Batch], *, client: Client | None) -> Iterator[tuple[int, list[Outcome]]]:
    """Run batches and give the number and the outcomes of each as it is done, in any order.

    Args:
        run: What all batches share.
        batches: Taken as they are needed, never all at once.
        client: Where tasks run; None runs them in this process, one after the other.
    """
    if client is None:
        for batch in batches:
            (outcomes,) = compute(_delay(run, batch), scheduler="synchronous")
            yield batch.number, outcomes
    else:
        yield from _run_on_cluster(run, iter(batches), client)


def _run_on_cluster(run: Run, batches: Iterator[Batch], client: Client) -> Iterator[tuple[int, list[Outcome]]]:
    """Keep the cluster fed in lots: refilling one by one costs the scheduler twice as much."""
    lot = MAX_IN_FLIGHT // 2
    numbers: dict[str, int] = {}
    done = as_completed(with_results=True)
    while True:
        if len(numbers) <= lot and (more := list(islice(batches, MAX_IN_FLIGHT - len(numbers)))):
            futures = client.compute([_delay(run, batch) for batch in more])
            numbers.update({f.key: batch.number for f, batch in zip(futures, more, strict=True)})
            done.update(futures)
        if not numbers:
            return
        future, outcomes = next(done)
        yield numbers.pop(future.key), outcomes


def _delay(run: Run, batch: Batch) -> Delayed:
    """Draw a batch's graph: its searches side by side, then everything else in one task."""
    answers = [delayed(partial(ask, run, search))() for search in batch.searches]
    done: Delayed = delayed(partial(finish_batch, run, batch))(answers)
    return done
