"""Counts of each slot's candidates by verdict: they tell why a slot is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from floodscan.schemas import SLOT

if TYPE_CHECKING:
    import pyarrow as pa

    SlotKey = tuple[str, str | None, str]
    VerdictCounts = dict[SlotKey, dict[str, "VerdictCount"]]


class VerdictCount(NamedTuple):
    """The candidates of a slot with one verdict.

    Attributes:
        n: Number of them.
        least_cloud: The least cloud cover among them, percent; None if none is known.
    """

    n: int
    least_cloud: float | None


def count_verdicts(candidates: pa.Table) -> dict[str, VerdictCounts]:
    """Count the candidates of several events.

    Args:
        candidates: Ranked CANDIDATES.

    Returns:
        By event id: for the target, phase and sensor of each slot, the candidates by verdict.
    """
    keys = [*SLOT, "verdict"]
    counted = (
        candidates.select([*keys, "cloud_cover"])
        .group_by(keys, use_threads=False)
        .aggregate([([], "count_all"), ("cloud_cover", "min")])
    )
    names = [*keys, "count_all", "cloud_cover_min"]
    rows = zip(*(counted[name].to_pylist() for name in names), strict=True)
    found: dict[str, VerdictCounts] = {}
    for event_id, target_id, phase, sensor, verdict, n, least_cloud in rows:
        of_slot = found.setdefault(event_id, {}).setdefault((target_id, phase, sensor), {})
        of_slot[verdict] = VerdictCount(n, least_cloud)
    return found
