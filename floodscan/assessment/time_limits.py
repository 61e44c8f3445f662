"""Dates for which no scene can exist, however wide the window is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from floodscan.inputs.validation import MAX_WINDOW_DAYS
from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from floodscan.planning.slots import Slot

LAUNCHES: Final[Mapping[Sensor, tuple[str, date]]] = {
    Sensor.S1RTC: ("Sentinel-1", date(2014, 4, 3)),
    Sensor.S2L2A: ("Sentinel-2", date(2015, 6, 23)),
}
"""The first satellite of each sensor, and its launch. Source: https://sentinels.copernicus.eu"""


def why_no_window_helps(slot: Slot) -> str | None:
    """Return why a slot has no scene in any window that a recipe can ask for; None if it may.

    The future is seen from the clock of this computer. It decides a hint, and no choice.
    """
    if slot.day is None or slot.window is None or slot.sensor not in LAUNCHES:
        return None
    satellite, launch = LAUNCHES[slot.sensor]
    if slot.day + timedelta(days=MAX_WINDOW_DAYS) < launch:
        return f"the first {satellite} was launched on {launch}"
    if slot.window.start > datetime.now(UTC):
        return f"the window starts in the future, on {slot.window.start.date()}"
    return None
