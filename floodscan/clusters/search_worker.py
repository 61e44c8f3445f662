"""A worker on the driver's machine that makes the searches, for nodes without internet access."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from distributed import Nanny

from floodscan.clusters.resources import SCORE, SEARCH

if TYPE_CHECKING:
    from distributed import Security

    from floodscan.clusters.profile import Profile

SEARCH_WORKER = "driver-search"
"""Dask's name of the worker."""


def search_worker(
    n_searches: int | None, *, address: str, security: Security
) -> dict[str, dict[str, Any]]:
    """Describe the worker in the form that ``SpecCluster`` takes; an empty dict if nodes search.

    Args:
        n_searches: Searches at once; None if the nodes search.
        address: Address at which the nodes fetch the answers.
        security: Certificates of the run.
    """
    if n_searches is None:
        return {}
    options = {
        "host": address,
        "protocol": "tls://",
        "security": security,
        "nthreads": n_searches,
        "resources": {SEARCH: n_searches},
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "silence_logs": logging.ERROR,
    }
    return {SEARCH_WORKER: {"cls": Nanny, "options": options}}


def node_args(n_searches: int | None, profile: Profile) -> list[str]:
    """Return the arguments of ``dask worker`` that keep searches off the nodes.

    Args:
        n_searches: Searches at once of the worker on the driver's machine; None if the nodes
            search, which then need no arguments.
        profile: The worker jobs.
    """
    return [] if n_searches is None else ["--resources", f"{SCORE}={profile.n_threads}"]
