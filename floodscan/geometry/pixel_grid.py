"""An event's grid of pixels, and how many of its pixels and chips an area covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj
import shapely

from floodscan.geometry.projections import WGS84, open_transformer
from floodscan.geometry.scan_lines import cross_rows

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
_MAX_PIXELS = 500_000  # of a side: no projection fits an area wider than 5,000 km


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
        """Number of chips from north to south and from west to east."""
        rows, columns = (
            max(0, (n - CHIP_PIXELS) // CHIP_STRIDE_PIXELS + 1) for n in (self.height, self.width)
        )
        return rows, columns

    @property
    def chips_total(self) -> int:
        """Number of all chips."""
        rows, columns = self.chips_shape
        return rows * columns


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelForecast:
    """What a packaging step will find in the pixels of the chosen scenes.

    Attributes:
        valid_pixel_frac: Share of the grid's pixels in which every chosen scene has data.
        chips: Number of chips with enough valid pixels.
        chips_total: Number of all chips of the grid.
    """

    valid_pixel_frac: float
    chips: int
    chips_total: int


def plan_grid(bbox: BBox, crs: str) -> PixelGrid | None:
    """Lay the pixel grid of an AOI's bbox.

    Returns:
        The grid; None if the CRS cannot hold the bbox or distorts it beyond any use.
    """
    west, south, east, north = open_transformer(WGS84, crs).transform_bounds(
        *bbox, densify_pts=_BOUND_POINTS
    )
    if not all(map(isfinite, (west, south, east, north))) or west >= east or south >= north:
        return None
    width, height = ceil((east - west) / PIXEL_METRES), ceil((north - south) / PIXEL_METRES)
    if max(width, height) > _MAX_PIXELS:
        return None
    return PixelGrid(crs=crs, bounds=(west, south, east, north), width=width, height=height)


def forecast_pixels(grid: PixelGrid, joint: BaseGeometry | None) -> PixelForecast:
    """Count the pixels and the chips of a grid that lie in an area.

    A pixel lies in the area if its centre does. Covered pixels are kept as runs along the rows: a
    grid may have 10^10 pixels, but memory and time then follow the area's outline.

    Args:
        grid: The event's grid.
        joint: The area that all chosen scenes cover together, in lon/lat; None counts nothing.
    """
    chips_total = grid.chips_total
    near = surroundings(grid)
    if joint is not None and near is not None and shapely.covers(joint, near):
        return PixelForecast(valid_pixel_frac=1.0, chips=chips_total, chips_total=chips_total)
    if joint is None or joint.is_empty:
        return PixelForecast(valid_pixel_frac=0.0, chips=0, chips_total=chips_total)
    starts = _find_starts(grid, joint if near is None else cut_to_box(joint, near))
    counts = _count_in_chips(grid, starts)
    return PixelForecast(
        valid_pixel_frac=starts.count_pixels(grid.width) / (grid.width * grid.height),
        chips=int((counts >= MIN_CHIP_VALID_FRAC * CHIP_PIXELS**2).sum()),
        chips_total=chips_total,
    )


@lru_cache(maxsize=64)
def surroundings(grid: PixelGrid) -> BaseGeometry | None:
    """Draw a box in lon/lat around a grid; None if the box would cross the antimeridian."""
    west, south, east, north = open_transformer(WGS84, grid.crs).transform_bounds(
        *grid.bounds, densify_pts=_BOUND_POINTS, direction=pyproj.enums.TransformDirection.INVERSE
    )
    margin = 2 * _EDGE_DEGREES
    return (
        shapely.box(west - margin, south - margin, east + margin, north + margin)
        if west <= east
        else None
    )


def cut_to_box(area: BaseGeometry, box: BaseGeometry) -> BaseGeometry:
    """Cut an area to a box: far from a grid, its CRS may have no coordinates for some parts."""
    west, south, east, north = area.bounds
    left, low, right, high = box.bounds
    inside = left <= west and low <= south and east <= right and north <= high
    return area if inside else shapely.intersection(area, box)


class _Starts(NamedTuple):
    """An area as runs of pixels that go on to the east without end.

    Where the area begins, pixels are counted from there on; where it ends, they are taken back.
    Runs from the west of the grid start at its first column. Those to the east of it don't count.

    Attributes:
        rows: Row of each run, shape (n,).
        columns: The column where it starts, shape (n,).
        signs: 1 if the area begins there, -1 if it ends, shape (n,).
        first_rows: First row of each block of runs that start at the first column, shape (m,).
        end_rows: The row after its last one, or before the first: the block then counts less.
        block_signs: 1 or -1, shape (m,).
    """

    rows: Indices
    columns: Indices
    signs: Indices
    first_rows: Indices
    end_rows: Indices
    block_signs: Indices

    def count_pixels(self, width: int) -> int:
        """Count the pixels of the area in a grid of some width."""
        n_whole_rows = self.block_signs @ (self.end_rows - self.first_rows)
        return int(self.signs @ (width - self.columns) + width * n_whole_rows)


def _find_starts(grid: PixelGrid, joint: BaseGeometry) -> _Starts:
    """Find where an area begins and ends in the rows of a grid.

    Only edges of its outline that may cross the grid are followed from row to row.
    """
    across, down, signs = _outline(grid, joint)
    nearest, farthest = np.minimum(across[:-1], across[1:]), np.maximum(across[:-1], across[1:])
    in_west, in_east = farthest < -1, nearest > grid.width
    row_numbers = np.arange(grid.height, dtype=np.float64)
    crossing = (signs != 0) & ~in_west & ~in_east
    edges, rows, places = cross_rows(across, down, crossing, row_numbers)
    blocks = np.flatnonzero(in_west)
    n_below = np.clip(np.ceil(down), 0, grid.height).astype(np.int64)
    return _Starts(
        rows=rows,
        columns=np.clip(np.ceil(places), 0, grid.width).astype(np.int64),
        signs=(signs * np.sign(np.diff(down)).astype(np.int64))[edges],
        first_rows=n_below[blocks],
        end_rows=n_below[blocks + 1],
        block_signs=signs[blocks],
    )


def _outline(
    grid: PixelGrid, joint: BaseGeometry
) -> tuple[NDArray[np.float64], NDArray[np.float64], Indices]:
    """List an area's vertices in pixels of a grid, ring after ring.

    Returns:
        Columns and rows from the centre of the north-western pixel, so that row n of pixels is at
        n, shape (v,) each. For each vertex but the last, the side of the area on the way to the
        next one: 1 in the east on a way to the south, -1 in the west, 0 between rings.
    """
    polygons = shapely.get_parts(shapely.segmentize(joint, _EDGE_DEGREES))
    rings, of_polygons = shapely.get_rings(polygons, return_index=True)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    xs, ys = open_transformer(WGS84, grid.crs).transform(*points.T)
    west, south, east, north = grid.bounds
    across = (xs - west) / ((east - west) / grid.width) - 0.5
    down = (north - ys) / ((north - south) / grid.height) - 0.5
    in_ring = np.diff(of_rings) == 0
    turned = in_ring * (across[1:] * down[:-1] - across[:-1] * down[1:])
    is_counterclockwise = np.bincount(of_rings[:-1], turned, minlength=len(rings)) > 0
    is_shell = np.diff(of_polygons, prepend=-1) > 0
    sides = np.where(is_counterclockwise == is_shell, 1, -1)
    return across, down, np.where(in_ring, sides[of_rings[:-1]], 0)


def _count_in_chips(grid: PixelGrid, starts: _Starts) -> Indices:
    """Count the pixels of an area in each chip, shape (rows of chips, columns of chips).

    Chips overlap, so the counts come from a summed-area table: it holds for a row edge and a column
    edge the number of covered pixels above the one and left of the other. Then ::

        count = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]

    A grid of 3 × 3 pixels, and its table at all edges::

        1 0 1        0 0 0 0
        0 1 1        0 1 1 2
        1 1 1        0 1 2 4
                     0 2 4 7

    The lower right 2 × 2 pixels lie between edges 1 and 3 in both directions: 7 - 2 - 2 + 1 = 4.
    The table here has the edges of chips only.
    """
    (row_edges, tops, bottoms), (column_edges, lefts, rights) = map(_chip_edges, grid.chips_shape)
    first_edges = np.searchsorted(row_edges, starts.rows, side="right")
    table = _sum_endless_runs(
        first_edges, starts.columns, len(row_edges), column_edges, signs=starts.signs
    )
    above = row_edges[:, np.newaxis]
    n_whole_rows = np.maximum(above - starts.first_rows, 0) - np.maximum(above - starts.end_rows, 0)
    table += np.outer(n_whole_rows @ starts.block_signs, column_edges)
    in_rows = table[bottoms] - table[tops]
    counts: Indices = in_rows[:, rights] - in_rows[:, lefts]
    return counts


@lru_cache(maxsize=256)
def _chip_edges(n_chips: int) -> tuple[Indices, Indices, Indices]:
    """List the edges of chips in one direction, ascending, without repeats.

    Returns:
        The edges in pixels, and the number of each chip's first and of its last edge.
    """
    starts = np.arange(n_chips) * CHIP_STRIDE_PIXELS
    edges = np.union1d(starts, starts + CHIP_PIXELS)
    return edges, np.searchsorted(edges, starts), np.searchsorted(edges, starts + CHIP_PIXELS)


def _sum_endless_runs(
    first_edges: Indices,
    columns: Indices,
    n_row_edges: int,
    column_edges: Indices,
    *,
    signs: Indices | int = 1,
) -> Indices:
    """Make the summed-area table of runs that start at a column and go on to the right without end.

    Left of the column edge e lie e - c pixels of a run from column c: of n runs n · e - (sum of c).

    Args:
        first_edges: Number of the first row edge below each run, shape (n,).
        columns: Where each run starts, shape (n,).
        n_row_edges: Number of row edges.
        column_edges: Column edges, ascending, shape (c,).
        signs: -1 for runs to take back, 1 for the others, shape (n,).

    Returns:
        Counts of pixels, shape (n_row_edges, c).
    """
    shape = (n_row_edges + 1, len(column_edges) + 1)
    cells = first_edges * shape[1] + np.searchsorted(column_edges, columns)
    number, sums = (
        np.bincount(cells, weights, minlength=shape[0] * shape[1])
        .astype(np.int64)
        .reshape(shape)[:-1, :-1]
        .cumsum(1)
        for weights in (np.broadcast_to(signs, cells.shape), signs * columns)
    )
    counts: Indices = (number * column_edges - sums).cumsum(0)
    return counts
