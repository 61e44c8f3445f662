"""What was decided of each candidate: its rank, its verdict, and the steps of the ladder that it needed."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from floodscan.schemas import CANDIDATES
from floodscan.selection.attributes import NEVER, levels_by_rule
from floodscan.selection.columns import dense_ranks
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

_UNRANKED = 2**31 - 1
_by_size = attrgetter("size")


class Verdicts:
    """What was decided so far, row by row."""

    def __init__(self, candidates: pa.Table, slots: Indices, facts: CandidateAttributes) -> None:
        self._candidates = candidates
        self._slots = slots
        self._facts = facts
        self._verdicts: list[str] = facts.verdicts.tolist()
        self._rank = [_UNRANKED] * len(slots)
        self._mixed = np.zeros(len(slots), dtype=bool)

    def choose_dem(self, rows: list[int]) -> None:
        """Note that all tiles of the DEM are chosen: what covers most first."""
        overlaps, ids = self._candidates["overlap_frac"].to_numpy(), self._candidates["item_id"]
        order = sorted(rows, key=lambda row: (-overlaps[row], ids[row].as_py()))
        for rank, row in enumerate(order, 1):
            self._rank[row], self._verdicts[row] = rank, Verdict.SELECTED

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
        """Note a slot's choice, and why each other scene was left out that the steps which were taken admit.

        Args:
            scenes: Of the slot.
            options: Passes that might have filled it.
            option: The one that does; None leaves it empty.
            track: The sensor's main track.
            used: Passes in all slots of the sensor.
            area: The target's.
        """
        rank = 0
        for rank, scene in enumerate(cover(option.scenes, area) if option else (), 1):
            self._rank[scene.row], self._verdicts[scene.row] = rank, Verdict.SELECTED
            self._mixed[scene.row] = option is not None and option.track != track
        large = {(other.pass_id, other.track) for other in options}
        reached = NEVER if option is None else option.level
        for scene in scenes:
            if scene.level <= reached and self._verdicts[scene.row] != Verdict.SELECTED:
                wide = (scene.pass_id, scene.track) in large
                self._verdicts[scene.row] = (
                    _reason(scene, option, track, used) if wide else Verdict.COVERS_TOO_LITTLE
                )
        for row in _others(options, option):
            if self._rank[row] == _UNRANKED and self._verdicts[row] == Verdict.ELIGIBLE:
                rank += 1
                self._rank[row] = rank

    def table(self, recipe: Recipe) -> pa.Table:
        """Put it beside the candidates, as ``select_change_detection`` gives them."""
        rank = np.array(self._rank)
        selected = np.array(self._verdicts, dtype=object) == Verdict.SELECTED
        ids = self._candidates["item_id"]
        newer = self._facts.superseded_by
        id_ranks = dense_ranks(ids)
        results = {
            "rank": pa.array(rank, pa.int32(), mask=rank == _UNRANKED),
            "selected": pa.array(selected),
            "verdict": pa.array(self._verdicts, pa.string()),
            "relaxed": _relaxed(self._candidates, selected, self._mixed, recipe),
            "superseded_by": ids.take(pa.array(newer, mask=newer < 0)),
        }
        columns = [results.get(name, self._candidates[name]) for name in CANDIDATES.names]
        order = np.lexsort([id_ranks, rank, self._slots])
        return pa.table(columns, schema=CANDIDATES).take(pa.array(order))


def _reason(scene: Scene, option: PassOption | None, track: int, used: Container[int]) -> str:
    if option is not None and scene.pass_id == option.pass_id and scene.track == option.track:
        return Verdict.REDUNDANT
    if scene.track != track:
        return Verdict.OTHER_TRACK
    if option is not None:
        return Verdict.ELIGIBLE
    return Verdict.USED_IN_OTHER_PHASE if scene.pass_id in used else Verdict.OUT_OF_ORDER


def _others(options: list[PassOption], option: PassOption | None) -> list[int]:
    """List the scenes of the passes that were not chosen: what covers most first, then the least cost."""
    order = sorted(options, key=lambda other: (other.level, -other.size, other.cost, other.key))
    return [
        scene.row
        for other in order
        if other is not option
        for scene in sorted(other.scenes, key=_by_size, reverse=True)
    ]


def _relaxed(
    candidates: pa.Table, selected: NDArray[np.bool_], mixed: NDArray[np.bool_], recipe: Recipe
) -> pa.Array:
    """List the steps of the ladder that each chosen scene needed; null for the others."""
    steps: list[list[str] | None] = [[] if chosen else None for chosen in selected.tolist()]
    sensors = np.array(candidates["sensor"].to_pylist(), dtype=object)
    for sensor, rules in recipe.rules.items():
        rows = np.flatnonzero(selected & (sensors == sensor))
        if not rules.ladder or len(rows) == 0:
            continue
        measures = candidates.select(["datetime", "day_offset", "cloud_cover"]).take(pa.array(rows))
        needed = [levels.tolist() for levels in levels_by_rule(measures, rules).values()]
        for place, row in enumerate(rows.tolist()):
            levels = {level[place] for level in needed}
            if levels == {0} and not mixed[row]:
                continue
            steps[row] = [
                str(step)
                for number, step in enumerate(rules.ladder, 1)
                if number in levels or (step.mixed_track and mixed[row])
            ]
    return pa.array(steps, CANDIDATES.field("relaxed").type)
