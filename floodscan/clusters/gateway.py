"""A worker beside the driver that searches for nodes which have no way out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from distributed import Nanny

from floodscan.clusters.resources import SCORE, SEARCH

if TYPE_CHECKING:
    from distributed import Security

    from floodscan.clusters.profile import Profile


def gateway(
    n_searches: int | None, *, address: str, security: Security
) -> dict[str, dict[str, Any]]:
    """Describe the worker as ``SpecCluster`` wants it, or none where nodes search.

    Args:
        n_searches: Searches at once; None where nodes search.
        address: Where nodes fetch the answers.
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
    return {"gateway": {"cls": Nanny, "options": options}}


def node_args(n_searches: int | None, profile: Profile) -> list[str]:
    """Name what workers on nodes are for, where another worker searches, as arguments of ``dask worker``."""
    return [] if n_searches is None else ["--resources", f"{SCORE}={profile.n_threads}"]
