"""Frames, scenes and DEM tiles as rows of stac-geoparquet, as many as are wanted at once.

The rows are those that ``stac_items`` makes of the same frames, scenes and cells.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import shapely
from stac_geoparquet.arrow import parse_stac_items_to_arrow

from floodscan.testing.acquisitions import (
    BASELINE,
    FRAME_DURATION,
    PROCESSING_DELAY,
    SENTINEL_1_NAMES,
    SENTINEL_2_NAMES,
    Frames,
    Scenes,
    are_ascending,
    frame_grid,
    moment,
)
from floodscan.testing.item_rows import Places, Spelling, make_places, make_rows, parse_columns
from floodscan.testing.orbits import to_microseconds
from floodscan.testing.stac_items import (
    SENTINEL_1_DESIGNATORS,
    Item,
    Sentinel1Frame,
    Sentinel2Scene,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
    spell_utc,
)
from floodscan.testing.tile_grids import tile_grid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from floodscan.testing.acquisitions import ScenePlaces
    from floodscan.testing.land import Cell

    Integers = NDArray[np.int64]

# No text of an item has one of these values but for the pass that it is made of.
_SAMPLE_START: Final = datetime(1987, 11, 23, 19, 46, 38, 517000, UTC)
_SAMPLE_MICROSECONDS: Final = to_microseconds(_SAMPLE_START - datetime(1970, 1, 1, tzinfo=UTC))
_SAMPLE_ORBIT, _SAMPLE_RELATIVE_ORBIT, _SAMPLE_DATATAKE = 987_654, 977, 0xABCDEF
_SAMPLE_TILE = "47XML"
SEEN_COLUMNS: Final = ("geometry", "bbox", "sat:relative_orbit", "s2:nodata_pixel_percentage")
"""The columns that depend on the tile and the orbit."""

_NONE = np.empty(0, np.int64)
_S2_PLATFORMS = (*SENTINEL_2_NAMES, "S2Q")


class TilePlaces(NamedTuple):
    """What scenes have in common.

    Attributes:
        tiles: A row for each tile.
        tile_of: Number of the row of the tile, for each tile and orbit.
        seen: The columns of ``SEEN_COLUMNS``, a row for each tile and orbit.
    """

    tiles: Places
    tile_of: Integers
    seen: pa.Table


def scene_rows(scenes: Scenes, where: ScenePlaces, places: TilePlaces) -> pa.Table:
    """Make the ``sentinel-2-l2a`` rows of scenes, shape (n,).

    Args:
        scenes: The scenes.
        where: Their tiles and orbits.
        places: What ``make_tile_places`` made of these.
    """
    seen = places.seen.take(pa.array(scenes.place))
    columns = {name: seen[name] for name in SEEN_COLUMNS}
    return make_rows(
        places.tiles,
        places.tile_of[scenes.place],
        spellings=_scene_spellings(scenes, where),
        columns={**columns, "datetime": scenes.start, "eo:cloud_cover": scenes.cloud_cover},
    )


def make_tile_places(where: ScenePlaces) -> tuple[Integers, TilePlaces]:
    """Make what the scenes of a tile, and those of a tile and an orbit, have in common.

    Returns:
        The numbers of the places at which the orbit sees the tile, and these places.
    """
    names = tile_grid().names
    made = [
        sentinel_2_item(_sample_scene(names[tile], orbit, swath))
        for tile, orbit, swath in zip(*(values.tolist() for values in where), strict=True)
    ]
    seen = np.flatnonzero([item is not None for item in made])
    items = [item for item in made if item]
    _, firsts, tile_of = np.unique(where.tile[seen], return_index=True, return_inverse=True)
    sample = _sample_scene(_SAMPLE_TILE, _SAMPLE_RELATIVE_ORBIT, None)
    samples = [item for item in [sentinel_2_item(sample)] if item]
    none = Scenes(_NONE, _NONE, _NONE, _NONE, np.empty(0))
    tiles = make_places(samples, [items[i] for i in firsts], _scene_spellings(none, where))
    return seen, TilePlaces(tiles, tile_of, parse_columns(items, SEEN_COLUMNS))


def frame_rows(frames: Frames, numbers: Integers, places: Places) -> pa.Table:
    """Make the ``sentinel-1-rtc`` rows of frames, shape (n,).

    Args:
        frames: The frames.
        numbers: Sorted numbers in the grid of frames, of which the places were made.
        places: What ``make_frame_places`` made of these.
    """
    kinds, order = [], []
    for is_single in (False, True):
        here = np.flatnonzero(frames.is_single == is_single)
        few = frames.take(here)
        order.append(here)
        kinds.append(
            make_rows(
                places,
                2 * np.searchsorted(numbers, few.place) + is_single,
                sample=int(is_single),
                spellings=_frame_spellings(few),
                columns=_frame_columns(few),
            )
        )
    return pa.concat_tables(kinds).take(pa.array(np.argsort(np.concatenate(order))))


def make_frame_places(numbers: Integers) -> Places:
    """Make what the frames at places of the grid have in common.

    Each place has two rows: for frames with two polarisations, and for those with a single one.
    """
    grid = frame_grid()
    made = [
        item
        for footprint, orbit, number in zip(
            grid.footprints[numbers],
            grid.orbits[numbers].tolist(),
            grid.numbers[numbers].tolist(),
            strict=True,
        )
        for item in _sample_frames(footprint, orbit, ascending=bool(are_ascending(number)))
    ]
    samples = _sample_frames(shapely.box(0, 0, 1, 1), _SAMPLE_RELATIVE_ORBIT, ascending=True)
    none = Frames(_NONE, _NONE, _NONE, _NONE, _NONE, np.empty(0, np.bool_))
    return make_places(samples, made, _frame_spellings(none))


def dem_rows(cells: Iterable[Cell]) -> pa.Table:
    """Make the ``cop-dem-glo-30`` rows of cells."""
    return parse_stac_items_to_arrow([cop_dem_item(*cell) for cell in cells]).read_all()


def _sample_scene(tile: str, orbit: int, swath: shapely.Polygon | None) -> Sentinel2Scene:
    return Sentinel2Scene(
        tile=tile,
        platform=_S2_PLATFORMS[-1],
        start=_SAMPLE_START,
        generated=_SAMPLE_START + PROCESSING_DELAY,
        relative_orbit=orbit,
        absolute_orbit=_SAMPLE_ORBIT,
        baseline=BASELINE,
        cloud_cover=0.5,
        swath=swath,
    )


def _scene_spellings(scenes: Scenes, where: ScenePlaces) -> list[Spelling]:
    names = tile_grid().names
    tiles, orbits = where.tile[scenes.place], where.orbit[scenes.place]
    sample_tile, sample_platform = names.index(_SAMPLE_TILE), len(SENTINEL_2_NAMES)

    def folder(number: int) -> str:
        tile = names[number]
        return f"/{tile[:2].lstrip('0')}/{tile[2]}/{tile[3:]}/"

    return [
        Spelling(lambda number: names[number], sample_tile, tiles),
        Spelling(folder, sample_tile, tiles),
        Spelling(lambda orbit: f"R{orbit:03d}", _SAMPLE_RELATIVE_ORBIT, orbits),
        Spelling(lambda number: _S2_PLATFORMS[number], sample_platform, scenes.platform),
        Spelling(
            lambda number: f"Sentinel-{_S2_PLATFORMS[number][1:]}",
            sample_platform,
            scenes.platform,
        ),
        Spelling(lambda orbit: f"{orbit:06d}", _SAMPLE_ORBIT, scenes.absolute_orbit),
        Spelling(_day_folder, _SAMPLE_MICROSECONDS, scenes.start),
        *_time_spellings(scenes.start, PROCESSING_DELAY),
        Spelling(
            lambda start: spell_utc(moment(start) + PROCESSING_DELAY),
            _SAMPLE_MICROSECONDS,
            scenes.start,
        ),
    ]


def _time_spellings(starts: Integers, later: timedelta) -> list[Spelling]:
    """Spell the start, and the time that is some time later, as ids do."""

    def spell(delay: timedelta, start: int) -> str:
        return f"{moment(start) + delay:%Y%m%dT%H%M%S}"

    return [
        Spelling(partial(spell, delay), _SAMPLE_MICROSECONDS, starts)
        for delay in (timedelta(0), later)
    ]


def _day_folder(start: int) -> str:
    return f"{moment(start):%Y/%m/%d}"


def _sample_frames(footprint: shapely.Polygon, orbit: int, *, ascending: bool) -> list[Item]:
    return [
        sentinel_1_item(
            Sentinel1Frame(
                platform=SENTINEL_1_NAMES[0],
                start=_SAMPLE_START,
                duration=FRAME_DURATION,
                footprint=footprint,
                relative_orbit=orbit,
                absolute_orbit=_SAMPLE_ORBIT,
                orbit_state="ascending" if ascending else "descending",
                datatake=_SAMPLE_DATATAKE,
                polarizations=polarizations,
            )
        )
        for polarizations in (("VV", "VH"), ("VV",))
    ]


def _frame_spellings(frames: Frames) -> list[Spelling]:
    def designator(number: int) -> str:
        return SENTINEL_1_DESIGNATORS[SENTINEL_1_NAMES[number]]

    def day_folder(start: int) -> str:
        day = moment(start)
        return f"/{day.year}/{day.month}/{day.day}/"

    return [
        Spelling(lambda number: SENTINEL_1_NAMES[number], 0, frames.platform),
        Spelling(lambda number: f"SENTINEL-{SENTINEL_1_NAMES[number][1:]}", 0, frames.platform),
        Spelling(designator, 0, frames.platform),
        Spelling(lambda orbit: f"{orbit:06d}", _SAMPLE_ORBIT, frames.absolute_orbit),
        Spelling(lambda datatake: f"{datatake:06X}", _SAMPLE_DATATAKE, frames.datatake),
        Spelling(str, _SAMPLE_DATATAKE, frames.datatake),
        Spelling(day_folder, _SAMPLE_MICROSECONDS, frames.start),
        *_time_spellings(frames.start, FRAME_DURATION),
    ]


def _frame_columns(frames: Frames) -> dict[str, Any]:
    duration = to_microseconds(FRAME_DURATION)
    return {
        "datetime": frames.start + duration // 2,
        "start_datetime": frames.start,
        "end_datetime": frames.start + duration,
        "sat:absolute_orbit": frames.absolute_orbit,
    }
