"""What chosen scenes cover together: of an area, in equal-area terms, and of an event's pixel grid.

A Sentinel-2 scene's pixels fill a square in a UTM zone of their own. Straight lon/lat lines between
its corners, as its footprint has them, leave the square's edge by hundreds of metres, so a
footprint is bent until its corners' straight lines are the square's edges; what it lacks of the
square stays lacking. Other scenes' edges are straight in lon/lat.
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

_EDGE_PARTS = 128  # a tile's edge in parts of under a kilometre, each straight to 3 cm
_WHOLE = 0.9999
_BEND_STEPS = 8
_HALF_TURN = 180.0


def covered_ground(rows: pa.Table) -> Geometries:
    """Draw what each scene's pixels cover.

    Args:
        rows: Table with ``geometry``, ``proj_epsg``, ``proj_bbox`` and ``mgrs_tile``, n rows.

    Returns:
        Valid polygons in lon/lat, cut at the antimeridian, shape (n,); what is alike is one object.
    """
    names = ("geometry", "mgrs_tile", "proj_epsg", "proj_bbox")
    drawn: dict[tuple[bytes, int | None, tuple[float, ...]], BaseGeometry] = {}
    ground = np.full(len(rows), None, dtype=object)
    for index, (footprint, tile, epsg, edges) in enumerate(
        zip(*(rows[n].to_pylist() for n in names), strict=True)
    ):
        key = (
            (footprint, None, ())
            if tile is None or epsg is None or edges is None
            else (footprint, epsg, tuple(edges))
        )
        if key not in drawn:
            drawn[key] = _draw(*key)
        ground[index] = drawn[key]
    return ground


@lru_cache(maxsize=1024)
def _draw(footprint: bytes, epsg: int | None, edges: tuple[float, ...]) -> BaseGeometry:
    """Draw a scene.

    A tile's scenes of one orbit have one outline, in every phase and in the next event.
    """
    outline: BaseGeometry = shapely.from_wkb(footprint)
    if epsg is None:
        return outline
    try:
        return _fill_square(outline, epsg, edges)
    except (shapely.GEOSException, np.linalg.LinAlgError):
        return outline  # edges of another projection, or of no raster at all, draw no square


def _fill_square(footprint: BaseGeometry, epsg: int, edges: tuple[float, ...]) -> BaseGeometry:
    """Bend a footprint's straight lines so that those between the raster's corners become the raster's edges."""
    square = _square(epsg, edges)
    if square is None or not shapely.intersects(footprint, square.ground):
        return footprint
    shares = shapely.transform(footprint, square.to_shares)
    if shares.area > _WHOLE:
        return square.ground
    bent: BaseGeometry = repair(square.bend(np.array([shapely.make_valid(shares)])))[0]
    return bent


@dataclass(frozen=True, slots=True)
class _Square:
    """A raster's square.

    Attributes:
        edges: West, south, east, north in its own system.
        transformer: From that system to lon/lat.
        corners: South-west, south-east, north-east and north-west in lon/lat, unrolled, shape (4,
            2).
        inverse: From lon/lat to shares of width and height, but for what ``twist`` bends, shape (2,
            2).
        ground: The square in lon/lat, cut at the antimeridian.
    """

    edges: tuple[float, ...]
    transformer: pyproj.Transformer
    corners: NDArray[np.float64]
    inverse: NDArray[np.float64]
    ground: BaseGeometry

    def to_shares(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tell where points in lon/lat lie between the four corners: shares of width and height, shape (n, 2).

        That inverts the bilinear map of the corners, by iteration: tiles are nearly parallelograms.
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
            shares = (places - shares.prod(axis=1, keepdims=True) * twist) @ self.inverse.T
        clipped: NDArray[np.float64] = np.clip(shares, 0.0, 1.0)
        return clipped

    def bend(self, shares: Geometries) -> Geometries:
        """Draw in lon/lat what is given in shares of the square."""
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
    (ground,) = repair(_bend(edges, transformer, unit))
    inverse = np.linalg.inv(np.column_stack([corners[1] - corners[0], corners[3] - corners[0]]))
    return _Square(edges, transformer, corners, inverse, ground)


def _bend(
    edges: tuple[float, ...], transformer: pyproj.Transformer, shares: Geometries
) -> Geometries:
    west, south, east, north = edges

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        metres = points * (east - west, north - south) + (west, south)
        return np.column_stack(transformer.transform(*metres.T))

    moved: Geometries = shapely.transform(shares, move)
    return moved
