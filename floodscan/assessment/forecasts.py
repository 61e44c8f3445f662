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
    cannot make all layers of the set, so nothing is promised for it.

    Attributes:
        missing: Phase and sensor of each empty slot of the set.
        mosaics: For readers that mosaic all ``items`` of a choice; None if a slot is empty, or if
            the event has no grid.
        single_scenes: For readers that take the scene ``id`` of a choice alone; likewise.
    """

    missing: tuple[SlotKey, ...] = ()
    mosaics: PixelForecast | None = None
    single_scenes: PixelForecast | None = None

    def to_dict(self) -> Json:
        """Return it in JSON types, as manifests have it."""
        return {
            "missing": [{"phase": phase, "sensor": sensor} for phase, sensor in self.missing],
            "mosaics": _to_dict(self.mosaics),
            "single_scenes": _to_dict(self.single_scenes),
        }


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


def forecast_event(plan: EventPlan, grounds: Mapping[SlotKey, Grounds]) -> EventForecast:
    """Forecast the pixels and chips of an event.

    Args:
        plan: The event and its slots.
        grounds: The ground of each filled slot of the AOI, by phase and sensor.
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
        sets={name: _forecast_set(grid, members, grounds, known) for name, members in sets.items()},
    )


def _forecast_set(
    grid: PixelGrid | None,
    slots: Sequence[SlotKey],
    grounds: Mapping[SlotKey, Grounds],
    known: dict[tuple[int, ...], PixelForecast],
) -> SetForecast:
    if missing := tuple(slot for slot in slots if slot not in grounds):
        return SetForecast(missing)
    if grid is None:
        return SetForecast()
    members = [grounds[slot] for slot in slots]
    return SetForecast(
        mosaics=_forecast(grid, [each.mosaic for each in members], known),
        single_scenes=_forecast(grid, [each.single_scene for each in members], known),
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
