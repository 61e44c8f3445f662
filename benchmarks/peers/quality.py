"""What choices are worth for a comparison of phases, measured alike for every way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from itertools import combinations
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from floodscan.geometry.areas import area_fracs, intersect, union
from floodscan.model import Phase, Sensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.peers.slots import Choices
    from floodscan import Event

    Json = dict[str, Any]
    Slots = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The quality of the choices for some events.

    Attributes:
        filled: Number of slots with a scene.
        out_of_order: Number of events with scenes on the wrong side of the onset, or with a phase
            that is not later than the phase before it.
        reused: Number of events with one scene in two phases.
        mixed_tracks: Number of events with Sentinel-1 phases of several relative orbits.
        joint_coverage: Mean share of an area that the scenes of all its filled slots cover.
    """

    filled: int
    out_of_order: int
    reused: int
    mixed_tracks: int
    joint_coverage: float

    def to_dict(self) -> Json:
        """Return the fields in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def measure_quality(
    events: Sequence[Event], choices: Choices, items: Mapping[str, Json]
) -> Quality:
    """Measure choices by the metadata of their items.

    Args:
        events: The events.
        choices: Item ids of each event and slot.
        items: The STAC items by id.
    """
    slots_of = [{slot: ids for slot, ids in choices[e.event_id].items() if ids} for e in events]
    pairs = list(zip(events, slots_of, strict=True))
    return Quality(
        filled=sum(map(len, slots_of)),
        out_of_order=sum(_is_out_of_order(event, slots, items) for event, slots in pairs),
        reused=sum(map(_reuses, slots_of)),
        mixed_tracks=sum(_mixes_tracks(slots, items) for slots in slots_of),
        joint_coverage=mean(_joint_coverage(event, slots, items) for event, slots in pairs),
    )


def _phases(slots: Slots, sensor: Sensor) -> dict[Phase, Sequence[str]]:
    """List the scenes of a sensor's filled phases, in order."""
    named = {phase: f"{phase}/{sensor}" for phase in Phase}
    return {phase: slots[name] for phase, name in named.items() if name in slots}


def _is_out_of_order(event: Event, slots: Slots, items: Mapping[str, Json]) -> bool:
    for sensor in (Sensor.S1RTC, Sensor.S2L2A):
        spans = []
        for phase, ids in _phases(slots, sensor).items():
            times = [_time(items[item_id]) for item_id in ids]
            before = phase in {Phase.PRE_MONTH, Phase.PRE_EVENT}
            if any((time < event.onset) != before for time in times):
                return True
            spans.append((min(times), max(times)))
        if any(later[0] <= earlier[1] for earlier, later in combinations(spans, 2)):
            return True
    return False


def _time(item: Json) -> datetime:
    return datetime.fromisoformat(item["properties"]["datetime"])


def _reuses(slots: Slots) -> bool:
    ids = [item_id for found in slots.values() for item_id in set(found)]
    return len(set(ids)) < len(ids)


def _mixes_tracks(slots: Slots, items: Mapping[str, Json]) -> bool:
    tracks = {
        items[item_id]["properties"]["sat:relative_orbit"]
        for ids in _phases(slots, Sensor.S1RTC).values()
        for item_id in ids
    }
    return len(tracks) > 1


def _joint_coverage(event: Event, slots: Slots, items: Mapping[str, Json]) -> float:
    grounds = [
        union(np.array([shapely.geometry.shape(items[i]["geometry"]) for i in ids], dtype=object))
        for ids in slots.values()
    ]
    joint = intersect(grounds)
    return 0.0 if joint is None else area_fracs([joint], event.aoi)[0]
