"""Which scenes are read, and for which rows of CANDIDATES."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from shapely import wkb

from floodscan.clearsky.base import Scene
from floodscan.planning.slot_searches import SCENE_CLASSES
from floodscan.selection.clearness import counts_area
from floodscan.selection.labels import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Recipe

    Json = dict[str, Any]
    SceneKey = tuple[str, str]  # collection and item id
    TargetKey = tuple[str, str]  # event id and target id

_NAMES = ["event_id", "target_id", "collection", "item_id", "days_from_phase"]
_SCENE = ["collection", "item_id", "proj_epsg", "proj_bbox", "assets", "geometry"]


@dataclass(frozen=True, slots=True)
class WantedScene:
    """A scene that is read once for all rows that need it.

    Attributes:
        scene: The scene.
        rows: Number of each row that could be chosen, and the target that it is for.
    """

    scene: Scene
    rows: list[tuple[int, TargetKey]] = field(default_factory=list)

    @property
    def targets(self) -> list[TargetKey]:
        """The targets, each once."""
        return list(dict.fromkeys(target for _, target in self.rows))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The scenes to read.

    Attributes:
        scenes: The scenes, in the order of collection and id.
        skipped: Rows of scenes that are left out because their event has too many.
    """

    scenes: Sequence[WantedScene]
    skipped: Sequence[int]


def find_wanted(candidates: pa.Table, recipe: Recipe, max_scenes: int) -> Wanted:
    """Find the scenes to read: those that could still be chosen.

    The scenes of an event that are nearest to the date of a phase come first.

    Args:
        candidates: CANDIDATES as they are scored.
        recipe: The rules.
        max_scenes: Most scenes of one event.
    """
    numbers = np.flatnonzero(_could_be_chosen(candidates, recipe))
    rows = candidates.select(_NAMES).take(pa.array(numbers)).to_pylist()
    kept = _nearest_scenes(rows, max_scenes)
    found: dict[SceneKey, WantedScene] = {}
    skipped: list[int] = []
    for number, row in zip(numbers.tolist(), rows, strict=True):
        key = (row["collection"], row["item_id"])
        if key not in kept[row["event_id"]]:
            skipped.append(number)
            continue
        if key not in found:
            (described,) = candidates.select(_SCENE).slice(number, 1).to_pylist()
            found[key] = WantedScene(_describe(described))
        found[key].rows.append((number, (row["event_id"], row["target_id"])))
    return Wanted([found[key] for key in sorted(found)], skipped)


def _could_be_chosen(candidates: pa.Table, recipe: Recipe) -> NDArray[np.bool_]:
    """True for rows that some clouds over the area would let be chosen, shape (n,).

    The cloud cover of the whole scene does not count: the area may be clear.
    """
    verdicts = [Verdict.ELIGIBLE, Verdict.TOO_CLOUDY]
    if any(rules.ladder for rules in recipe.rules.values()):
        verdicts.append(Verdict.OUTSIDE_WINDOW)
    sensors = [sensor for sensor, asked in recipe.sensors.items() if counts_area(asked)]
    possible = pc.and_(
        pc.is_in(candidates["verdict"], pa.array(verdicts, pa.string())),
        pc.is_in(candidates["sensor"], pa.array(sensors, pa.string())),
    )
    wanted: NDArray[np.bool_] = np.asarray(possible) & (candidates["overlap_frac"].to_numpy() > 0)
    return wanted


def _nearest_scenes(rows: Iterable[Json], max_scenes: int) -> dict[str, frozenset[SceneKey]]:
    """Find the scenes of each event that are nearest in days to the date of any phase."""
    days: dict[str, dict[SceneKey, int]] = {}
    for row in rows:
        of_event = days.setdefault(row["event_id"], {})
        key, distance = (row["collection"], row["item_id"]), row["days_from_phase"]
        of_event[key] = min(of_event.get(key, distance), distance)
    return {
        event_id: frozenset(sorted(of_event, key=lambda key: (of_event[key], key))[:max_scenes])
        for event_id, of_event in days.items()
    }


def _describe(row: Json) -> Scene:
    bounds = row["proj_bbox"]
    hrefs = dict(row["assets"] or ())
    return Scene(
        collection=row["collection"],
        item_id=row["item_id"],
        href=hrefs.get(SCENE_CLASSES),
        epsg=row["proj_epsg"],
        bounds=tuple(bounds) if bounds else None,
        footprint=wkb.loads(row["geometry"]),
    )
