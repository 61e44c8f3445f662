"""What a generated archive holds: its area, its time, and how many items in which of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from floodscan.testing.acquisitions import (
    find_frames,
    find_scenes,
    find_tile_passes,
    frame_grid,
)
from floodscan.testing.land import land_cells
from floodscan.testing.synthetic import dem_cells_near
from floodscan.testing.tile_grids import tile_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from floodscan.testing.acquisitions import Frames, ScenePlaces, Scenes
    from floodscan.testing.land import Cell
    from floodscan.testing.synthetic import Box

    Integers = NDArray[np.int64]

_SOUTHERNMOST = -60  # Antarctica has half of the passes and no floods
_MOMENT = timedelta(microseconds=1)
_DECEMBER = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Area, time and size of a generated archive.

    Attributes:
        start: Earliest start of an item.
        end: Items begin before it; None goes on until there are enough items.
        n_items: Most Sentinel-1 and Sentinel-2 items, the earliest ones; None is all until the end.
        boxes: Area; by default all land but Antarctica.
        from_first: False for items as if all satellites had always flown.
        seed: Another seed draws other clouds and polarisations.
    """

    start: datetime
    end: datetime | None = None
    n_items: int | None = None
    boxes: tuple[Box, ...] = ()
    from_first: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse an extent without an end."""
        if self.end is None and self.n_items is None:
            raise ValueError("an archive needs an end or a number of items")

    def find_frames(self, places: Integers, start: datetime, end: datetime) -> Frames:
        """Find the frames that begin in a part of the time, before its end."""
        last = end - _MOMENT
        return find_frames(places, start, last, from_first=self.from_first, seed=self.seed)

    def find_scenes(self, places: ScenePlaces, start: datetime, end: datetime) -> Scenes:
        """Find the scenes that begin in a part of the time, before its end."""
        last = end - _MOMENT
        return find_scenes(places, start, last, from_first=self.from_first, seed=self.seed)

    def frame_numbers(self) -> Integers:
        """List the frames of the grid that touch the area, shape (p,)."""
        found = frame_grid().tree.query(self._shapes(), "intersects")[1]
        return np.unique(found).astype(np.int64)

    def tile_numbers(self) -> Integers:
        """List the tiles of the grid that touch the area, shape (t,)."""
        found = tile_grid().tree.query(self._shapes(), "intersects")[1]
        return np.unique(found).astype(np.int64)

    def dem_cells(self) -> list[Cell]:
        """List the DEM tiles of the area, those of a box with the ones around it."""
        return sorted(dem_cells_near(self.boxes) if self.boxes else _wanted_land())

    def _shapes(self) -> NDArray[np.object_]:
        if self.boxes:
            return np.asarray(shapely.box(*np.array(self.boxes).T))
        lats, lons = np.array(_wanted_land()).T
        return np.asarray(shapely.box(lons, lats, lons + 1, lats + 1))


class Part(NamedTuple):
    """A month of an archive, or what the extent leaves of it.

    Attributes:
        number: Number of the part, from 0.
        start: Earliest start of an item.
        end: Items begin before it.
        n_frames: Number of Sentinel-1 items, the earliest ones.
        n_scenes: Number of Sentinel-2 items, the earliest ones.
    """

    number: int
    start: datetime
    end: datetime
    n_frames: int
    n_scenes: int


def plan_parts(extent: Extent, frames: Integers, places: ScenePlaces) -> list[Part]:
    """Cut the extent into months, and find the number of items of each.

    Args:
        extent: The whole archive.
        frames: Numbers in the grid of frames, shape (p,).
        places: Tiles and orbits.

    Returns:
        The parts in order of time; months before the first satellite have no items.
    """
    parts: list[Part] = []
    wanted = np.inf if extent.n_items is None else extent.n_items
    for start, end in _months(extent.start, extent.end):
        frame_starts = np.sort(extent.find_frames(frames, start, end).start)
        passes = find_tile_passes(places, start, end - _MOMENT, from_first=extent.from_first)
        counts = _count_first(frame_starts, np.sort(passes.start), wanted)
        parts.append(Part(len(parts), start, end, *counts))
        wanted -= sum(counts)
        if wanted <= 0:
            break
    return parts


def _count_first(frames: Integers, scenes: Integers, wanted: float) -> tuple[int, int]:
    """Count the earliest items of two sorted lists of starts; a frame is before a scene."""
    if len(frames) + len(scenes) <= wanted:
        return len(frames), len(scenes)
    both = np.concatenate([frames, scenes])
    chosen = np.argsort(both, kind="stable")[: int(wanted)]
    n_frames = int(np.count_nonzero(chosen < len(frames)))
    return n_frames, len(chosen) - n_frames


def _months(start: datetime, end: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """Cut a time at the first day of each month; without an end it goes on."""
    while end is None or start < end:
        year, month = divmod(12 * start.year + start.month, _DECEMBER)
        following = datetime(year, month + 1, 1, tzinfo=UTC)
        yield start, following if end is None else min(following, end)
        start = following


def _wanted_land() -> list[Cell]:
    return sorted(cell for cell in land_cells() if cell[0] >= _SOUTHERNMOST)
