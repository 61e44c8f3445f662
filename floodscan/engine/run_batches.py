"""The batches of a run, on a cluster or in this process.

Dask is imported for a cluster only, because to import it takes a second.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.engine.in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Client

    from floodscan.catalogs.rate_limiter import RateLimiter
    from floodscan.engine.in_process import B, Work
    from floodscan.pipeline import BatchResult, Run


def run_batches(
    work: Work[B], batches: Iterable[B], *, client: Client | None
) -> Generator[BatchResult]:
    """Run batches, and yield the result of each as soon as it is done, in any order.

    A batch whose workers crash is set aside until the end, when it has the cluster to itself. A bug
    ends the run, or, with work that goes on, fails the events of its batch.

    Args:
        work: What is done with each batch.
        batches: Taken as they are needed, never all at once.
        client: Client of the cluster; None runs the batches in this process, one after the other.

    Raises:
        ClusterError: The scheduler is gone.
    """
    if client is None:
        yield from run_in_process(work, batches)
        return
    from floodscan.engine.on_cluster import run_on_cluster  # noqa: PLC0415 - see above

    yield from run_on_cluster(work, batches, client)


def limit_requests(client: Client | None, rates: RateLimits) -> AbstractContextManager[RateLimiter]:
    """Open a rate limiter for all that makes requests in a run.

    Args:
        client: Client of the cluster; None makes the requests in this process.
        rates: The limits.
    """
    if client is None:
        return nullcontext(LocalRateLimiter(rates, uuid.uuid4().hex))
    from floodscan.engine.rate_limiter import open_rate_limiter  # noqa: PLC0415 - see above

    return open_rate_limiter(client, rates)


@contextmanager
def limit_reads(run: Run, client: Client | None) -> Iterator[Run]:
    """Yield a run whose reads of scenes have a rate limiter of their own, over all workers."""
    if run.reader is None:
        yield run
        return
    with limit_requests(client, RateLimits(run.reader.n_at_once)) as rate_limiter:
        yield replace(run, reader=run.reader.limited_by(rate_limiter))
