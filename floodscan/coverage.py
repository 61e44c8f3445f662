"""What chosen scenes cover together: of an area, in equal-area terms, and of an event's pixel grid.

A Sentinel-2 scene's pixels fill a square in a UTM zone of their own. Straight lon/lat lines between its corners, as its
footprint has them, leave the square's edge by hundreds of metres, so a footprint is bent until its corners' straight
lines are the square's edges; what it lacks of the square stays lacking. Other scenes' edges are straight in lon/lat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from floodscan.footprints import repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.footprints import BBox, Geometries

    Indices = NDArray[np.int64]

PIXEL_METRES = 10.0
CHIP_PIXELS = 256
CHIP_STRIDE_PIXELS = 208
MIN_CHIP_VALID_FRAC = 0.8

_WGS84 = "OGC:CRS84"
_UTM = re.compile(r"EPSG:32(?P<half>[67])(?P<zone>0[1-9]|[1-5]\d|60)")
_EDGE_PARTS = 128  # a tile's edge in parts of under a kilometre, each straight to 3 cm
_EDGE_DEGREES = 0.01
_BOUND_POINTS = 21
_MOST_PIXELS = 500_000  # of a side: what is wider than 5,000 km fits no projection for pixels of 10 m
_WHOLE = 0.9999
_BEND_STEPS = 8
_HALF_TURN = 180.0
# WGS 84, for the authalic latitude of Snyder, Map Projections (1987), 3-12
_ECCENTRICITY = 0.0818191908426


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelGrid:
    """An event's grid of 10 m pixels: the box of its AOI's bbox in its target CRS.

    Attributes:
        crs: Target CRS.
        bounds: West, south, east, north in the units of the CRS.
        width: Pixels from west to east.
        height: Pixels from north to south.
    """

    crs: str
    bounds: tuple[float, float, float, float]
    width: int
    height: int

    @property
    def chips_shape(self) -> tuple[int, int]:
        """Chips from north to south and from west to east."""
        rows, columns = (max(0, (n - CHIP_PIXELS) // CHIP_STRIDE_PIXELS + 1) for n in (self.height, self.width))
        return rows, columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What packaging will make of the choices.

    Attributes:
        valid_pixel_frac: Pixels with data of every chosen scene over all pixels.
        chips: Chips with enough valid pixels.
        chips_total: All chips of the grid.
    """

    valid_pixel_frac: float
    chips: int
    chips_total: int


def plan_grid(bbox: BBox, crs: str) -> PixelGrid | None:
    """Lay the pixel grid of an AOI's bbox; None where the CRS can't hold it, or only far out of shape."""
    west, south, east, north = open_transformer(_WGS84, crs).transform_bounds(*bbox, densify_pts=_BOUND_POINTS)
    if not all(map(isfinite, (west, south, east, north))) or west >= east or south >= north:
        return None
    width, height = ceil((east - west) / PIXEL_METRES), ceil((north - south) / PIXEL_METRES)
    if max(width, height) > _MOST_PIXELS:
        return None
    return PixelGrid(crs=crs, bounds=(west, south, east, north), width=width, height=height)


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
    for index, (footprint, tile, epsg, edges) in enumerate(zip(*(rows[n].to_pylist() for n in names), strict=True)):
        key = (
            (footprint, None, ()) if tile is None or epsg is None or edges is None else (footprint, epsg, tuple(edges))
        )
        if key not in drawn:
            drawn[key] = _draw(*key)
        ground[index] = drawn[key]
    return ground


@lru_cache(maxsize=1024)
def _draw(footprint: bytes, epsg: int | None, edges: tuple[float, ...]) -> BaseGeometry:
    """Draw a scene; a tile's scenes of one orbit have one outline, in every phase and in the next event."""
    outline: BaseGeometry = shapely.from_wkb(footprint)
    return outline if epsg is None else _fill_square(outline, epsg, edges)


def union(ground: Geometries) -> BaseGeometry:
    """Join what several scenes cover."""
    return ground[0] if len(ground) == 1 else shapely.union_all(ground)


def intersect(grounds: Iterable[BaseGeometry]) -> BaseGeometry | None:
    """Keep what all of some areas cover together; None of none."""
    joint: BaseGeometry | None = None
    for ground in grounds:
        joint = ground if joint is None else shapely.intersection(joint, ground)
    return joint


def area_fracs(grounds: Sequence[BaseGeometry], target: BaseGeometry) -> list[float]:
    """Measure which part of a target each of some areas covers, in equal-area terms, between 0 and 1."""
    areas = np.array(grounds, dtype=object)
    partial = np.flatnonzero(~shapely.covers(areas, target))
    fracs = np.ones(len(areas))
    if len(partial):
        measured = equal_area(np.array([*shapely.intersection(areas[partial], target), target], dtype=object))
        fracs[partial] = np.minimum(measured[:-1] / measured[-1], 1.0)
    return [round(frac, 12) for frac in fracs.tolist()]


