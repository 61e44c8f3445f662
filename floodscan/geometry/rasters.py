"""The areas that the pixels of scenes cover.

The pixels of a Sentinel-2 scene fill a square in the UTM zone of its tile. The scene's footprint
has straight lines in lon/lat between the corners of that square, and these lines are up to hundreds
of metres away from the square's edges. So the footprint is bent: its straight lines between corners
become the edges of the square. Parts of the square that the footprint leaves out stay left out.
The footprints of other sensors are used as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from floodscan.geometry.footprints import repair
from floodscan.geometry.projections import WGS84, open_transformer

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries

_EDGE_PARTS = 128  # parts of a tile's edge: under a kilometre long, and straight to 3 cm
_POLAR_DEGREES = 75.0
_WHOLE = 0.9999
_BEND_STEPS = 8
_HALF_TURN = 180.0


def covered_areas(rows: pa.Table) -> Geometries:
    """Draw the area that the pixels of each scene cover.

    Args:
        rows: Table with ``geometry``, ``proj_epsg``, ``proj_bbox`` and ``mgrs_tile``, n rows.

    Returns:
        Valid polygons in lon/lat, cut at the antimeridian, shape (n,). Scenes with the same
        footprint and raster share one object.
    """
    names = ("mgrs_tile", "proj_epsg", "proj_bbox")
    footprints = rows["geometry"].to_pylist()
    distinct = {footprint: number for number, footprint in enumerate(dict.fromkeys(footprints))}
    outlines = shapely.from_wkb(list(distinct))
    areas = outlines[[distinct[footprint] for footprint in footprints]]
    rasters = zip(*(rows[name].to_pylist() for name in names), strict=True)
    for index, (tile, epsg, edges) in enumerate(rasters):
        if tile is not None and epsg is not None and edges is not None:
            areas[index] = _draw_tile(footprints[index], epsg, tuple(edges))
    return areas


@lru_cache(maxsize=1024)
def _draw_tile(footprint: bytes, epsg: int, edges: tuple[float, ...]) -> BaseGeometry:
    """Draw the area of a scene of a tile.

    The result is kept: all scenes of one tile and orbit have the same outline, in every phase and
    in neighbouring events.
    """
    outline: BaseGeometry = shapely.from_wkb(footprint)
    try:
        return _fill_square(outline, epsg, edges)
    except (shapely.GEOSException, np.linalg.LinAlgError):
        return outline  # edges of another projection, or of no raster at all, draw no square


def _fill_square(footprint: BaseGeometry, epsg: int, edges: tuple[float, ...]) -> BaseGeometry:
    """Bend a footprint so that its lines between the raster's corners become the raster's edges.

    A part of a tile near a pole keeps its outline: bent, it would lose 1.5 % at 80° south.
    """
    square = _square(epsg, edges)
    if square is None or not shapely.intersects(footprint, square.area):
        return footprint
    shares = shapely.transform(footprint, square.to_shares)
    if shares.area > _WHOLE:
        return square.area
    if abs(square.corners[:, 1]).max() > _POLAR_DEGREES:
        return footprint
    bent: BaseGeometry = repair(square.bend(np.array([shapely.make_valid(shares)])))[0]
    return bent


@dataclass(frozen=True, slots=True)
class _Square:
    """The square that a raster fills.

    Attributes:
        edges: West, south, east, north in the raster's system.
        transformer: From that system to lon/lat.
        corners: South-west, south-east, north-east and north-west in lon/lat, shape (4, 2); across
            the antimeridian longitudes go on beyond 180.
        inverse: Linear part of the map from lon/lat to shares of width and height, shape (2, 2).
        area: The square in lon/lat, cut at the antimeridian.
    """

    edges: tuple[float, ...]
    transformer: pyproj.Transformer
    corners: NDArray[np.float64]
    inverse: NDArray[np.float64]
    area: BaseGeometry

    def to_shares(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points in lon/lat to shares of width and height, from 0 to 1, shape (n, 2).

        The map from shares to lon/lat is bilinear in the four corners, and a fixed-point iteration
        inverts it. It converges in a few steps because tiles are nearly parallelograms.
        """
        origin, east, far, north = self.corners
        unrolled = np.where(
            (self.corners[:, 0].max() > _HALF_TURN) & (points[:, :1] < 0),
            (2 * _HALF_TURN, 0),
            (0, 0),
        )
        twist = far - east - north + origin
        places = points + unrolled - origin
        shares = places @ self.inverse.T
        for _ in range(_BEND_STEPS):
            shares = (places - shares[:, :1] * shares[:, 1:] * twist) @ self.inverse.T
        clipped: NDArray[np.float64] = np.clip(shares, 0.0, 1.0)
        return clipped

    def bend(self, shares: Geometries) -> Geometries:
        """Map polygons in shares of the square to lon/lat."""
        return _bend(self.edges, self.transformer, shapely.segmentize(shares, 1 / _EDGE_PARTS))


@lru_cache(maxsize=4096)
def _square(epsg: int, edges: tuple[float, ...]) -> _Square | None:
    west, south, east, north = edges
    if not (west < east and south < north):
        return None
    try:
        transformer = open_transformer(f"EPSG:{epsg}", WGS84)
    except pyproj.exceptions.CRSError:
        return None
    corners = np.column_stack(
        transformer.transform((west, east, east, west), (south, south, north, north))
    )
    if not np.isfinite(corners).all():
        return None
    if np.ptp(corners[:, 0]) > _HALF_TURN:
        corners[corners[:, 0] < 0, 0] += 2 * _HALF_TURN
    unit = shapely.segmentize(np.array([shapely.box(0, 0, 1, 1)]), 1 / _EDGE_PARTS)
    (area,) = repair(_bend(edges, transformer, unit))
    inverse = np.linalg.inv(np.column_stack([corners[1] - corners[0], corners[3] - corners[0]]))
    return _Square(edges, transformer, corners, inverse, area)


def _bend(
    edges: tuple[float, ...], transformer: pyproj.Transformer, shares: Geometries
) -> Geometries:
    west, south, east, north = edges

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        metres = points * (east - west, north - south) + (west, south)
        return np.column_stack(transformer.transform(*metres.T))

    moved: Geometries = shapely.transform(shares, move)
    return moved
