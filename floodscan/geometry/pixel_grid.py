"""An event's grid of pixels, and how many of its pixels and chips an area covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from floodscan.geometry.projections import WGS84, open_transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

    Indices = NDArray[np.int64]

PIXEL_METRES = 10.0
CHIP_PIXELS = 256
CHIP_STRIDE_PIXELS = 208
MIN_CHIP_VALID_FRAC = 0.8

_EDGE_DEGREES = 0.01
_BOUND_POINTS = 21
_MOST_PIXELS = (
    500_000  # of a side: what is wider than 5,000 km fits no projection for pixels of 10 m
)


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
        rows, columns = (
            max(0, (n - CHIP_PIXELS) // CHIP_STRIDE_PIXELS + 1) for n in (self.height, self.width)
        )
        return rows, columns


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelForecast:
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
    """Lay the pixel grid of an AOI's bbox.

    None where the CRS can't hold it, or only far out of shape.
    """
    west, south, east, north = open_transformer(WGS84, crs).transform_bounds(
        *bbox, densify_pts=_BOUND_POINTS
    )
    if not all(map(isfinite, (west, south, east, north))) or west >= east or south >= north:
        return None
    width, height = ceil((east - west) / PIXEL_METRES), ceil((north - south) / PIXEL_METRES)
    if max(width, height) > _MOST_PIXELS:
        return None
    return PixelGrid(crs=crs, bounds=(west, south, east, north), width=width, height=height)


def forecast_pixels(grid: PixelGrid, joint: BaseGeometry | None) -> PixelForecast:
    """Count the pixels and the chips of a grid that lie in an area.

    A pixel counts where its centre lies in the area. Rows of pixels are kept as runs, so that
    memory and time follow the area's outline, not its pixels.

    Args:
        grid: The event's grid.
        joint: What all chosen scenes cover, in lon/lat; None counts nothing.
    """
    chips_total = int(np.prod(grid.chips_shape))
    near = _surroundings(grid)
    if joint is not None and near is not None and shapely.covers(joint, near):
        return PixelForecast(valid_pixel_frac=1.0, chips=chips_total, chips_total=chips_total)
    rows, starts, ends = _runs(grid, joint, near)
    counts = _count_in_chips(grid, rows, starts, ends)
    return PixelForecast(
        valid_pixel_frac=int((ends - starts).sum()) / (grid.width * grid.height),
        chips=int((counts >= MIN_CHIP_VALID_FRAC * CHIP_PIXELS**2).sum()),
        chips_total=chips_total,
    )


def _surroundings(grid: PixelGrid) -> BaseGeometry | None:
    """Draw a box in lon/lat that holds a grid with some room.

    None where it would cross the antimeridian.
    """
    west, south, east, north = open_transformer(WGS84, grid.crs).transform_bounds(
        *grid.bounds, densify_pts=_BOUND_POINTS, direction=pyproj.enums.TransformDirection.INVERSE
    )
    margin = 2 * _EDGE_DEGREES
    return (
        shapely.box(west - margin, south - margin, east + margin, north + margin)
        if west <= east
        else None
    )


def _runs(
    grid: PixelGrid, joint: BaseGeometry | None, near: BaseGeometry | None
) -> tuple[Indices, Indices, Indices]:
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
    xs, ys = open_transformer(WGS84, grid.crs).transform(*points.T)
    return xs, ys, owners[1:] == owners[:-1]


def _crossings(
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    same_ring: NDArray[np.bool_],
    height: int,
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
        np.bincount(places, weights, minlength=shape[0] * shape[1])
        .reshape(shape)[:-1, :-1]
        .cumsum(0)
        .cumsum(1)
        for weights in (None, columns)
    )
    counts: Indices = number * edges - sums.astype(np.int64)
    return counts
