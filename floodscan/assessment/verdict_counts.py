"""Counts of each slot's candidates by verdict: they tell why a slot is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from floodscan.schemas import SLOT
from floodscan.selection.clearness import counted_clouds

if TYPE_CHECKING:
    from floodscan.model import Recipe

    SlotKey = tuple[str, str | None, str]
    VerdictCounts = dict[SlotKey, dict[str, "VerdictCount"]]


class VerdictCount(NamedTuple):
    """The candidates of a slot with one verdict.

    Attributes:
        n: Number of them.
        least_cloud: The least cloud that counts among them, percent; ``CLOUD_UNKNOWN`` if none is
            known.
    """

    n: int
    least_cloud: float


def count_verdicts(candidates: pa.Table, recipe: Recipe) -> dict[str, VerdictCounts]:
    """Count the candidates of several events.

    Args:
        candidates: Ranked CANDIDATES.
        recipe: The rules; they say which cloud counts.

    Returns:
        By event id: for the target, phase and sensor of each slot, the candidates by verdict.
    """
    keys = [*SLOT, "verdict"]
    counted = (
        candidates.select(keys)
        .append_column("cloud", pa.array(counted_clouds(candidates, recipe)))
        .group_by(keys, use_threads=False)
        .aggregate([([], "count_all"), ("cloud", "min")])
    )
    names = [*keys, "count_all", "cloud_min"]
    rows = zip(*(counted[name].to_pylist() for name in names), strict=True)
    found: dict[str, VerdictCounts] = {}
    for event_id, target_id, phase, sensor, verdict, n, least_cloud in rows:
        of_slot = found.setdefault(event_id, {}).setdefault((target_id, phase, sensor), {})
        of_slot[verdict] = VerdictCount(n, least_cloud)
    return found
