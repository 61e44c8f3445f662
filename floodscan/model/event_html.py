"""An event in a notebook: facts and the outline of its area."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.geometry.areas import area_km2
from floodscan.markup import beside, block, draw_outline, facts

if TYPE_CHECKING:
    from datetime import datetime

    from floodscan.model.event import Event


def show_event(event: Event) -> str:
    """Return an event as HTML."""
    west, south, east, north = event.bbox
    hour = " (hour unknown)" if event.onset_assumed else ""
    shown = {
        str(event.date_kind): f"{_moment(event.onset)}{hour}",
        "assumed hour of the onset": event.assumed_onset_hour,
        "peak": event.peak and _moment(event.peak),
        "end": event.end and _moment(event.end),
        **{str(phase): day for phase, day in event.phase_dates.items()},
        "west, south, east, north": f"{west:.4f}, {south:.4f}, {east:.4f}, {north:.4f}",
        "area": f"{area_km2(event.aoi):,.1f} km²",
        "pixel grid": event.target_crs,
    }
    outline = draw_outline(event.aoi, event.bbox, label=f"area of {event.event_id}")
    return block(event.event_id, beside(facts(shown), outline))


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
