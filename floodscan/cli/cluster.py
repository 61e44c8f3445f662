"""The cluster of a command: checked, with a note about options that have no effect on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan import clusters
from floodscan.cli.output import print_problem

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from floodscan.catalogs import Access
    from floodscan.cli.options import ClusterChoice
    from floodscan.clusters import Opener


def prepare_client(
    choice: ClusterChoice, access: Access | None = None
) -> AbstractContextManager[Opener]:
    """Check a cluster, see ``clusters.prepare_client``.

    Args:
        choice: The options of the command.
        access: Limits of requests; None if the command makes none.
    """
    for name in choice.list_unused():
        print_problem(f"note: {name} has no effect with --cluster {choice.cluster}", style="yellow")
    return clusters.prepare_client(
        choice.cluster,
        n_workers=choice.n_workers,
        profile=choice.profile,
        n_searches=None if access is None else choice.n_searches(access),
    )
