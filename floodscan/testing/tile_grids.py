"""Where the tiles of the Sentinel-2 grid and of the Copernicus DEM lie."""

import math
from functools import cache
from typing import NamedTuple

import shapely
from pyproj import Transformer
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
# Copernicus DEM: the columns of a tile are this many times wider than its rows are high.
_DEM_COLUMN_WIDTHS = ((50, 1.0), (60, 1.5), (70, 2.0), (80, 3.0), (85, 5.0), (90, 10.0))


class TileSquare(NamedTuple):
    """Where a Sentinel-2 tile lies: its UTM zone's EPSG code and upper-left corner in metres."""

    epsg: int
    ulx: int
    uly: int


def tile_square(tile: str) -> TileSquare:
    """Find the square of an MGRS tile such as ``31UGR`` on the Sentinel-2 grid."""
    zone, band, column, row = int(tile[:2]), tile[2], tile[3], tile[4]
    south = band < "N"
    easting = (_MGRS_COLUMNS[zone % 3].index(column) + 1) * _ROW_METRES
    turn = 0 if zone % 2 else 5
    bottom = (_MGRS_ROWS.index(row) - turn) % _ROW_CYCLE * _ROW_METRES
    centre_lat = 8 * _MGRS_BANDS.index(band) - 76 + 2 * (band == "X")
    centre = centre_lat * _METRES_PER_DEGREE + south * _SOUTH_FALSE_NORTHING
    cycle = _ROW_CYCLE * _ROW_METRES
    bottom += round((centre - bottom - _ROW_METRES / 2) / cycle) * cycle
    # The grid counts its 60 m steps from the equator, not from the southern false origin.
    origin = _SOUTH_FALSE_NORTHING if south else 0
    steps = math.ceil((bottom + _ROW_METRES - origin) / _GRID_METRES)
    epsg = (32700 if south else 32600) + zone
    return TileSquare(epsg, easting // _GRID_METRES * _GRID_METRES, origin + steps * _GRID_METRES)


def tile_footprint(tile: str) -> Polygon:
    """Join the four corners of an MGRS tile by straight lines in longitude and latitude."""
    epsg, ulx, uly = tile_square(tile)
    xs = (ulx, ulx, ulx + TILE_METRES, ulx + TILE_METRES)
    ys = (uly, uly - TILE_METRES, uly - TILE_METRES, uly)
    lons, lats = transformer(epsg, 4326).transform(xs, ys)
    return Polygon(zip(lons, lats, strict=True))


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
