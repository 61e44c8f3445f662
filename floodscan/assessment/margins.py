"""The measure by which a chosen candidate is better than the runner-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floodscan.assessment.items import format_time
from floodscan.model import Sensor
from floodscan.selection.clearness import measure_scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = dict[str, Any]

_MARGIN_KEYS: Mapping[str, Sequence[str]] = {
    Sensor.S1RTC: ("overlap_frac", "days_from_phase", "datetime", "relative_orbit", "orbit_state"),
    Sensor.S2L2A: ("overlap_frac", "cloud_cover", "days_from_phase", "datetime"),
}
_DATED = ("days_from_phase", "datetime")


def margin(row: Json, runner_up: Json, *, over_area: bool = False) -> Json:
    """Find the measure by which a candidate is better than the runner-up.

    Args:
        row: A row of CANDIDATES.
        runner_up: The next candidate of the same slot.
        over_area: Whether the clouds and the clear ground of the target count.

    Returns:
        ``by`` is the name of the measure, or ``item_id`` if all measures are equal; ``selected``
        and ``runner_up`` are its two values. If the policy chose all slots together, no measure of
        one slot decides, and ``by`` is ``all_slots_together``.
    """
    if row["relaxed"] is not None:
        return {"by": "all_slots_together", "selected": None, "runner_up": None}
    keys = _MARGIN_KEYS[row["sensor"]]
    if over_area:
        own = measure_scene(row)
        row, runner_up = row | own, runner_up | measure_scene(runner_up)
        keys = [*own, *(key for key in keys if key in _DATED)]
    by = next((key for key in keys if row[key] != runner_up[key]), "item_id")
    selected, second = row[by], runner_up[by]
    if by == "datetime":
        selected, second = format_time(selected), format_time(second)
    return {"by": by, "selected": selected, "runner_up": second}
