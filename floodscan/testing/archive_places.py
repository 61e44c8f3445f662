"""The places of a generated archive: made once, in parallel, and shared by all workers.

A place is a frame of the Sentinel-1 grid, a Sentinel-2 tile with an orbit, or a DEM tile. Its row
has what all of its items have in common. The rows are in an Arrow file, which workers map into
their memory.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.planning.event_list import CURVE_BITS, hilbert_index
from floodscan.testing.acquisitions import ScenePlaces, scene_places
from floodscan.testing.generated_rows import (
    TilePlaces,
    dem_rows,
    make_frame_places,
    make_tile_places,
)
from floodscan.testing.item_rows import Places
from floodscan.testing.synthetic import COLLECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from floodscan.testing.archive_plan import Extent

    Integers = NDArray[np.int64]

SENTINEL_1, SENTINEL_2, DEM = COLLECTIONS

_CHUNK_PLACES = 2_000
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FULL_TURN, _HALF_TURN = 360.0, 180.0


class Source(NamedTuple):
    """The places of a collection.

    Attributes:
        numbers: Their numbers, an array of shape (p,) each: in the grid of frames; or in the grid
            of tiles, and the orbit; or the corner of a DEM tile, latitude and longitude.
        table: File with the rows of the places; each frame has two, and a tile one for all orbits.
        samples: The sample items.
        seen: File with the columns of each tile and orbit.
        tile_of: Number of the row of each place in ``table``, shape (p,).
        curve: Their places on Hilbert's curve, shape (p,).
        bbox: West, south, east and north of all of them.
    """

    numbers: tuple[Integers, ...]
    table: Path
    samples: pa.Table
    seen: Path
    tile_of: Integers
    curve: Integers
    bbox: tuple[float, float, float, float]

    def open(self) -> Places:
        """Map the rows into memory."""
        return Places(_read_table(self.table), self.samples)

    def open_tiles(self) -> TilePlaces:
        """Map the rows of tiles into memory, and those of tiles and orbits."""
        return TilePlaces(self.open(), self.tile_of, _read_table(self.seen))

    def scene_places(self) -> ScenePlaces:
        """Return the tiles and orbits, without the swaths, which only footprints need."""
        tiles, orbits = self.numbers
        return ScenePlaces(tiles, orbits, np.empty(len(tiles), object))


class _Made(NamedTuple):
    """Some of the places of a collection, with the same members."""

    numbers: tuple[Integers, ...]
    table: pa.Table
    samples: pa.Table
    seen: pa.Table
    tile_of: Integers


MapCalls: TypeAlias = "Callable[[Callable[[Integers], _Made], Iterable[Integers]], Iterable[_Made]]"


def make_sources(extent: Extent, folder: Path, map_calls: MapCalls) -> dict[str, Source]:
    """Make the places of an area.

    Args:
        extent: The area.
        folder: Gets an Arrow file for each collection.
        map_calls: Calls a function for each of some values, and returns the results in order.

    Returns:
        The places of each collection; a collection without any is left out.
    """
    wanted = {
        SENTINEL_1: (extent.frame_numbers(), _make_frames),
        SENTINEL_2: (extent.tile_numbers(), _make_scenes),
        DEM: (np.array(extent.dem_cells(), np.int64).reshape(-1, 2), _make_cells),
    }
    sources = {}
    for name, (numbers, make) in wanted.items():
        made = (each for each in map_calls(make, _cut(numbers)) if len(each.seen))
        source = _join(made, folder / name)
        if source is not None:
            sources[name] = source
    return sources


def _cut(numbers: Integers) -> Iterator[Integers]:
    for first in range(0, len(numbers), _CHUNK_PLACES):
        yield numbers[first : first + _CHUNK_PLACES]


def _make_frames(numbers: Integers) -> _Made:
    places = make_frame_places(numbers)
    rows = 2 * np.arange(len(numbers))
    seen = places.table.select(["bbox"]).take(pa.array(rows))
    return _Made((numbers,), places.table, places.samples, seen, rows)


def _make_scenes(tiles: Integers) -> _Made:
    where = scene_places(tiles.tolist())
    found, places = make_tile_places(where)
    numbers = (where.tile[found], where.orbit[found])
    return _Made(numbers, places.tiles.table, places.tiles.samples, places.seen, places.tile_of)


def _make_cells(cells: Integers) -> _Made:
    table = dem_rows(cells.tolist())
    rows = np.arange(len(cells))
    return _Made(tuple(cells.T), table, table.schema.empty_table(), table.select(["bbox"]), rows)


def _join(made: Iterator[_Made], path: Path) -> Source | None:
    """Join the parts, of which ``table`` and ``seen`` go to files; None if there is no part."""
    parts = list(_move_tables(made, path.with_suffix(".parts")))
    if not parts:
        return None
    table, seen = path.with_suffix(".places"), path.with_suffix(".seen")
    _write_tables([_read_table(part) for part, _ in parts], table)
    whole = pa.concat_tables([each.seen for _, each in parts]).combine_chunks()
    _write_tables([whole], seen)
    corners = (pc.struct_field(whole["bbox"], name) for name in _CORNERS)
    west, south, east, north = (values.to_numpy() for values in corners)
    firsts = np.cumsum([0, *(len(_read_table(part)) for part, _ in parts)])
    tile_of = [each.tile_of + first for (_, each), first in zip(parts, firsts[:-1], strict=True)]
    return Source(
        tuple(map(np.concatenate, zip(*(each.numbers for _, each in parts), strict=True))),
        table,
        parts[0][1].samples,
        seen,
        np.concatenate(tile_of),
        _find_on_curve((west + east) / 2, (south + north) / 2),
        (float(west.min()), float(south.min()), float(east.max()), float(north.max())),
    )


def _move_tables(made: Iterator[_Made], folder: Path) -> Iterator[tuple[Path, _Made]]:
    """Move the rows of places to files, so that they are not all in memory."""
    folder.mkdir()
    for number, each in enumerate(made):
        path = folder / f"{number}"
        _write_tables([each.table], path)
        yield path, each._replace(table=each.table.schema.empty_table())


def _write_tables(tables: Sequence[pa.Table], path: Path) -> None:
    table = pa.concat_tables(tables).combine_chunks()
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


@cache
def _read_table(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _find_on_curve(lons: NDArray[np.float64], lats: NDArray[np.float64]) -> Integers:
    cells = 1 << CURVE_BITS
    columns = ((lons + _HALF_TURN) / _FULL_TURN * cells).astype(np.int64)
    rows = ((lats + _HALF_TURN / 2) / _HALF_TURN * cells).astype(np.int64)
    return hilbert_index(columns, rows)
