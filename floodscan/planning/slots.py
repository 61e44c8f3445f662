"""From events to slot_searches: batches of neighbours, the slots to fill, and the fewest searches that feed them."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from floodscan.model import Recipe, Search, Sensor, TimeWindow
from floodscan.planning.coalescing import coalesce
from floodscan.planning.targets import Target, plan_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from floodscan.model import Event, Phase
    from floodscan.planning.event_list import EventList, PackedEvent

MIN_BATCH_EVENTS = 32
"""Events of a batch at least, so that a part of the candidate table has thousands of rows.

The last may have fewer.
"""

MAX_BATCH_EVENTS = 80
"""Events of a batch at most."""

PART_EVENTS = 16
"""Events of a batch that are scored in one task."""

_CUT_ONE_IN = 16  # beyond the least size a batch ends at one event of so many


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one scene, or of all DEM tiles: event × target × phase × sensor.

    Attributes:
        event_id: The event.
        target: The area to cover.
        phase: None for the DEM, which has no date.
        sensor: The kind of scene.
        day: UTC date of the phase; None for the DEM.
        search: The search that finds all its candidates. It covers the whole AOI, so that the
            slots of all tiles share it.
    """

    event_id: str
    target: Target
    phase: Phase | None
    sensor: Sensor
    day: date | None
    search: Search

    @property
    def window(self) -> TimeWindow | None:
        """The widest time window, with all steps of the recipe's ladder; None is any time."""
        return self.search.window


@dataclass(frozen=True, slots=True)
class EventPlan:
    """All that is to be done for one event: its slots, and what each of them asks for.

    Attributes:
        event: The event.
        targets: The AOI first, then its tiles.
        slots: What is to be filled.
        searches: The slots' own slot_searches, each once; a batch may put them to the catalog in
            fewer searches.
    """

    event: Event
    targets: tuple[Target, ...]
    slots: tuple[Slot, ...]
    searches: tuple[Search, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are worked on together, and write one part of the candidate table.

    Attributes:
        name: Tells its place on the curve, and by a digest all that can change its answer; names
            its files.
        packed: Neighbours, in order along the curve.
    """

    name: str
    packed: tuple[PackedEvent, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, unpacked."""
        return tuple(pickle.loads(event.content) for event in self.packed)  # noqa: S301 - our own bytes


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """All that is to be done for a batch, or for a part of one.

    Attributes:
        name: The batch's.
        plans: The events.
        merged_searches: For a slot's slot_search the search that is made for it; where there is none, the
            slot_search itself.
        reported_in_earlier_part: Searches that another part, before this one, tells of.
    """

    name: str
    plans: tuple[EventPlan, ...]
    merged_searches: Mapping[Search, Search] = field(default_factory=dict)
    reported_in_earlier_part: frozenset[Search] = frozenset()

    def merged_search_for(self, slot_search: Search) -> Search:
        """Tell which of the searches brings what a slot asks for."""
        return self.merged_searches.get(slot_search, slot_search)

    def searches_for(self, plan: EventPlan) -> tuple[Search, ...]:
        """All searches that one of the events needs, each once."""
        return tuple(dict.fromkeys(map(self.merged_search_for, plan.searches)))

    @property
    def searches(self) -> tuple[Search, ...]:
        """All searches that the events need, each once, in the order of the events."""
        return tuple(
            dict.fromkeys(search for plan in self.plans for search in self.searches_for(plan))
        )

    def parts(self, n_events: int = PART_EVENTS) -> Iterator[BatchPlan]:
        """Cut it into parts of some events, each of which can be scored by itself."""
        told: set[Search] = set()
        for start in range(0, len(self.plans), n_events):
            part = replace(
                self,
                plans=self.plans[start : start + n_events],
                reported_in_earlier_part=frozenset(told),
            )
            searches = part.searches
            own = {slot_search for plan in part.plans for slot_search in plan.searches}
            merged_searches = {
                slot_search: merged
                for slot_search, merged in self.merged_searches.items()
                if slot_search in own
            }
            yield replace(
                part,
                merged_searches=merged_searches,
                reported_in_earlier_part=part.reported_in_earlier_part.intersection(searches),
            )
            told.update(searches)


def plan_event(event: Event, recipe: Recipe) -> EventPlan:
    """Plan one event: slots of the AOI first, then of each tile; phases in order, the DEM last."""
    targets = plan_targets(event, recipe.tile_size_m)
    kinds = list(_plan_searches(event, recipe))
    slots = tuple(
        Slot(event.event_id, target, phase, sensor, day, search)
        for target in targets
        for phase, day, sensor, search in kinds
    )
    searches = tuple(dict.fromkeys(slot.search for slot in slots))
    return EventPlan(event, tuple(targets), slots, searches)


def cut_batches(events: EventList, *, run_id: str) -> Iterator[Batch]:
    """Cut events into batches of neighbours.

    Where a batch ends is told by the events around it, not by counting from the first: an event
    that is added changes the batch that it falls into, and now and then the next, and no others.

    Args:
        events: All of the run.
        run_id: Digest of what all batches hang on: recipe, catalog and version.
    """
    members: list[PackedEvent] = []
    for event in events.in_order():
        members.append(event)
        enough = (
            len(members) >= MIN_BATCH_EVENTS and int.from_bytes(event.digest[:4]) % _CUT_ONE_IN == 0
        )
        if enough or len(members) == MAX_BATCH_EVENTS:
            yield _close(members, run_id)
            members = []
    if members:
        yield _close(members, run_id)


def plan_batch(batch: Batch, recipe: Recipe) -> BatchPlan:
    """Plan the slots and the searches of a batch."""
    plans = tuple(plan_event(event, recipe) for event in batch.events)
    return BatchPlan(batch.name, plans, plan_searches(plans, recipe))


def plan_searches(plans: Sequence[EventPlan], recipe: Recipe) -> dict[Search, Search]:
    """Find the fewest searches that are worth making for the slot_searches of events.

    Returns:
        For each slot_search the search that is to be made.
    """
    merged_searches: dict[Search, Search] = {}
    if recipe.searches.request_items == 0:
        return merged_searches
    for sensor in recipe.sensors:
        slot_searches = [
            slot.search for plan in plans for slot in plan.slots if slot.sensor is sensor
        ]
        merged_searches |= coalesce(slot_searches, sensor=sensor, prices=recipe.searches)
    return merged_searches


def _close(members: Sequence[PackedEvent], run_id: str) -> Batch:
    digest = hashlib.sha256(
        b"".join([run_id.encode(), *(event.digest for event in members)])
    ).hexdigest()
    return Batch(f"{members[0].place[0]:06x}-{digest[:16]}", tuple(members))


def _plan_searches(
    event: Event, recipe: Recipe
) -> Iterator[tuple[Phase | None, date | None, Sensor, Search]]:
    """List phase, its date, sensor and search of the slots that each target of an event has."""
    for phase, day in event.phase_dates.items():
        for sensor, rules in recipe.rules.items():
            asked, days = rules.asked, rules.widest_window_days
            if sensor is not Sensor.DEM and days is not None:
                window = TimeWindow.around(day, days)
                yield phase, day, sensor, Search(asked.collection, event.bbox, window, asked.assets)
    if dem := recipe.sensors.get(Sensor.DEM):
        yield None, None, Sensor.DEM, Search(dem.collection, event.bbox, None, dem.assets)
