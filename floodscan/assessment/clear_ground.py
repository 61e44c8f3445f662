"""The ground of a target that is clear in its chosen optical scenes, and covered by the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

import numpy as np
import shapely

from floodscan.assessment.labels import WarningCode
from floodscan.selection.clearness import (
    KNOWN,
    SHARES_ONLY,
    clear_sets,
    counts_area,
    rank_knowledge,
    reads_area,
)
from floodscan.selection.sample_points import (
    ALL_POINTS,
    N_POINTS,
    covered_points,
    draw_points,
    place_sample_points,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from shapely.geometry.base import BaseGeometry

    from floodscan.model import Recipe
    from floodscan.planning.slots import EventPlan
    from floodscan.planning.targets import Target
    from floodscan.selection.sample_points import SamplePoints

    SlotKey = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class ClearGround:
    """The clear ground of a target's filled slots, in sample points.

    Attributes:
        sample_points: Of the target.
        optical: The filled slots whose clear ground counts.
        mosaics: Points of each filled slot: clear in one of its scenes where clear ground counts,
            else inside a footprint. None if a scene's clear ground is unknown.
        single_scenes: The same for the first scene of each slot, and for all tiles of the DEM.
        unknown: The first scene of unknown clear ground of each slot that has one, and why.
    """

    sample_points: SamplePoints
    optical: tuple[SlotKey, ...]
    mosaics: Mapping[SlotKey, int | None]
    single_scenes: Mapping[SlotKey, int | None]
    unknown: Mapping[SlotKey, str]
    _drawn: dict[int, BaseGeometry] = field(default_factory=dict)

    def frac(self, slot: SlotKey) -> float | None:
        """Return the share of the target that the scenes of an optical slot show clear."""
        points = self.mosaics.get(slot) if slot in self.optical else None
        return None if points is None else points.bit_count() / N_POINTS

    @property
    def joint_frac(self) -> float | None:
        """Share of the target that is clear, or covered, in all filled slots; None if unknown."""
        points = [each for each in self.mosaics.values() if each is not None]
        if not points or len(points) < len(self.mosaics):
            return None
        return reduce(and_, points).bit_count() / N_POINTS

    def list_unknown(self, slots: Iterable[SlotKey]) -> tuple[SlotKey, ...]:
        """Return those of some slots whose clear ground is not known."""
        return tuple(slot for slot in slots if slot in self.unknown)

    def draw(self, slots: Iterable[SlotKey], *, single: bool) -> list[BaseGeometry]:
        """Draw the ground that is clear in each optical one of some slots; none if all of it is."""
        found = self.single_scenes if single else self.mosaics
        sets = [found[slot] for slot in slots if slot in self.optical]
        points = reduce(and_, (each for each in sets if each is not None), ALL_POINTS)
        if points == ALL_POINTS:
            return []
        if points not in self._drawn:
            self._drawn[points] = draw_points(self.sample_points, points)
        return [self._drawn[points]]


def measure_clear_ground(
    plans: Sequence[EventPlan], rows: pa.Table, recipe: Recipe
) -> dict[str, dict[str, ClearGround]]:
    """Measure the clear ground of the targets with a choice, by event id and target id.

    Args:
        plans: The events and their targets.
        rows: The chosen CANDIDATES.
        recipe: The rules; nothing is measured if they count no clear ground.
    """
    if not reads_area(recipe):
        return {}
    targets = {
        (plan.event.event_id, target.target_id): target for plan in plans for target in plan.targets
    }
    of_target: dict[tuple[str, str], list[int]] = {}
    keys = zip(rows["event_id"].to_pylist(), rows["target_id"].to_pylist(), strict=True)
    for row, key in enumerate(keys):
        of_target.setdefault(key, []).append(row)
    scenes = _Scenes(rows, recipe)
    optical = {str(sensor) for sensor, asked in recipe.sensors.items() if counts_area(asked)}
    found: dict[str, dict[str, ClearGround]] = {}
    for (event_id, target_id), own in of_target.items():
        target = targets[event_id, target_id]
        found.setdefault(event_id, {})[target_id] = _measure(target, own, scenes, optical)
    return found


def describe_clear_ground(
    clear: ClearGround, least_frac: float
) -> Iterator[tuple[tuple[str | None, str | None], WarningCode, str]]:
    """Describe what to know about the clear ground of a target's choices.

    Args:
        clear: The clear ground.
        least_frac: Shares below it are described.

    Yields:
        The slot (both None for all slots), the code and the text of a warning.
    """
    for slot, why in clear.unknown.items():
        yield slot, WarningCode.CLEAR_GROUND_UNKNOWN, why
    shown = {slot: clear.frac(slot) for slot in clear.optical}
    shares: list[tuple[tuple[str | None, str | None], float | None, str]] = [
        *((slot, frac, "shows") for slot, frac in shown.items()),
        ((None, None), clear.joint_frac, "all chosen scenes together show"),
    ]
    for slot_or_all, frac, verb in shares:
        if frac is not None and frac < least_frac:
            text = f"{verb} {frac:.1%} of the target clear, less than {least_frac:.0%}"
            yield slot_or_all, WarningCode.LOW_CLEAR_COVERAGE, text


class _Scenes:
    """Columns of the chosen candidates as lists."""

    def __init__(self, rows: pa.Table, recipe: Recipe) -> None:
        self.slot = list(zip(rows["phase"].to_pylist(), rows["sensor"].to_pylist(), strict=True))
        self.footprints = shapely.from_wkb(rows["geometry"].to_numpy())
        self.clear = clear_sets(rows, recipe)
        self.knowledge = rank_knowledge(rows, recipe).tolist()
        self.ids = rows["item_id"].to_pylist()
        self.unread = rows["unread"].to_pylist()

    def explain(self, row: int) -> str:
        """Say why the clear ground of a scene is unknown."""
        if self.knowledge[row] == SHARES_ONLY:
            return f"{self.ids[row]}: only shares of its clear ground are known, and no places"
        return f"{self.ids[row]}: was not read: {self.unread[row] or 'the run had no need to'}"


def _measure(
    target: Target, rows: Sequence[int], scenes: _Scenes, optical: set[str]
) -> ClearGround:
    sample_points = place_sample_points(target)
    inside = covered_points(sample_points, scenes.footprints[np.array(rows)])
    by_slot: dict[SlotKey, list[int | None]] = {}
    unknown: dict[SlotKey, str] = {}
    for row, points in zip(rows, inside, strict=True):
        clear = scenes.clear[row]
        shown = points if clear is None else points & clear
        is_known = scenes.knowledge[row] == KNOWN
        by_slot.setdefault(scenes.slot[row], []).append(shown if is_known else None)
        if not is_known:
            unknown.setdefault(scenes.slot[row], scenes.explain(row))
    return ClearGround(
        sample_points=sample_points,
        optical=tuple(slot for slot in by_slot if slot[1] in optical),
        mosaics={slot: _union(sets) for slot, sets in by_slot.items()},
        single_scenes={
            slot: _union(sets if slot[0] is None else sets[:1]) for slot, sets in by_slot.items()
        },
        unknown=unknown,
    )


def _union(sets: Sequence[int | None]) -> int | None:
    known = [points for points in sets if points is not None]
    return reduce(or_, known) if len(known) == len(sets) else None
