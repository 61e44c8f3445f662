"""Plan events: their slots, the searches for these, and batches of neighbouring events."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from floodscan.planning.coalescing import coalesce_each, enclose
from floodscan.planning.event_list import unpack_events
from floodscan.planning.garbage import garbage_collector_off
from floodscan.planning.slot_searches import list_scenes, plan_searches
from floodscan.planning.targets import Target, plan_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from floodscan.model import (
        AcquiredScene,
        Decision,
        Event,
        Phase,
        Recipe,
        Search,
        Sensor,
        TimeWindow,
    )
    from floodscan.planning.event_list import EventList, PackedEvent
    from floodscan.planning.slot_searches import Scenes

    Joins = Callable[[Search], bool]
    FindApi = Callable[[Search], str | None]

MIN_BATCH_EVENTS = 32
"""Minimum number of events in a batch; the last batch of a run may have fewer.

Each batch writes one file of candidates, which then has thousands of rows.
"""

MAX_BATCH_EVENTS = 80
"""Maximum number of events in a batch."""

PART_EVENTS = 16
"""Events of a batch that one task scores."""

SEARCHES_PER_TASK = 16
"""Searches of a batch that one task makes, at the same time."""

LOT_EVENTS = 32_768
"""Minimum number of events in a lot: its batches are joined with an archive at once."""

SMALL_LOT = 0.25
"""A remainder of at most this share of a lot is added to the lot before it."""

_BATCHES_AT_ONCE = 32
_CUT_ONE_IN = 16  # beyond the minimum size, one event in so many ends its batch


def _of_no_api(search: Search) -> None:
    del search


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
        acquired: The search that finds what was acquired in the same window; None if the recipe
            does not ask for it.
    """

    event_id: str
    target: Target
    phase: Phase | None
    sensor: Sensor
    day: date | None
    search: Search
    acquired: Search | None = None

    @property
    def searches(self) -> tuple[Search, ...]:
        """Both searches, or the only one."""
        return (self.search,) if self.acquired is None else (self.search, self.acquired)

    @property
    def window(self) -> TimeWindow | None:
        """The widest time window, with all steps of the recipe's ladder; None is any time."""
        return self.search.window

    @property
    def key(self) -> tuple[str | None, str]:
        """Phase and sensor, as tables have them."""
        return self.phase and str(self.phase), str(self.sensor)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """The slots and searches of one event.

    Attributes:
        event: The event.
        targets: The AOI first, then its tiles.
        slots: The slots to fill.
        searches: The slot searches, each once. A batch may merge them into fewer searches.
        decision: A person's decision about the scenes; None leaves them to the policy.
        acquired: Products over the event of which the collection has no scene, as the searches
            found them.
    """

    event: Event
    targets: tuple[Target, ...]
    slots: tuple[Slot, ...]
    searches: tuple[Search, ...]
    decision: Decision | None = None
    acquired: tuple[AcquiredScene, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are processed together, and write one file of candidates.

    Attributes:
        name: Name of its files: its place on the curve, and a digest of everything that can change
            its results.
        packed: Neighbouring events, in order along the curve.
    """

    name: str
    packed: tuple[PackedEvent, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, unpacked."""
        return tuple(unpack_events(self.packed))


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The plan of a batch, or of a part of a batch.

    Attributes:
        name: Name of the batch.
        plans: The events.
        merged_searches: The merged search that replaces a slot search. A slot search that is not
            in it is sent as it is.
        reported_in_earlier_part: Searches already reported by an earlier part.
    """

    name: str
    plans: tuple[EventPlan, ...]
    merged_searches: Mapping[Search, Search] = field(default_factory=dict)
    reported_in_earlier_part: frozenset[Search] = frozenset()

    def merged_search_for(self, slot_search: Search) -> Search:
        """Return the search that is sent for a slot search."""
        return self.merged_searches.get(slot_search, slot_search)

    def searches_for(self, plan: EventPlan) -> tuple[Search, ...]:
        """Return the searches that are sent for one of the events, each once."""
        return tuple(dict.fromkeys(map(self.merged_search_for, plan.searches)))

    @property
    def searches(self) -> tuple[Search, ...]:
        """The searches that are sent for the events, each once, in the order of the events."""
        return tuple(
            dict.fromkeys(search for plan in self.plans for search in self.searches_for(plan))
        )

    def parts(self, n_events: int = PART_EVENTS) -> Iterator[BatchPlan]:
        """Cut the batch into parts that can be scored independently."""
        reported: set[Search] = set()
        for start in range(0, len(self.plans), n_events):
            part = self._part(self.plans[start : start + n_events])
            searches = part.searches
            yield replace(part, reported_in_earlier_part=frozenset(reported.intersection(searches)))
            reported.update(searches)

    def _part(self, plans: tuple[EventPlan, ...]) -> BatchPlan:
        own = {slot_search for plan in plans for slot_search in plan.searches}
        merged_searches = {
            slot_search: merged
            for slot_search, merged in self.merged_searches.items()
            if slot_search in own
        }
        return BatchPlan(self.name, plans, merged_searches)


def plan_event(event: Event, recipe: Recipe, decision: Decision | None = None) -> EventPlan:
    """Plan one event.

    The slots of the AOI are first, then the slots of each tile; the phases are in order, and the
    DEM is last.
    """
    return _plan_event(event, recipe, list_scenes(recipe), decision)


def cut_batches(events: EventList, *, run_id: str) -> Iterator[Batch]:
    """Cut events into batches of neighbours.

    A batch ends at an event with a certain digest, not at a certain number of events. So an event
    that is added to a run changes its own batch, and sometimes the next one, but no other batch:
    their results stay valid.

    Args:
        events: All events of the run.
        run_id: Digest of everything that changes all results: recipe, catalog and version.
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


def plan_batch(
    batch: Batch, recipe: Recipe, *, joins: Joins | None = None, find_api: FindApi = _of_no_api
) -> BatchPlan:
    """Plan the slots and the searches of a batch.

    Args:
        batch: The batch.
        recipe: The rules.
        joins: Whether a slot search is joined with an archive instead of sent; None sends all.
        find_api: Returns the location of the API that answers a slot search; searches of one API
            may be merged whatever their collections are. None if no API answers it.
    """
    (plan,) = plan_batches([batch], recipe, joins=joins, find_api=find_api)
    return plan


def plan_batches(
    batches: Iterable[Batch],
    recipe: Recipe,
    *,
    joins: Joins | None = None,
    find_api: FindApi = _of_no_api,
) -> Iterator[BatchPlan]:
    """Plan batches as ``plan_batch`` does, some at once, which takes less time."""
    remaining = iter(batches)
    while lot := list(islice(remaining, _BATCHES_AT_ONCE)):
        with garbage_collector_off():
            plans = deque(_plan_lot(lot, recipe, joins, find_api))
        while plans:  # each is freed when it is used: the collector then has little to walk through
            yield plans.popleft()


def _plan_lot(
    lot: Sequence[Batch], recipe: Recipe, joins: Joins | None, find_api: FindApi
) -> list[BatchPlan]:
    scenes = list_scenes(recipe)
    plans = [tuple(_plan_event(event, recipe, scenes) for event in batch.events) for batch in lot]
    joined = [_join_searches(each, joins) for each in plans]
    merged = _merge_searches(plans, recipe, joined, find_api)
    return [
        BatchPlan(batch.name, each, own_joined | own_merged)
        for batch, each, own_joined, own_merged in zip(lot, plans, joined, merged, strict=True)
    ]


def narrow_plan(
    plan: BatchPlan, plans: Sequence[EventPlan], recipe: Recipe, *, find_api: FindApi = _of_no_api
) -> BatchPlan:
    """Return the plan of a batch for some of its events.

    Joined searches stay as they are, because the join has been made.
    """
    joined = {search: each for search, each in plan.merged_searches.items() if each.joined}
    (merged,) = _merge_searches([plans], recipe, [joined], find_api)
    return replace(plan, plans=tuple(plans), merged_searches=joined | merged)


def _join_searches(plans: Sequence[EventPlan], joins: Joins | None) -> dict[Search, Search]:
    """Let one joined search stand for the slot searches of a part, in each collection."""
    joined: dict[Search, Search] = {}
    if joins is None:
        return joined
    for start in range(0, len(plans), PART_EVENTS):
        kinds: dict[tuple[str, tuple[str, ...]], list[Search]] = {}
        for plan in plans[start : start + PART_EVENTS]:
            for search in plan.searches:
                if joins(search) and search not in joined:
                    kinds.setdefault((search.collection, search.assets), []).append(search)
        for found in kinds.values():
            joined |= dict.fromkeys(found, enclose(found))
    return joined


def _merge_searches(
    batches: Sequence[Sequence[EventPlan]],
    recipe: Recipe,
    joined: Sequence[Mapping[Search, Search]],
    find_api: FindApi,
) -> list[dict[Search, Search]]:
    """Merge the slot searches of each batch that are not joined, where that saves requests.

    Returns:
        For each slot search of a batch the search to send.
    """
    if recipe.searches.request_items == 0:
        return [{} for _ in batches]
    collections = recipe.collections
    if len(set(collections)) < len(collections):  # an answer would mix the assets of two sensors
        find_api = _of_no_api
    slot_searches = list(map(_list_unjoined, batches, joined))
    return coalesce_each(slot_searches, prices=recipe.searches, find_api=find_api)


def _list_unjoined(
    plans: Sequence[EventPlan], joined: Mapping[Search, Search]
) -> dict[Sensor, list[Search]]:
    """List the slot searches of each sensor that are not joined."""
    slot_searches: dict[Sensor, list[Search]] = {}
    for plan in plans:
        for slot in plan.slots:
            slot_searches.setdefault(slot.sensor, []).extend(slot.searches)
    if not joined:
        return slot_searches
    return {
        sensor: [search for search in found if search not in joined]
        for sensor, found in slot_searches.items()
    }


def _close(members: Sequence[PackedEvent], run_id: str) -> Batch:
    digest = hashlib.sha256(
        b"".join([run_id.encode(), *(event.digest for event in members)])
    ).hexdigest()
    return Batch(f"{members[0].place[0]:06x}-{digest[:16]}", tuple(members))


def _plan_event(
    event: Event, recipe: Recipe, scenes: Sequence[Scenes], decision: Decision | None = None
) -> EventPlan:
    targets = plan_targets(event, recipe.tile_size_m)
    kinds = plan_searches(event, scenes)
    slots = [
        Slot(event.event_id, target, phase, sensor, day, search, acquired)
        for target in targets
        for phase, day, sensor, search, acquired in kinds
    ]
    asked = [search for *_, own, acquired in kinds for search in (own, acquired) if search]
    return EventPlan(event, tuple(targets), tuple(slots), tuple(dict.fromkeys(asked)), decision)
