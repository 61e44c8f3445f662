"""Forecasts of pixels and chips: for readers that mosaic, and for readers of single scenes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from floodscan.geometry.areas import intersect
from floodscan.geometry.pixel_forecasts import forecast_pixels
from floodscan.geometry.pixel_grid import cut_to_box, plan_grid, surroundings
from floodscan.model import Sensor
from floodscan.planning.targets import AOI

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.clear_ground import ClearGround
    from floodscan.geometry.pixel_forecasts import PixelForecast
    from floodscan.geometry.pixel_grid import PixelGrid
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


def forecast_events(
    plans: Sequence[EventPlan],
    grounds: Sequence[Mapping[SlotKey, Grounds]],
    clear: Sequence[ClearGround | None],
) -> list[EventForecast]:
    """Forecast the pixels and chips of several events.

    Args:
        plans: The events and their slots, n events.
        grounds: For each event the ground of each filled slot of the AOI, by phase and sensor.
        clear: For each event the clear ground of the AOI, where it counts: pixels of other ground
            are not valid. Each pixel is taken to be as clear as the sample point next to it.
    """
    grids = [plan_grid(plan.event.bbox, plan.event.target_crs) for plan in plans]
    asked: list[_Asked] = []
    sets = [
        _draw_sets(plan, None if grid is None else _Joiner(grid, asked), own, shown)
        for plan, grid, own, shown in zip(plans, grids, grounds, clear, strict=True)
    ]
    areas = np.array([each.area for each in asked], dtype=object)
    found = forecast_pixels([each.grid for each in asked], areas)
    return [
        EventForecast(
            chips_total=None if grid is None else grid.chips_total,
            sets={name: each.to_forecast(found) for name, each in own.items()},
        )
        for grid, own in zip(grids, sets, strict=True)
    ]


class _Asked(NamedTuple):
    """An area whose pixels of a grid are to be counted; None counts nothing."""

    grid: PixelGrid
    area: BaseGeometry | None


class _DrawnSet(NamedTuple):
    """A set of slots, and the numbers of its areas among those whose pixels are to be counted."""

    missing: tuple[SlotKey, ...] = ()
    unknown: tuple[SlotKey, ...] = ()
    mosaics: int | None = None
    single_scenes: int | None = None

    def to_forecast(self, found: Sequence[PixelForecast]) -> SetForecast:
        """Take the forecasts of its areas."""
        numbers = self.mosaics, self.single_scenes
        forecasts = [None if number is None else found[number] for number in numbers]
        return SetForecast(self.missing, self.unknown, *forecasts)


def _draw_sets(
    plan: EventPlan,
    joiner: _Joiner | None,
    grounds: Mapping[SlotKey, Grounds],
    clear: ClearGround | None,
) -> dict[str, _DrawnSet]:
    """Draw the areas of each set of slots of an event."""
    slots = [slot.key for slot in plan.slots if slot.target.target_id == AOI]
    sets = {ALL_SENSORS: slots}
    for phase, sensor in slots:
        if sensor != Sensor.DEM:
            sets.setdefault(sensor, []).append((phase, sensor))
    return {name: _draw_set(joiner, members, grounds, clear) for name, members in sets.items()}


def _draw_set(
    joiner: _Joiner | None,
    slots: Sequence[SlotKey],
    grounds: Mapping[SlotKey, Grounds],
    clear: ClearGround | None,
) -> _DrawnSet:
    if missing := tuple(slot for slot in slots if slot not in grounds):
        return _DrawnSet(missing)
    if clear is not None and (unknown := clear.list_unknown(slots)):
        return _DrawnSet(unknown=unknown)
    if joiner is None:
        return _DrawnSet()
    members = [grounds[slot] for slot in slots]
    mosaics, single_scenes = (
        [] if clear is None else clear.draw(slots, single=single) for single in (False, True)
    )
    return _DrawnSet(
        mosaics=joiner.ask(mosaics + [each.mosaic for each in members]),
        single_scenes=joiner.ask(single_scenes + [each.single_scene for each in members]),
    )


class _Joiner:
    """Asks for the pixels of a grid that lie in all of some areas.

    The areas of several sets are often the same objects, and most of them cover the whole grid. So
    each object is cut to the surroundings of the grid once, and an area around them is left out.
    """

    def __init__(self, grid: PixelGrid, asked: list[_Asked]) -> None:
        self._grid = grid
        self._asked = asked
        self._cut: dict[int, BaseGeometry | None] = {}
        self._numbers: dict[tuple[int, ...], int] = {}

    @cached_property
    def _near(self) -> BaseGeometry | None:
        return surroundings(self._grid)

    def ask(self, areas: Iterable[BaseGeometry]) -> int:
        """Ask for the pixels that lie in all areas; returns the number of the question."""
        partial = {id(area): cut for area in areas if (cut := self._cut_once(area)) is not None}
        key = tuple(sorted(partial))
        if key not in self._numbers:
            self._numbers[key] = len(self._asked)
            joint = intersect(partial.values()) if partial else self._near
            self._asked.append(_Asked(self._grid, joint))
        return self._numbers[key]

    def _cut_once(self, area: BaseGeometry) -> BaseGeometry | None:
        """Cut an area to the surroundings of the grid; None if it covers them."""
        if id(area) not in self._cut:
            self._cut[id(area)] = area if self._near is None else _cut(area, self._near)
        return self._cut[id(area)]


def _cut(area: BaseGeometry, box: BaseGeometry) -> BaseGeometry | None:
    return None if shapely.covers(area, box) else cut_to_box(area, box)
