"""Scenes of Sentinel-1 that were acquired, and that the collection of a sensor lacks.

Terrain-corrected scenes (``sentinel-1-rtc``) are made of products (``sentinel-1-grd``), each under
the id of its product with ``_rtc`` behind it. A catalog may have a product and not its scene.
Products are never candidates: they only say what the collection lacks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.geometry.footprints import bbox_polygon
from floodscan.model import AcquiredScene, Sensor
from floodscan.selection.candidates import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from floodscan.catalogs.base import Answer
    from floodscan.model import Recipe, Search
    from floodscan.planning.slots import EventPlan, Slot

    Json = dict[str, Any]

_SUFFIX: Final = "_rtc"
_SAME_SCENE: Final = timedelta(seconds=5)  # the next scene of a pass is 25 seconds away
_COLUMNS: Final = (
    *("event_id", "target_id", "item_id", "datetime", "platform", "relative_orbit"),
    *("orbit_state", "polarizations", "overlap_frac"),
)


def is_checked(slot: Slot, answers: Mapping[Search, Answer]) -> bool:
    """Return whether both searches of a slot have a complete answer."""
    return slot.acquired is not None and all(answers[each].complete for each in slot.searches)


def add_acquired(
    plans: Sequence[EventPlan],
    items: pa.Table,
    answers: Sequence[Mapping[Search, Answer]],
    recipe: Recipe,
) -> Sequence[EventPlan]:
    """Add to events the products of which the collection has no scene, in the order of time.

    Products in a window whose searches have no complete answer are left out.

    Args:
        plans: The events.
        items: ITEMS of all answers.
        answers: For each event the answers to its slot searches.
        recipe: The rules; nothing is added if they do not ask for it.
    """
    asked = recipe.sensors.get(Sensor.S1RTC)
    if asked is None or asked.acquired_in is None:
        return plans
    checked = {
        plan.event.event_id: [slot for slot in plan.slots if is_checked(slot, answered)]
        for plan, answered in zip(plans, answers, strict=True)
    }
    slots = [slot for own in checked.values() for slot in own]
    if not slots:
        return plans
    scenes = items.filter(pc.field("collection") == asked.collection)
    lacking = _Lacking(scenes, checked)
    products = items.filter(pc.field("collection") == asked.acquired_in)
    as_scenes = replace(asked, collection=asked.acquired_in, assets=())
    rules = replace(recipe, sensors={Sensor.S1RTC: as_scenes})
    found = _gather(score(products, slots, rules).select(_COLUMNS), lacking)
    return [replace(plan, acquired=found.get(plan.event.event_id, ())) for plan in plans]


class _Lacking:
    """Says whether the collection lacks a scene.

    Only scenes count that the searches of an event find by themselves: merged searches may have
    found more of them.
    """

    def __init__(self, scenes: pa.Table, checked: Mapping[str, Sequence[Slot]]) -> None:
        self._ids = scenes["item_id"].to_pylist()
        self._times = scenes["datetime"].to_pylist()
        self._platforms = scenes["platform"].to_pylist()
        self._of_event = {
            event_id: self._describe(rows, slots)
            for (event_id, slots), rows in zip(
                checked.items(), _find_rows(scenes, checked.values()), strict=True
            )
        }

    def _describe(
        self, rows: Sequence[int], slots: Sequence[Slot]
    ) -> tuple[set[str], list[tuple[str, datetime]]]:
        """Return id, and satellite and time, of the scenes in the windows of some slots."""
        windows = {slot.window for slot in slots if slot.window}
        inside = [
            row
            for row in rows
            if (time := self._times[row]) is None
            or any(window.start <= time <= window.end for window in windows)
        ]
        ids = {self._ids[row].removesuffix(_SUFFIX) for row in inside}
        times = [(_plain(self._platforms[row]), self._times[row]) for row in inside]
        return ids, [(platform, time) for platform, time in times if time is not None]

    def __call__(self, event_id: str, product: Json) -> bool:
        """Return whether no scene has the id of a product, or its satellite and time."""
        ids, times = self._of_event[event_id]
        taken, platform = product["datetime"], _plain(product["platform"])
        return product["item_id"] not in ids and not any(
            platform == other and abs(taken - time) <= _SAME_SCENE for other, time in times
        )


def _plain(platform: str | None) -> str:
    """Return the name of a satellite in one spelling: catalogs write it in both cases."""
    return (platform or "").lower()


def _find_rows(scenes: pa.Table, checked: Iterable[Sequence[Slot]]) -> Iterator[list[int]]:
    """Yield the rows of the scenes that touch the searched box of each event."""
    footprints = shapely.from_wkb(scenes["geometry"].to_numpy())
    extents = shapely.from_wkb(scenes["extent"].to_numpy())
    empty = shapely.is_empty(footprints)
    footprints[empty] = extents[empty]
    tree = shapely.STRtree(footprints)
    for slots in checked:
        box = bbox_polygon(*slots[0].search.bbox) if slots else None
        yield [] if box is None else tree.query(box, predicate="intersects").tolist()


def _gather(rows: pa.Table, lacking: _Lacking) -> dict[str, tuple[AcquiredScene, ...]]:
    """Gather the rows of each product, and leave out those whose scene is there."""
    covering = rows.filter((pc.field("overlap_frac") > 0) & pc.field("datetime").is_valid())
    products: dict[tuple[str, str], tuple[Json, dict[str, float]]] = {}
    for row in covering.to_pylist():
        _, fracs = products.setdefault((row["event_id"], row["item_id"]), (row, {}))
        fracs[row["target_id"]] = row["overlap_frac"]
    found: dict[str, list[AcquiredScene]] = {}
    for (event_id, _), (row, fracs) in products.items():
        if lacking(event_id, row):
            found.setdefault(event_id, []).append(_make_scene(row, fracs))
    return {
        event_id: tuple(sorted(own, key=lambda each: (each.time, each.item_id)))
        for event_id, own in found.items()
    }


def _make_scene(row: Json, fracs: Mapping[str, float]) -> AcquiredScene:
    return AcquiredScene(
        item_id=row["item_id"],
        time=row["datetime"].astimezone(UTC),
        platform=row["platform"],
        relative_orbit=row["relative_orbit"],
        orbit_state=row["orbit_state"],
        polarizations=tuple(row["polarizations"] or ()),
        overlap_frac=fracs,
    )
