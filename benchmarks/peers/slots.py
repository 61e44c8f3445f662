"""The question that every peer gets, and the choice that every peer makes among what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from floodscan import Recipe, Sensor
from floodscan.planning.slots import plan_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from shapely.geometry.base import BaseGeometry

    from floodscan import Event
    from floodscan.planning.slots import Slot

    Choices = dict[str, dict[str, list[str]]]  # item ids by event, and by phase and sensor

RECIPE = Recipe()
_CLOUDLESS = 0.0


class Found(NamedTuple):
    """An item that a peer found."""

    collection: str
    item_id: str
    time: datetime
    cloud: float | None
    footprint: BaseGeometry


class Query(NamedTuple):
    """A search of an expert: all phases of a sensor at once; without times for the DEM."""

    event_id: str
    collection: str
    bbox: tuple[float, float, float, float]
    start: datetime | None
    end: datetime | None

    @property
    def interval(self) -> str | None:
        """The times as STAC APIs take them."""
        if self.start is None or self.end is None:
            return None
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"


def slots_of(event: Event) -> Sequence[Slot]:
    """List the slots of an event by the default recipe."""
    return plan_event(event, RECIPE).slots


def slot_queries(event: Event) -> list[Query]:
    """List a query for each slot, as a notebook asks."""
    return [_query(event, [slot]) for slot in slots_of(event)]


def sensor_queries(event: Event) -> list[Query]:
    """List a query for each sensor, from its first to its last window, as an expert asks."""
    by_sensor: dict[Sensor, list[Slot]] = {}
    for slot in slots_of(event):
        by_sensor.setdefault(slot.sensor, []).append(slot)
    return [_query(event, slots) for slots in by_sensor.values()]


def _query(event: Event, slots: Sequence[Slot]) -> Query:
    windows = [slot.window for slot in slots if slot.window]
    return Query(
        event.event_id,
        slots[0].search.collection,
        event.bbox,
        min((window.start for window in windows), default=None),
        max((window.end for window in windows), default=None),
    )


def choose(events: Sequence[Event], found: Mapping[str, Sequence[Found]]) -> Choices:
    """Choose for each slot by itself: the most overlap, the least cloud, the nearest day.

    Args:
        events: The events.
        found: What was found for each event, in any order, with repeats.
    """
    return {event.event_id: _choose_event(event, found[event.event_id]) for event in events}


def _choose_event(event: Event, found: Sequence[Found]) -> dict[str, list[str]]:
    items = list({(item.collection, item.item_id): item for item in found}.values())
    footprints = np.array([item.footprint for item in items], dtype=object)
    shared = shapely.area(shapely.intersection(footprints, event.aoi)) / event.aoi.area
    measured = list(zip(items, np.round(shared, 12).tolist(), strict=True))
    chosen = {}
    for slot in slots_of(event):
        asked = RECIPE.sensors[slot.sensor]
        most_cloud = asked.max_cloud_percent
        fitting = [
            (-overlap, item.cloud or _CLOUDLESS, _days(item, slot.day), item.item_id)
            for item, overlap in measured
            if item.collection == asked.collection
            and overlap > 0
            and (slot.window is None or slot.window.start <= item.time <= slot.window.end)
            and (most_cloud is None or (item.cloud is not None and item.cloud < most_cloud))
        ]
        ranked = [key[-1] for key in sorted(fitting)]
        chosen["/".join(filter(None, slot.key))] = ranked if slot.day is None else ranked[:1]
    return chosen


def _days(item: Found, day: date | None) -> int:
    return 0 if day is None else abs((item.time.date() - day).days)
