"""Which candidate fills each slot: ranks and chooses, by policy; tables in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.model import Policy
from floodscan.schemas import CANDIDATES, check_table
from floodscan.selection.change_detection import select_change_detection
from floodscan.selection.reference import SELECTED, select_reference, slot_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan

__all__ = ["SELECTED", "select", "slot_numbers"]


def select(
    candidates: pa.Table,
    policy: Policy,
    *,
    plans: Sequence[EventPlan] = (),
    recipe: Recipe | None = None,
) -> pa.Table:
    """Rank the candidates of each slot and choose among them.

    Args:
        candidates: CANDIDATES table, the rows of one slot one after the other.
        policy: The rules.
        plans: The events of the candidates; the reference policy needs none.
        recipe: Windows, limits and the ladder; the reference policy needs none.

    Returns:
        The same rows with ``rank``, ``selected`` and ``verdict``, slots in the order given, within
        one the ranked first, then the rejected by item id.
    """
    if policy is Policy.CHANGE_DETECTION and recipe is not None:
        chosen = select_change_detection(candidates, plans, recipe)
    else:
        chosen = select_reference(candidates)
    return check_table(chosen, CANDIDATES)
