"""Rank the candidates of each slot and choose among them, by policy: tables in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from floodscan.model import Policy
from floodscan.schemas import CANDIDATES, check_candidates, check_table
from floodscan.selection.alternatives import describe_alternatives
from floodscan.selection.change_detection import select_change_detection
from floodscan.selection.clearness import judge_clouds
from floodscan.selection.flags import flag_candidates
from floodscan.selection.hours import measure_hours
from floodscan.selection.labels import Verdict
from floodscan.selection.reference import select_reference, slot_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.selection.alternatives import Alternatives

__all__ = ["Selection", "Verdict", "select", "select_scenes", "slot_numbers"]


class Selection(NamedTuple):
    """The choices for some events.

    Attributes:
        candidates: Ranked CANDIDATES.
        alternatives: The alternatives of each sensor to the pass of ``event``, by event id; policy
            ``reference`` has none.
    """

    candidates: pa.Table
    alternatives: Mapping[str, Alternatives]


def select(candidates: pa.Table, plans: Sequence[EventPlan], recipe: Recipe) -> pa.Table:
    """Rank and choose as ``select_scenes`` does, and return the candidates alone."""
    return select_scenes(candidates, plans, recipe).candidates


def select_scenes(candidates: pa.Table, plans: Sequence[EventPlan], recipe: Recipe) -> Selection:
    """Rank the candidates of each slot and choose among them, by the recipe's policy.

    Args:
        candidates: CANDIDATES table, the rows of each slot next to each other.
        plans: The events of the candidates.
        recipe: The rules.

    Returns:
        The alternatives, and the same rows with the hours from onset and peak, ``flags``,
        ``rank``, ``selected`` and ``verdict``. The slots keep their order. Within a slot the ranked
        rows come first, then the rejected rows by item id.
    """
    if len(candidates) == 0:
        return Selection(check_table(candidates, CANDIDATES), {})
    events = {plan.event.event_id: plan.event for plan in plans}
    candidates = judge_clouds(check_candidates(candidates), recipe)
    candidates = measure_hours(candidates, events, recipe)
    slots = slot_numbers(candidates)
    candidates = flag_candidates(candidates, slots, events)
    if recipe.policy is Policy.REFERENCE:
        return Selection(check_table(select_reference(candidates, slots, recipe), CANDIDATES), {})
    chosen, alternatives = select_change_detection(candidates, slots, plans, recipe)
    described = describe_alternatives(alternatives, candidates)
    return Selection(check_table(chosen, CANDIDATES), described)