def equal_area(areas: Geometries) -> NDArray[np.float64]:
    """Measure areas on the ellipsoid, in units of its own, shape (n,)."""
    flat = shapely.transform(shapely.segmentize(areas, _EDGE_DEGREES * 10), _flatten)
    measured: NDArray[np.float64] = shapely.area(flat)
    return measured


def authalic(latitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map latitudes in degrees to heights on an equal-area cylinder, between −2 and 2 (Snyder 1987, 3-12)."""
    sine = np.sin(np.radians(latitudes))
    e = _ECCENTRICITY
    heights: NDArray[np.float64] = (1 - e**2) * (
        sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    )
    return heights


def promise(grid: PixelGrid, joint: BaseGeometry | None) -> Promise:
    """Count the pixels and the chips of a grid that lie in an area.

    A pixel counts where its centre lies in the area. Rows of pixels are kept as runs, so that memory and
    time follow the area's outline, not its pixels.

    Args:
        grid: The event's grid.
        joint: What all chosen scenes cover, in lon/lat; None counts nothing.
    """
    chips_total = int(np.prod(grid.chips_shape))
    near = _surroundings(grid)
    if joint is not None and near is not None and shapely.covers(joint, near):
        return Promise(valid_pixel_frac=1.0, chips=chips_total, chips_total=chips_total)
    rows, starts, ends = _runs(grid, joint, near)
    counts = _count_in_chips(grid, rows, starts, ends)
    return Promise(
        valid_pixel_frac=int((ends - starts).sum()) / (grid.width * grid.height),
        chips=int((counts >= MIN_CHIP_VALID_FRAC * CHIP_PIXELS**2).sum()),
        chips_total=chips_total,
    )


def _surroundings(grid: PixelGrid) -> BaseGeometry | None:
    """Draw a box in lon/lat that holds a grid with some room; None where it would cross the antimeridian."""
    west, south, east, north = open_transformer(_WGS84, grid.crs).transform_bounds(
        *grid.bounds, densify_pts=_BOUND_POINTS, direction=pyproj.enums.TransformDirection.INVERSE
    )
    margin = 2 * _EDGE_DEGREES
    return shapely.box(west - margin, south - margin, east + margin, north + margin) if west <= east else None


def _runs(grid: PixelGrid, joint: BaseGeometry | None, near: BaseGeometry | None) -> tuple[Indices, Indices, Indices]:
    """Cut an area into runs of pixels: the row, the first column and the one after the last, shape (n,) each."""
    none = np.zeros(0, dtype=np.int64)
    if joint is None or joint.is_empty:
        return none, none, none
    west, _, east, north = grid.bounds
    pixel_width = (east - west) / grid.width
    pixel_height = (north - grid.bounds[1]) / grid.height
    # what lies far from the grid may have no place in its CRS
    xs, ys, same_ring = _outline(grid, joint if near is None else shapely.intersection(joint, near))
    across, down = (xs - west) / pixel_width - 0.5, (north - ys) / pixel_height - 0.5
    rows, places = _crossings(across, down, same_ring, grid.height)
    columns = np.clip(np.ceil(places).astype(np.int64), 0, grid.width)
    # an outline goes down or up for long: a sort that merges such runs is ten times faster
    pixels = np.sort(rows * (grid.width + 1) + columns, kind="stable")
    rows, starts = np.divmod(pixels[::2], grid.width + 1)
    ends = starts + pixels[1::2] - pixels[::2]
    kept = ends > starts
    return rows[kept], starts[kept], ends[kept]


def _outline(
    grid: PixelGrid, joint: BaseGeometry
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """List an area's vertices in the grid's CRS, and whether each is in one ring with the next."""
    rings = shapely.get_rings(shapely.get_parts(shapely.segmentize(joint, _EDGE_DEGREES)))
    points, owners = shapely.get_coordinates(rings, return_index=True)
    xs, ys = open_transformer(_WGS84, grid.crs).transform(*points.T)
    return xs, ys, owners[1:] == owners[:-1]


def _crossings(
    across: NDArray[np.float64], down: NDArray[np.float64], same_ring: NDArray[np.bool_], height: int
) -> tuple[Indices, NDArray[np.float64]]:
    """Find where outlines cross the middles of rows: the rows, and the place in each, shape (n,) each."""
    tops, bottoms = np.minimum(down[:-1], down[1:]), np.maximum(down[:-1], down[1:])
    first = np.clip(np.ceil(tops), 0, height).astype(np.int64)
    last = np.clip(np.ceil(bottoms), 0, height).astype(np.int64)
    repeats = np.where(same_ring, last - first, 0)
    edges = np.repeat(np.arange(len(repeats)), repeats)
    rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    slopes = np.diff(across)[edges] / np.diff(down)[edges]
    return rows, across[edges] + (rows - down[edges]) * slopes


def _count_in_chips(grid: PixelGrid, rows: Indices, starts: Indices, ends: Indices) -> Indices:
    """Count the pixels of runs in each chip, shape (rows of chips, columns of chips)."""
    (row_edges, tops, bottoms), (column_edges, lefts, rights) = map(_chip_edges, grid.chips_shape)
    bands = np.searchsorted(row_edges, rows, side="right")
    before = _count_before(bands, starts, len(row_edges), column_edges)
    before -= _count_before(bands, ends, len(row_edges), column_edges)
    in_rows = before[bottoms] - before[tops]
    counts: Indices = in_rows[:, rights] - in_rows[:, lefts]
    return counts


@lru_cache(maxsize=256)
def _chip_edges(n_chips: int) -> tuple[Indices, Indices, Indices]:
    """List where chips begin and end, ascending, and the numbers of each chip's first and last edge among these."""
    starts = np.arange(n_chips) * CHIP_STRIDE_PIXELS
    edges = np.union1d(starts, starts + CHIP_PIXELS)
    return edges, np.searchsorted(edges, starts), np.searchsorted(edges, starts + CHIP_PIXELS)


def _count_before(bands: Indices, columns: Indices, n_bands: int, edges: Indices) -> Indices:
    """Count pixels above and left of edges, if a run goes from each column to the right without end.

    Args:
        bands: Number of edges at or above each run, shape (n,).
        columns: Where each run starts, shape (n,).
        n_bands: Edges from top to bottom.
        edges: Edges from left to right, ascending.

    Returns:
        Counts, shape (n_bands, edges).
    """
    shape = (n_bands + 1, len(edges) + 1)
    places = bands * shape[1] + np.searchsorted(edges, columns)
    number, sums = (
        np.bincount(places, weights, minlength=shape[0] * shape[1]).reshape(shape)[:-1, :-1].cumsum(0).cumsum(1)
        for weights in (None, columns)
    )
    counts: Indices = number * edges - sums.astype(np.int64)
    return counts


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
        corners: South-west, south-east, north-east and north-west in lon/lat, unrolled, shape (4, 2).
        inverse: From lon/lat to shares of width and height, but for what ``twist`` bends, shape (2, 2).
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
        unrolled = np.where((self.corners[:, 0].max() > _HALF_TURN) & (points[:, :1] < 0), (2 * _HALF_TURN, 0), (0, 0))
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
        transformer = open_transformer(f"EPSG:{epsg}", _WGS84)
    except pyproj.exceptions.CRSError:
        return None
    corners = np.column_stack(transformer.transform((west, east, east, west), (south, south, north, north)))
    if not np.isfinite(corners).all():
        return None
    if np.ptp(corners[:, 0]) > _HALF_TURN:
        corners[corners[:, 0] < 0, 0] += 2 * _HALF_TURN
    unit = shapely.segmentize(np.array([shapely.box(0, 0, 1, 1)]), 1 / _EDGE_PARTS)
    (ground,) = repair(_bend(edges, transformer, unit))
    inverse = np.linalg.inv(np.column_stack([corners[1] - corners[0], corners[3] - corners[0]]))
    return _Square(edges, transformer, corners, inverse, ground)


def _bend(edges: tuple[float, ...], transformer: pyproj.Transformer, shares: Geometries) -> Geometries:
    west, south, east, north = edges

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        metres = points * (east - west, north - south) + (west, south)
        return np.column_stack(transformer.transform(*metres.T))

    moved: Geometries = shapely.transform(shares, move)
    return moved


@lru_cache(maxsize=256)
def open_transformer(source: str, target: str) -> pyproj.Transformer:
    """Open the way from one system to another, x first; opening one takes as long as moving thousands of points."""
    return pyproj.Transformer.from_crs(_spell_out(source), _spell_out(target), always_xy=True)


def _spell_out(crs: str) -> str:
    """Spell out a UTM zone's code: looking it up in PROJ's database takes ten times as long, for the same numbers."""
    if found := _UTM.fullmatch(crs):
        south = " +south" if found["half"] == "7" else ""
        return f"+proj=utm +zone={int(found['zone'])}{south} +datum=WGS84 +type=crs"
    return crs


def _flatten(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points[:, 0], authalic(points[:, 1])])
