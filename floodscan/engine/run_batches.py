"""The batches of a run, on a cluster or in this process.

Dask is imported for a cluster only, because to import it takes a second.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from floodscan.catalogs import with_rate_limiter
from floodscan.catalogs.rate_limiter import RateLimits
from floodscan.engine.in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from distributed import Client

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


@contextmanager
def share_limits(run: Run, client: Client | None, rates: RateLimits) -> Iterator[Run]:
    """Yield a run whose limits hold for the requests of all workers together.

    In this process nothing changes: its catalog and its reader have these limits already.

    Args:
        run: The run.
        client: Client of the cluster; None makes the requests in this process.
        rates: Limits on requests to the catalog.
    """
    if client is None:
        yield run
        return
    from floodscan.engine.rate_limiter import open_rate_limiter  # noqa: PLC0415 - see above

    with ExitStack() as opened:
        limiter = opened.enter_context(open_rate_limiter(client, rates))
        run = replace(run, catalog=with_rate_limiter(run.catalog, limiter))
        if run.reader is not None:
            reads = RateLimits(run.reader.n_at_once)
            limiter = opened.enter_context(open_rate_limiter(client, reads))
            run = replace(run, reader=run.reader.limited_by(limiter))
        yield run
