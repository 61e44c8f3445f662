"""The early searches of a small run, which are sent while its catalog is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.catalogs.sources import list_archives, plan_for, send_early
from floodscan.planning.expected_items import largest_first
from floodscan.planning.slots import cut_batches

if TYPE_CHECKING:
    from floodscan.catalogs.base import Catalog
    from floodscan.model import Recipe, Search
    from floodscan.planning.event_list import EventList, PackedEvent
    from floodscan.planning.slots import BatchPlan


def begin_early(
    source: Catalog, recipe: Recipe, events: EventList, in_flight: int
) -> dict[tuple[PackedEvent, ...], BatchPlan]:
    """Send early searches: as many at once as go with the checks, and then as many again.

    So the catalog is busy until the run has begun.

    Args:
        source: The catalogs; nothing is sent if one is an archive.
        recipe: The rules.
        events: All events of the run.
        in_flight: Most requests in progress.

    Returns:
        The plans of the batches with early searches, by the events of the batch.
    """
    plans: dict[tuple[PackedEvent, ...], BatchPlan] = {}
    if list_archives(source):
        return plans
    n_checks = 1 + len(recipe.collections)  # the landing page is one
    at_once = max(in_flight - n_checks, 0)
    searches: list[Search] = []
    for batch in cut_batches(events, run_id=""):
        if len(searches) >= 2 * at_once:
            break
        plans[batch.packed] = plan = plan_for(source, batch, recipe)
        searches += largest_first(plan.searches, recipe)
    send_early(source, searches[: 2 * at_once], at_once=at_once)
    return plans
