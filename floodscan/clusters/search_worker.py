"""A worker on the driver's machine that makes the searches, for nodes without internet access."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distributed import Nanny
from distributed.comm.addressing import get_address_host

from floodscan.clusters.resources import SCORE, SEARCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import SpecCluster

    from floodscan.clusters.profile import Profile

SEARCH_WORKER = "driver-search"
"""Dask's name of the worker."""


@contextmanager
def searching_beside(cluster: SpecCluster, n_searches: int | None) -> Iterator[None]:
    """Run the worker beside those of a cluster, with so many searches at once; None runs none."""
    if n_searches is None:
        yield
        return
    nanny = cluster.sync(_start, cluster, n_searches)
    try:
        yield
    finally:
        cluster.sync(nanny.close)


async def _start(cluster: SpecCluster, n_searches: int) -> Nanny:
    # the nodes fetch the answers at the address at which they reach the scheduler
    nanny = Nanny(
        cluster.scheduler_address,
        name=SEARCH_WORKER,
        host=get_address_host(cluster.scheduler_address),
        protocol="tls://",
        security=cluster.security,
        nthreads=n_searches,
        resources={SEARCH: n_searches},
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
    )
    await nanny
    return nanny


def node_args(n_searches: int | None, profile: Profile) -> list[str]:
    """Return the arguments of ``dask worker`` that keep searches off the nodes, if they are."""
    return [] if n_searches is None else ["--resources", f"{SCORE}={profile.n_threads}"]
