"""The searches of an event's slots, as its recipe asks for them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from floodscan.geometry.footprints import grow_bbox
from floodscan.model import CloudScope, Search, Sensor, TimeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from floodscan.model import Event, Phase, Recipe, SensorRecipe

SCENE_CLASSES = "SCL"
"""Key of the asset with the scene classification of Sentinel-2, which tells clouds from ground."""

_EDGE_DEGREES = 0.1


class Scenes(NamedTuple):
    """What a recipe searches for one sensor, whatever the event.

    Attributes:
        sensor: The sensor.
        collection: STAC collection id.
        assets: Keys of the assets whose hrefs are wanted.
        days: Days to search before and after a phase's date; None searches all time.
        acquired_in: Collection of what was acquired; None if the recipe does not ask for it.
    """

    sensor: Sensor
    collection: str
    assets: tuple[str, ...]
    days: int | None
    acquired_in: str | None = None


def list_scenes(recipe: Recipe) -> list[Scenes]:
    """List what a recipe searches for; the DEM is last."""
    scenes = [
        Scenes(
            sensor=sensor,
            collection=asked.collection,
            assets=_searched_assets(asked),
            days=rules.widest_window_days,
            acquired_in=asked.acquired_in,
        )
        for sensor, rules in recipe.rules.items()
        if sensor is not Sensor.DEM and rules.widest_window_days is not None
        for asked in [rules.asked]
    ]
    dem = recipe.sensors.get(Sensor.DEM)
    return [*scenes, *([Scenes(Sensor.DEM, dem.collection, dem.assets, None)] if dem else [])]


def plan_searches(
    event: Event, scenes: Sequence[Scenes]
) -> list[tuple[Phase | None, date | None, Sensor, Search, Search | None]]:
    """List the slots of each target of an event: phase, date of the phase, sensor and searches."""
    found: list[tuple[Phase | None, date | None, Sensor, Search, Search | None]] = []
    for phase, day in event.phase_dates.items():
        for sensor, collection, assets, days, acquired_in in scenes:
            if days is not None:
                search = Search(collection, event.bbox, _window_around(day, days), assets)
                found.append((phase, day, sensor, *_add_check(search, acquired_in)))
    for sensor, collection, assets, days, _ in scenes:
        if days is None:
            search = Search(collection, event.bbox, None, assets)
            found.append((None, None, sensor, search, None))
    return found


def _add_check(search: Search, acquired_in: str | None) -> tuple[Search, Search | None]:
    """Add the search for what was acquired, if the recipe asks for it.

    The footprints of a scene and of the product that it was made of differ a little at their edges.
    So scenes are searched in a larger box: one that just misses the area is not missing.
    """
    if acquired_in is None:
        return search, None
    wider = grow_bbox(search.bbox, _EDGE_DEGREES)
    return replace(search, bbox=wider), replace(search, collection=acquired_in, assets=())


_window_around = lru_cache(maxsize=1 << 15)(TimeWindow.around)
"""Windows are shared by the events of all lists: there are as many as days."""


def _searched_assets(asked: SensorRecipe) -> tuple[str, ...]:
    """Return the assets whose hrefs are wanted: those of the recipe, and the scene's classes."""
    more = (SCENE_CLASSES,) if asked.cloud is CloudScope.AREA else ()
    return tuple(dict.fromkeys(asked.assets + more))
