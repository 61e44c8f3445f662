"""Which one-degree cells have land, from the bundled coasts and borders."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

Cell = tuple[int, int]
"""Latitude and longitude of the south-western corner of a one-degree cell."""

_BORDERS = Path(__file__).parents[1] / "data" / "borders.parquet"
_HALF_TURN = 180.0
_SEA = shapely.points([(-150.0, 0.0), (51.0, 42.0)])  # the ocean, the Caspian Sea


@cache
def land_cells() -> frozenset[Cell]:
    """List the cells that touch land, lakes included.

    The coasts and borders cut the map into faces. All faces are land but those with a point at sea.
    """
    lines = _read_lines()
    frame = shapely.box(-_HALF_TURN, -90.0, _HALF_TURN, 90.0).exterior
    noded = shapely.union_all([*lines, *_missing_ends(lines), frame])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    at_sea = shapely.STRtree(faces).query(_SEA, "within")[1]
    land = shapely.STRtree(np.delete(faces, at_sea))
    lats, lons = (corner.ravel() for corner in np.mgrid[-90:90, -180:180])
    found = np.unique(land.query(shapely.box(lons, lats, lons + 1, lats + 1), "intersects")[0])
    return frozenset(zip(lats[found].tolist(), lons[found].tolist(), strict=True))


def _read_lines() -> NDArray[np.object_]:
    wkb = pq.read_table(_BORDERS, columns=["geometry"])["geometry"]
    lines: NDArray[np.object_] = shapely.from_wkb(wkb.to_numpy())
    return lines


def _missing_ends(lines: NDArray[np.object_]) -> list[shapely.LineString]:
    """Lead the four coasts that end shortly before the antimeridian to it."""
    ends = Counter(
        tuple(points[index]) for points in map(shapely.get_coordinates, lines) for index in (0, -1)
    )
    loose = [end for end, n_lines in ends.items() if n_lines == 1 and abs(end[0]) < _HALF_TURN]
    return [shapely.LineString([(x, y), (np.copysign(_HALF_TURN, x), y)]) for x, y in loose]
