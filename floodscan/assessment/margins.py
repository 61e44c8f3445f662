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
    own, other = (measure_scene(each) if over_area else {} for each in (row, runner_up))
    keys = [*own, *(key for key in _MARGIN_KEYS[row["sensor"]] if not own or key in _DATED)]
    own, other = row | own, runner_up | other
    by = next((key for key in keys if own[key] != other[key]), "item_id")
    values = {"selected": own[by], "runner_up": other[by]}
    return {"by": by, **{k: format_time(v) if by == "datetime" else v for k, v in values.items()}}
