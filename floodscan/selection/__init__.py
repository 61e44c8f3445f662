"""Rank the candidates of each slot and choose among them, by policy: tables in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.model import Policy
from floodscan.schemas import CANDIDATES, check_candidates, check_table
from floodscan.selection.change_detection import select_change_detection
from floodscan.selection.hours import measure_hours
from floodscan.selection.labels import Verdict
from floodscan.selection.reference import select_reference, slot_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan

__all__ = ["Verdict", "select", "slot_numbers"]


def select(candidates: pa.Table, plans: Sequence[EventPlan], recipe: Recipe) -> pa.Table:
    """Rank the candidates of each slot and choose among them, by the recipe's policy.

    Args:
        candidates: CANDIDATES table, the rows of each slot next to each other.
        plans: The events of the candidates.
        recipe: The rules.

    Returns:
        The same rows with the hours from onset and peak, ``rank``, ``selected`` and ``verdict``.
        The slots keep their order. Within a slot the ranked rows come first, then the rejected rows
        by item id.
    """
    events = {plan.event.event_id: plan.event for plan in plans}
    candidates = measure_hours(check_candidates(candidates), events, recipe)
    if recipe.policy is Policy.CHANGE_DETECTION:
        chosen = select_change_detection(candidates, plans, recipe)
    else:
        chosen = select_reference(candidates)
    return check_table(chosen, CANDIDATES)
