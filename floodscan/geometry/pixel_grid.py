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
    rows, starts, ends = _find_runs(grid, joint, near)
    counts = _count_in_chips(grid, rows, starts, ends)
    return PixelForecast(
        valid_pixel_frac=int((ends - starts).sum()) / (grid.width * grid.height),
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


def _find_runs(
    grid: PixelGrid, joint: BaseGeometry | None, near: BaseGeometry | None
) -> tuple[Indices, Indices, Indices]:
    """Cut an area into runs of pixels along the rows.

    Returns:
        Row, first column and column after the last of each run, shape (n,) each.
    """
    none = np.zeros(0, dtype=np.int64)
    if joint is None or joint.is_empty:
        return none, none, none
    west, _, east, north = grid.bounds
    pixel_width = (east - west) / grid.width
    pixel_height = (north - grid.bounds[1]) / grid.height
    xs, ys, same_ring = _outline(grid, joint if near is None else cut_to_box(joint, near))
    # in units of pixels from the centre of the north-western one, so that row n of pixels is at n
    across, down = (xs - west) / pixel_width - 0.5, (north - ys) / pixel_height - 0.5
    _, rows, places = cross_rows(across, down, same_ring, np.arange(grid.height, dtype=np.float64))
    columns = np.clip(np.ceil(places).astype(np.int64), 0, grid.width)
    # an outline is nearly sorted in long pieces, which a merging sort handles ten times faster
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


def _count_in_chips(grid: PixelGrid, rows: Indices, starts: Indices, ends: Indices) -> Indices:
    """Count the pixels of runs in each chip, shape (rows of chips, columns of chips).

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
    first_edges = np.searchsorted(row_edges, rows, side="right")
    # a run counts as if it had no end, less a run from its end on that has no end either
    table = _sum_endless_runs(first_edges, starts, len(row_edges), column_edges)
    table -= _sum_endless_runs(first_edges, ends, len(row_edges), column_edges)
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
    first_edges: Indices, columns: Indices, n_row_edges: int, column_edges: Indices
) -> Indices:
    """Make the summed-area table of runs that start at a column and go on to the right without end.

    Left of the column edge e lie e - c pixels of a run from column c: of n runs n · e - (sum of c).

    Args:
        first_edges: Number of the first row edge below each run, shape (n,).
        columns: Where each run starts, shape (n,).
        n_row_edges: Number of row edges.
        column_edges: Column edges, ascending, shape (c,).

    Returns:
        Counts of pixels, shape (n_row_edges, c).
    """
    shape = (n_row_edges + 1, len(column_edges) + 1)
    cells = first_edges * shape[1] + np.searchsorted(column_edges, columns)
    number, sums = (
        np.bincount(cells, weights, minlength=shape[0] * shape[1])
        .reshape(shape)[:-1, :-1]
        .cumsum(0)
        .cumsum(1)
        for weights in (None, columns)
    )
    counts: Indices = number * column_edges - sums.astype(np.int64)
    return counts
