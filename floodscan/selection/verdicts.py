"""Ranks, verdicts and ladder steps that policy ``change-detection`` gives to candidates."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from floodscan.schemas import CANDIDATES
from floodscan.selection.attributes import NEVER, levels_by_rule
from floodscan.selection.clearness import CLOUD_COLUMNS
from floodscan.selection.columns import dense_ranks, is_value
from floodscan.selection.labels import Verdict
from floodscan.selection.mosaics import cover

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.model import Recipe
    from floodscan.selection.attributes import CandidateAttributes
    from floodscan.selection.mosaics import PassOption, Scene

    Indices = NDArray[np.int64]

_LAST = np.iinfo(np.int32).max
_by_size = attrgetter("size")


class Verdicts:
    """The ranks and verdicts of a table's candidates, row by row."""

    def __init__(
        self, candidates: pa.Table, slots: Indices, attributes: CandidateAttributes
    ) -> None:
        self._candidates = candidates
        self._slots = slots
        self._superseded_by = attributes.superseded_by
        self._verdicts: list[str] = attributes.verdicts.tolist()
        self._ranks: list[int | None] = [None] * len(slots)
        self._off_track = np.zeros(len(slots), dtype=bool)
        self._coverage_levels = np.zeros(len(slots), dtype=np.int64)

    def choose_dem(self, scenes: Sequence[Scene]) -> None:
        """Note that all tiles of the DEM are chosen, the tile that covers the most first."""
        order = sorted(scenes, key=lambda scene: (-scene.overlap, scene.item_id))
        for rank, scene in enumerate(order, 1):
            self._ranks[scene.row], self._verdicts[scene.row] = rank, Verdict.SELECTED

    def choose(
        self,
        scenes: Sequence[Scene],
        options: list[PassOption],
        option: PassOption | None,
        *,
        track: int,
        used: Container[int],
        area: BaseGeometry,
    ) -> None:
        """Note the choice of a slot, and why its other scenes were not chosen.

        Args:
            scenes: Of the slot.
            options: Options of the slot.
            option: The chosen one; None leaves the slot empty.
            track: The sensor's main track.
            used: Passes that fill slots of the sensor.
            area: The target's area.
        """
        rank = 0
        for rank, scene in enumerate(cover(option.scenes, area) if option else (), 1):
            self._ranks[scene.row], self._verdicts[scene.row] = rank, Verdict.SELECTED
            self._off_track[scene.row] = option is not None and option.track != track
            self._coverage_levels[scene.row] = 0 if option is None else option.coverage_level
        reached = NEVER if option is None else option.level
        optional = {
            scene.row for other in options if other.level <= reached for scene in other.scenes
        }
        for scene in scenes:
            if scene.level <= reached and self._verdicts[scene.row] != Verdict.SELECTED:
                self._verdicts[scene.row] = (
                    _explain(scene, option, track, used)
                    if scene.row in optional
                    else Verdict.COVERS_TOO_LITTLE
                )
        for row in _rank_others(options, option):
            if self._ranks[row] is None and self._verdicts[row] == Verdict.ELIGIBLE:
                rank += 1
                self._ranks[row] = rank

    def table(self, recipe: Recipe) -> pa.Table:
        """Return the candidates with all that was noted, as ``select_change_detection`` does."""
        ranks = pa.array(self._ranks, pa.int32())
        verdicts = pa.array(self._verdicts, pa.string())
        selected = is_value(verdicts, Verdict.SELECTED)
        ids = self._candidates["item_id"]
        newer = self._superseded_by
        results = {
            "rank": ranks,
            "selected": pa.array(selected),
            "verdict": verdicts,
            "relaxed": self._list_steps(selected, recipe),
            "superseded_by": ids.take(pa.array(newer, mask=newer < 0)),
        }
        columns = [results.get(name, self._candidates[name]) for name in CANDIDATES.names]
        order = np.lexsort([dense_ranks(ids), np.asarray(ranks.fill_null(_LAST)), self._slots])
        return pa.table(columns, schema=CANDIDATES).take(pa.array(order))

    def _list_steps(self, selected: NDArray[np.bool_], recipe: Recipe) -> pa.Array:
        """List the ladder steps that each chosen scene needs; null for the scenes not chosen."""
        steps: list[list[str] | None] = [[] if chosen else None for chosen in selected.tolist()]
        for sensor, rules in recipe.rules.items():
            rows = np.flatnonzero(selected & is_value(self._candidates["sensor"], sensor))
            if not rules.ladder or len(rows) == 0:
                continue
            measures = self._candidates.select(["datetime", "day_offset", *CLOUD_COLUMNS])
            by_rule = levels_by_rule(measures.take(pa.array(rows)), rules)
            needed = np.array([*by_rule.values(), self._coverage_levels[rows]])
            off_track = self._off_track[rows]
            names = [str(step) for step in rules.ladder]
            relaxed = needed.any(axis=0) | off_track
            for row, levels in zip(rows[relaxed].tolist(), needed.T[relaxed].tolist(), strict=True):
                steps[row] = [
                    names[level - 1]
                    for level, step in enumerate(rules.ladder, 1)
                    if level in levels or (step.mixed_track and self._off_track[row])
                ]
        return pa.array(steps, CANDIDATES.field("relaxed").type)


def _explain(scene: Scene, option: PassOption | None, track: int, used: Container[int]) -> Verdict:
    """Return why a scene was not chosen for a slot that was filled by an option, or by none."""
    if option is not None and scene in option.scenes:
        return Verdict.REDUNDANT
    if scene.track != track:
        return Verdict.OTHER_TRACK
    if option is not None:
        return Verdict.ELIGIBLE
    return Verdict.USED_IN_OTHER_PHASE if scene.pass_id in used else Verdict.OUT_OF_ORDER


def _rank_others(options: list[PassOption], option: PassOption | None) -> list[int]:
    """List the rows of the options that were not chosen, the best option first.

    The best leaves the least unknown of its clear ground, then needs the fewest steps, then covers
    the most points, then costs the least.
    """
    order = sorted(
        options,
        key=lambda other: (other.unknown, other.level, -other.size, other.cost, other.key),
    )
    return [
        scene.row
        for other in order
        if other is not option
        for scene in sorted(other.scenes, key=_by_size, reverse=True)
    ]
