"""From events to questions: the slots to fill, the searches that feed them, and batches of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from floodscan.recipe import Recipe, Sensor, TimeWindow
from floodscan.tiling import Target, plan_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from floodscan.events import Event, Phase
    from floodscan.footprints import BBox


@dataclass(frozen=True, slots=True)
class Slot:
    """What one scene fills (or, of the DEM, several): event × target × phase × sensor.

    Attributes:
        event_id: The event.
        target: The area to cover.
        phase: None for the DEM, which has no date.
        sensor: The kind of scene.
        day: UTC date of the phase; None for the DEM.
        window: When scenes may be from at the utmost, the steps of the recipe's ladder included; None is any time.
    """

    event_id: str
    target: Target
    phase: Phase | None
    sensor: Sensor
    day: date | None
    window: TimeWindow | None


@dataclass(frozen=True, slots=True)
class Search:
    """One question to a catalogue.

    Attributes:
        collection: STAC collection id.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        window: When items may be from; None is any time.
        assets: Asset keys whose hrefs are wanted.
    """

    collection: str
    bbox: BBox
    window: TimeWindow | None
    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventPlan:
    """All that is to be done for one event: its slots, and the search that feeds each of them."""

    event: Event
    targets: tuple[Target, ...]
    slots: tuple[Slot, ...]
    searches: tuple[Search, ...]

    def search_of(self, slot: Slot, recipe: Recipe) -> Search:
        """Tell which of the searches feeds a slot."""
        return _search(self.event, slot, recipe)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are worked on together, and write one part of the candidate table."""

    number: int
    plans: tuple[EventPlan, ...]

    @property
    def searches(self) -> tuple[Search, ...]:
        """All searches of the batch, each once."""
        return tuple(dict.fromkeys(search for plan in self.plans for search in plan.searches))


def plan_event(event: Event, recipe: Recipe) -> EventPlan:
    """Plan one event: slots of the AOI first, then of each tile; phases in order, the DEM last."""
    targets = plan_targets(event, recipe.tile_size_m)
    slots = tuple(slot for target in targets for slot in _plan_slots(event, target, recipe))
    searches = tuple(dict.fromkeys(_search(event, slot, recipe) for slot in slots))
    return EventPlan(event, tuple(targets), slots, searches)


def plan_batches(events: Sequence[Event], recipe: Recipe, *, batch_size: int) -> Iterator[Batch]:
    """Cut events into batches, in their order, one at a time as they are asked for."""
    for number, start in enumerate(range(0, len(events), batch_size)):
        members = events[start : start + batch_size]
        yield Batch(number, tuple(plan_event(event, recipe) for event in members))


def _plan_slots(event: Event, target: Target, recipe: Recipe) -> Iterable[Slot]:
    for phase, day in event.phase_dates.items():
        for sensor in recipe.sensors:
            days = recipe.widest_window_days(sensor)
            if sensor is not Sensor.DEM and days is not None:
                window = TimeWindow.around(day, days)
                yield Slot(event.event_id, target, phase, sensor, day, window)
    if Sensor.DEM in recipe.sensors:
        yield Slot(event.event_id, target, None, Sensor.DEM, None, None)


def _search(event: Event, slot: Slot, recipe: Recipe) -> Search:
    """Ask for the whole AOI: the answer feeds the slots of all its tiles too."""
    asked = recipe.sensors[slot.sensor]
    return Search(asked.collection, event.bbox, slot.window, asked.assets)
