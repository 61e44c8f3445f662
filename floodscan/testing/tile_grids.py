"""Where the tiles of the Sentinel-2 grid and of the Copernicus DEM lie.

A Sentinel-2 tile is a 100 km square of a UTM zone, as MGRS names it, 9.8 km longer at its eastern
and southern edges. The grid differs from MGRS in two points: a square that lies in two latitude
bands is named after one of them, and zone 31V is as wide as other zones. A square at the western
edge of a zone is left out where more than half of it lies outside.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely
from pyproj import Transformer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from shapely.geometry import Polygon

TILE_METRES = 109_800
DEM_ROWS = 3600

_MGRS_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # zones 3, 1, 2 of every three
_MGRS_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_MGRS_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_ROW_METRES = 100_000
_ROW_CYCLE = 20
_GRID_METRES = 60  # tile corners fall on multiples of the coarsest pixel
_SOUTH_FALSE_NORTHING = 10_000_000
_METRES_PER_DEGREE = 110_600.0
_CENTRAL_EASTING = 500_000
_ZONE_DEGREES, _BAND_DEGREES = 6, 8
_GRID_LATS = (-84.0, 84.6)  # of the middles of the squares
_HALF_TURN = 180.0
# Longitudes of zones that are not 6° wide; None is a zone that does not exist in that band.
_WIDE_ZONES: dict[tuple[int, str], tuple[int, int] | None] = {
    (32, "V"): (3, 12),
    (31, "X"): (0, 9), (32, "X"): None, (33, "X"): (9, 21), (34, "X"): None,
    (35, "X"): (21, 33), (36, "X"): None, (37, "X"): (33, 42),
}  # fmt: skip
# Copernicus DEM: the columns of a tile are this many times wider than its rows are high.
_DEM_COLUMN_WIDTHS = ((50, 1.0), (60, 1.5), (70, 2.0), (80, 3.0), (85, 5.0), (90, 10.0))


class TileSquare(NamedTuple):
    """The place of a Sentinel-2 tile: EPSG code of its UTM zone, upper-left corner in metres."""

    epsg: int
    ulx: int
    uly: int


def tile_square(tile: str) -> TileSquare:
    """Find the square of an MGRS tile such as ``31UGR`` on the Sentinel-2 grid."""
    zone, band, column, row = int(tile[:2]), tile[2], tile[3], tile[4]
    south = band < "N"
    easting = (_MGRS_COLUMNS[zone % 3].index(column) + 1) * _ROW_METRES
    bottom = (_MGRS_ROWS.index(row) - _row_turn(zone)) % _ROW_CYCLE * _ROW_METRES
    centre_lat = 8 * _MGRS_BANDS.index(band) - 76 + 2 * (band == "X")
    centre = centre_lat * _METRES_PER_DEGREE + south * _SOUTH_FALSE_NORTHING
    cycle = _ROW_CYCLE * _ROW_METRES
    bottom += round((centre - bottom - _ROW_METRES / 2) / cycle) * cycle
    # The grid counts its 60 m steps from the equator, not from the southern false origin.
    origin = _SOUTH_FALSE_NORTHING if south else 0
    steps = math.ceil((bottom + _ROW_METRES - origin) / _GRID_METRES)
    epsg = (32700 if south else 32600) + zone
    return TileSquare(epsg, easting // _GRID_METRES * _GRID_METRES, origin + steps * _GRID_METRES)


@cache
def tile_footprint(tile: str) -> Polygon:
    """Join the four corners of an MGRS tile by straight lines in longitude and latitude."""
    footprint: Polygon = _draw([tile_square(tile)])[0]
    return footprint


def _draw(squares: Sequence[TileSquare]) -> NDArray[np.object_]:
    """Draw squares of the same UTM zone in degrees."""
    left, top = (np.array(edge)[:, None] for edge in zip(*(s[1:] for s in squares), strict=True))
    xs = left + np.array([0, 0, TILE_METRES, TILE_METRES])
    ys = top - np.array([0, TILE_METRES, TILE_METRES, 0])
    lons, lats = transformer(squares[0].epsg, 4326).transform(xs, ys)
    return np.asarray(shapely.polygons(np.stack([lons, lats], axis=-1)))


class TileGrid(NamedTuple):
    """The tiles of the Sentinel-2 grid, those across the antimeridian excepted.

    Attributes:
        names: MGRS names.
        footprints: Their polygons in degrees, in the same order.
        tree: Spatial index of the footprints.
    """

    names: list[str]
    footprints: NDArray[np.object_]
    tree: shapely.STRtree

    def find(self, bbox: tuple[float, float, float, float]) -> list[int]:
        """List the numbers of the tiles that touch a box (west, south, east, north)."""
        found: list[int] = np.sort(self.tree.query(shapely.box(*bbox), "intersects")).tolist()
        return found


@cache
def tile_grid() -> TileGrid:
    """List all tiles on land and at sea, zone by zone; this takes a second."""
    names: list[str] = []
    footprints: list[NDArray[np.object_]] = []
    for zone in range(1, 61):
        for south in (False, True):
            found = list(_zone_tiles(zone, south=south))
            drawn = _draw([tile_square(name) for name in found])
            west, _, east, _ = shapely.bounds(drawn).T
            inside = east - west < _HALF_TURN
            names += [name for name, kept in zip(found, inside, strict=True) if kept]
            footprints.append(drawn[inside])
    all_footprints = np.concatenate(footprints)
    return TileGrid(names, all_footprints, shapely.STRtree(all_footprints))


def _zone_tiles(zone: int, *, south: bool) -> Iterator[str]:
    """List the tiles of a zone in one hemisphere: its squares that touch the zone."""
    to_degrees = transformer((32700 if south else 32600) + zone, 4326)
    columns = np.arange(1, len(_MGRS_COLUMNS[0]) + 1) * _ROW_METRES
    for row in range(_SOUTH_FALSE_NORTHING // _ROW_METRES):
        _, lat = to_degrees.transform(_CENTRAL_EASTING, (row + 0.5) * _ROW_METRES)
        if not _GRID_LATS[0] < lat < _GRID_LATS[1] or (lat < 0) != south:
            continue
        number = max(int((lat + 80) // _BAND_DEGREES), 0)
        band = _MGRS_BANDS[min(number, len(_MGRS_BANDS) - 1)]
        west = _ZONE_DEGREES * zone - 186
        limits = _WIDE_ZONES.get((zone, band), (west, west + _ZONE_DEGREES))
        if limits is None:
            continue
        # at its western edge a zone keeps the squares that are half inside, at its eastern edge all
        edges = np.array([[row], [row + 1]]) * _ROW_METRES + 0 * columns
        middles, _ = to_degrees.transform(0 * edges + columns + _ROW_METRES // 2, edges)
        lefts, _ = to_degrees.transform(0 * edges + columns, edges)
        inside = turn(middles - west).max(axis=0) + west > limits[0]
        inside &= turn(lefts - west).min(axis=0) + west < limits[1]
        letters = _MGRS_COLUMNS[zone % 3]
        row_letter = _MGRS_ROWS[(row + _row_turn(zone)) % _ROW_CYCLE]
        for column in np.flatnonzero(inside).tolist():
            yield f"{zone:02}{band}{letters[column]}{row_letter}"


def turn(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring differences of longitudes between -180° and 180°."""
    return (degrees + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN


def _row_turn(zone: int) -> int:
    """Return by how many rows the letters of a zone are shifted."""
    return 0 if zone % 2 else 5


def dem_column_width(lat: int) -> float:
    """Return how many times wider than high the pixels of a DEM tile row are."""
    nearest_to_equator = lat if lat >= 0 else -lat - 1
    return next(width for limit, width in _DEM_COLUMN_WIDTHS if nearest_to_equator < limit)


def dem_footprint(lat: int, lon: int) -> Polygon:
    """Return the one-degree square of a DEM tile, which lies half a pixel to the north-west."""
    west = lon - dem_column_width(lat) / (2 * DEM_ROWS)
    south = lat + 1 / (2 * DEM_ROWS)
    return shapely.box(west, south, west + 1, south + 1)


@cache
def transformer(source: int, target: int) -> Transformer:
    """Return the transformer between two EPSG codes, longitude (or easting) first."""
    return Transformer.from_crs(source, target, always_xy=True)
