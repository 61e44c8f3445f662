"""The cluster of a command: checked, with a note about options that have no effect on it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from floodscan import clusters
from floodscan.cli.logs import wanted_level
from floodscan.cli.output import print_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.catalogs import Access
    from floodscan.cli.options import ClusterChoice
    from floodscan.clusters import Opener


@contextmanager
def prepare_client(
    choice: ClusterChoice, access: Access | None = None, *, n_events: int
) -> Iterator[Opener]:
    """Check a cluster, see ``clusters.prepare_client``. Its workers write to the log, too.

    Args:
        choice: The options of the command.
        access: Limits of requests; None if the command makes none.
        n_events: Number of events.
    """
    for name in choice.list_unused():
        print_problem(f"note: {name} has no effect with --cluster {choice.cluster}", style="yellow")
    with clusters.prepare_client(
        choice.cluster,
        n_workers=choice.n_workers,
        profile=choice.profile,
        n_searches=None if access is None else choice.n_searches(access),
        n_events=n_events,
    ) as opener:
        level = wanted_level()
        if level is None or opener is nullcontext:
            yield opener
            return
        from floodscan.clusters.worker_logs import open_with_records

        yield partial(open_with_records, opener, level)
