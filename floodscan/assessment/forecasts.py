"""Forecasts of pixels and chips: for readers that mosaic, and for readers of single scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from floodscan.geometry.areas import intersect
from floodscan.geometry.pixel_grid import forecast_pixels, plan_grid
from floodscan.model import Sensor
from floodscan.planning.targets import AOI

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.clear_ground import ClearGround
    from floodscan.geometry.pixel_grid import PixelForecast, PixelGrid
    from floodscan.planning.slots import EventPlan

    Json = dict[str, Any]
    SlotKey = tuple[str | None, str]

ALL_SENSORS = "all"
"""Name of the set of all slots of the AOI, the DEM included."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """The ground that a filled slot covers.

    Attributes:
        mosaic: Ground of all its scenes.
        single_scene: Ground of its first scene; for the DEM, of all its tiles.
    """

    mosaic: BaseGeometry
    single_scene: BaseGeometry


@dataclass(frozen=True, slots=True)
class SetForecast:
    """What packaging will find in the pixels of a set of slots.

    A set is the four phases of a sensor, or all slots of the AOI. With an empty slot a reader
    cannot make all layers of the set, so nothing is promised for it. Nor is for a set with a scene
    whose clear ground counts and is unknown.

    Attributes:
        missing: Phase and sensor of each empty slot of the set.
        unknown: Phase and sensor of each slot of unknown clear ground.
        mosaics: For readers that mosaic all ``items`` of a choice; None if a slot is empty or of
            unknown clear ground, or if the event has no grid.
        single_scenes: For readers that take the scene ``id`` of a choice alone; likewise.
    """

    missing: tuple[SlotKey, ...] = ()
    unknown: tuple[SlotKey, ...] = ()
    mosaics: PixelForecast | None = None
    single_scenes: PixelForecast | None = None

    def to_dict(self) -> Json:
        """Return it in JSON types, as manifests have it."""
        return {
            "missing": _name_slots(self.missing),
            "unknown": _name_slots(self.unknown),
            "mosaics": _to_dict(self.mosaics),
            "single_scenes": _to_dict(self.single_scenes),
        }


def _name_slots(slots: Sequence[SlotKey]) -> list[Json]:
    return [{"phase": phase, "sensor": sensor} for phase, sensor in slots]


def _to_dict(forecast: PixelForecast | None) -> Json | None:
    if forecast is None:
        return None
    return {"valid_pixel_frac": forecast.valid_pixel_frac, "chips": forecast.chips}


@dataclass(frozen=True, slots=True)
class EventForecast:
    """The forecasts of an event.

    Attributes:
        chips_total: Number of all chips of the event's grid; None without such a grid.
        sets: The forecast of each set: ``all``, then each sensor with phases.
    """

    chips_total: int | None
    sets: Mapping[str, SetForecast]

    @property
    def whole(self) -> SetForecast:
        """The forecast of all slots."""
        return self.sets[ALL_SENSORS]


def forecast_event(
    plan: EventPlan, grounds: Mapping[SlotKey, Grounds], clear: ClearGround | None = None
) -> EventForecast:
    """Forecast the pixels and chips of an event.

    Args:
        plan: The event and its slots.
        grounds: The ground of each filled slot of the AOI, by phase and sensor.
        clear: Clear ground of the AOI, where it counts: pixels of other ground are not valid. Each
            pixel is taken to be as clear as the sample point next to it.
    """
    grid = plan_grid(plan.event.bbox, plan.event.target_crs)
    slots = [slot.key for slot in plan.slots if slot.target.target_id == AOI]
    sets = {ALL_SENSORS: slots}
    for phase, sensor in slots:
        if sensor != Sensor.DEM:
            sets.setdefault(sensor, []).append((phase, sensor))
    known: dict[tuple[int, ...], PixelForecast] = {}
    return EventForecast(
        chips_total=None if grid is None else grid.chips_total,
        sets={
            name: _forecast_set(grid, members, grounds, clear, known)
            for name, members in sets.items()
        },
    )


def _forecast_set(
    grid: PixelGrid | None,
    slots: Sequence[SlotKey],
    grounds: Mapping[SlotKey, Grounds],
    clear: ClearGround | None,
    known: dict[tuple[int, ...], PixelForecast],
) -> SetForecast:
    if missing := tuple(slot for slot in slots if slot not in grounds):
        return SetForecast(missing)
    if clear is not None and (unknown := clear.list_unknown(slots)):
        return SetForecast(unknown=unknown)
    if grid is None:
        return SetForecast()
    members = [grounds[slot] for slot in slots]
    mosaics, single_scenes = (
        [] if clear is None else clear.draw(slots, single=single) for single in (False, True)
    )
    return SetForecast(
        mosaics=_forecast(grid, mosaics + [each.mosaic for each in members], known),
        single_scenes=_forecast(
            grid, single_scenes + [each.single_scene for each in members], known
        ),
    )


def _forecast(
    grid: PixelGrid, areas: Sequence[BaseGeometry], known: dict[tuple[int, ...], PixelForecast]
) -> PixelForecast:
    """Count the pixels that lie in all areas; the same objects are counted only once."""
    distinct = {id(area): area for area in areas}
    key = tuple(sorted(distinct))
    if key not in known:
        known[key] = forecast_pixels(grid, intersect(distinct.values()))
    return known[key]
