"""How many pixels and chips of grids lie in areas.

A pixel lies in an area if its centre does. Covered pixels are kept as runs along the rows: a grid
may have 10^10 pixels, but memory and time then follow the area's outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from floodscan.geometry.pixel_grid import (
    CHIP_PIXELS,
    CHIP_STRIDE_PIXELS,
    MAX_PIXELS,
    cut_to_box,
    surroundings,
)
from floodscan.geometry.projections import WGS84, open_transformer
from floodscan.geometry.scan_lines import cross_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries
    from floodscan.geometry.pixel_grid import PixelGrid

    Indices = NDArray[np.int64]
    Numbers = NDArray[np.float64]

MIN_CHIP_VALID_FRAC = 0.8

_EDGE_DEGREES = 0.01
_SHARED_PIXELS = CHIP_PIXELS - CHIP_STRIDE_PIXELS


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


def forecast_pixels(grids: Sequence[PixelGrid], areas: Geometries) -> list[PixelForecast]:
    """Count the pixels and the chips of grids that lie in areas.

    Args:
        grids: The grid of each area, n grids.
        areas: Areas in lon/lat, such as the ground that is in all chosen scenes of an event, shape
            (n,); None counts nothing.
    """
    boxes = [surroundings(grid) for grid in grids]
    whole = shapely.covers(areas, np.array(boxes, dtype=object))
    partial = np.flatnonzero(~whole).tolist()
    cut = np.array([_cut(areas[number], boxes[number]) for number in partial], dtype=object)
    outlines = _draw_outlines([grids[number] for number in partial], cut)
    return [
        _count_all(grid) if is_whole else _count(grid, next(outlines))
        for grid, is_whole in zip(grids, whole.tolist(), strict=True)
    ]


def _cut(area: BaseGeometry | None, box: BaseGeometry | None) -> BaseGeometry | None:
    return area if area is None or box is None else cut_to_box(area, box)


def _count_all(grid: PixelGrid) -> PixelForecast:
    total = grid.chips_total
    return PixelForecast(valid_pixel_frac=1.0, chips=total, chips_total=total)


class _Outline(NamedTuple):
    """The outline of an area in pixels of a grid.

    Attributes:
        across: Columns of the vertices from the centre of the north-western pixel, ring after ring,
            shape (v,).
        down: Rows of the vertices from there, so that row n of pixels is at n, shape (v,).
        sides: For each vertex but the last, the side of the area on the way to the next one: 1 in
            the east on a way to the south, -1 in the west, 0 between rings, shape (v - 1,).
    """

    across: Numbers
    down: Numbers
    sides: Indices


def _draw_outlines(grids: Sequence[PixelGrid], areas: Geometries) -> Iterator[_Outline]:
    """Draw the outline of each area in pixels of its grid, in which lines in lon/lat are bent.

    All are drawn at once, because they have few vertices. Their runs are found area by area: the
    arrays of all runs would not fit into the cache of a processor.
    """
    polygons, of_areas = shapely.get_parts(
        shapely.segmentize(areas, _EDGE_DEGREES), return_index=True
    )
    rings, of_polygons = shapely.get_rings(polygons, return_index=True)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    of_points = of_areas[of_polygons][of_rings]
    across, down = _to_pixels(grids, points, of_points)
    in_ring = of_rings[1:] == of_rings[:-1]
    turned = np.where(in_ring, across[1:] * down[:-1] - across[:-1] * down[1:], 0.0)
    is_counterclockwise = np.bincount(of_rings[:-1], turned, minlength=len(rings)) > 0
    is_shell = np.diff(of_polygons, prepend=-1) > 0
    sides = np.where(is_counterclockwise == is_shell, 1, -1)
    sides = np.where(in_ring, sides[of_rings[:-1]], 0)
    ends = np.searchsorted(of_points, np.arange(len(grids)), side="right")
    first = 0
    for end in ends.tolist():
        yield _Outline(across[first:end], down[first:end], sides[first : max(first, end - 1)])
        first = end


def _to_pixels(
    grids: Sequence[PixelGrid], points: Numbers, of_points: Indices
) -> tuple[Numbers, Numbers]:
    """Map points in lon/lat to columns and rows of grids.

    Args:
        grids: The grids.
        points: Shape (n, 2).
        of_points: Number of the grid of each point, shape (n,).
    """
    systems = [grid.crs for grid in grids]
    of_system = {crs: number for number, crs in enumerate(dict.fromkeys(systems))}
    system = np.array([of_system[crs] for crs in systems], dtype=np.int64)[of_points]
    xs, ys = np.empty(len(points)), np.empty(len(points))
    for crs, number in of_system.items():
        own = system == number
        xs[own], ys[own] = open_transformer(WGS84, crs).transform(*points[own].T)
    bounds = np.array([grid.bounds for grid in grids]).reshape(-1, 4)
    west, south, east, north = bounds.T
    width, height = np.array([(grid.width, grid.height) for grid in grids]).reshape(-1, 2).T
    across = (xs - west[of_points]) / ((east - west) / width)[of_points] - 0.5
    down = (north[of_points] - ys) / ((north - south) / height)[of_points] - 0.5
    return across, down


def _count(grid: PixelGrid, outline: _Outline) -> PixelForecast:
    starts = _find_starts(grid, outline)
    counts = _count_in_chips(grid, starts)
    return PixelForecast(
        valid_pixel_frac=starts.count_pixels(grid.width) / (grid.width * grid.height),
        chips=int(np.count_nonzero(counts >= MIN_CHIP_VALID_FRAC * CHIP_PIXELS**2)),
        chips_total=grid.chips_total,
    )


class _Starts(NamedTuple):
    """An area as runs of pixels that go on to the east without end.

    Where the area begins, pixels are counted from there on; where it ends, they are taken back.
    Runs from the west of the grid start at its first column. Those to the east of it don't count.
    Runs that start next to each other, at one edge and in the same bands, are added up.

    Attributes:
        row_bands: Band of the rows of some runs, shape (n,).
        column_bands: Band of the columns where they start, shape (n,).
        numbers: Number of these runs; below 0 if they are taken back, shape (n,).
        columns: Sum of the columns where they start; below 0 if they are taken back, shape (n,).
        first_rows: First row of each block of runs that start at the first column, shape (m,).
        end_rows: The row after its last one, or before the first: the block then counts less.
        block_signs: 1 or -1, shape (m,).
    """

    row_bands: Indices
    column_bands: Indices
    numbers: Indices
    columns: Indices
    first_rows: Indices
    end_rows: Indices
    block_signs: Indices

    def count_pixels(self, width: int) -> int:
        """Count the pixels of the area in a grid of some width."""
        n_whole_rows = self.block_signs @ (self.end_rows - self.first_rows)
        return int(width * (self.numbers.sum() + n_whole_rows) - self.columns.sum())


def _find_starts(grid: PixelGrid, outline: _Outline) -> _Starts:
    """Find where an area begins and ends in the rows of a grid.

    Only edges of its outline that may cross the grid are followed from row to row.
    """
    across, down, sides = outline
    nearest, farthest = np.minimum(across[:-1], across[1:]), np.maximum(across[:-1], across[1:])
    in_west, in_east = farthest < -1, nearest > grid.width
    crossing = (sides != 0) & ~in_west & ~in_east
    edges, rows, places = cross_rows(across, down, crossing, np.arange(grid.height, dtype=float))
    columns = np.clip(np.ceil(places), 0, grid.width).astype(np.int64)
    row_bands, column_bands = _list_bands()[rows], _list_bands()[columns]
    firsts = _find_changes(edges, row_bands, column_bands)
    signs = (sides * np.sign(np.diff(down)).astype(np.int64))[edges[firsts]]
    blocks = np.flatnonzero(in_west)
    n_below = np.clip(np.ceil(down), 0, grid.height).astype(np.int64)
    return _Starts(
        row_bands=row_bands[firsts],
        column_bands=column_bands[firsts],
        numbers=signs * np.diff(firsts, append=len(rows)),
        columns=signs * np.add.reduceat(columns, firsts),
        first_rows=n_below[blocks],
        end_rows=n_below[blocks + 1],
        block_signs=sides[blocks],
    )


def _find_changes(*keys: Indices) -> Indices:
    """Find the first one of some runs, and each of which a key differs from the run before it."""
    changed = np.ones(len(keys[0]), dtype=bool)
    changed[1:] = False
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def _count_in_chips(grid: PixelGrid, starts: _Starts) -> Numbers:
    """Count the pixels of an area in each chip, shape (rows of chips, columns of chips).

    A chip consists of three bands of pixels in each direction, see ``_list_bands``. The runs are
    summed in the cells of these bands, each cell under its eastern edge, and the cells in rows of
    chips. Then, in each row of chips::

        pixels west of an edge = edge * number of runs that start west of it - sum of their columns
        pixels in a chip       = pixels west of its eastern edge - pixels west of its western edge
    """
    n_rows, n_columns = grid.chips_shape
    n_bands = _list_bands()[grid.height] + 1
    n_edges = _list_bands()[grid.width] + 2  # band n lies between the edges n and n + 1
    cells = starts.row_bands * n_edges + starts.column_bands + 1
    number, columns = (
        _sum_bands(np.bincount(cells, each, n_bands * n_edges).reshape(n_bands, -1), n_rows)
        for each in (starts.numbers, starts.columns)
    )
    edges = np.arange(n_edges) // 2 * CHIP_STRIDE_PIXELS + np.arange(n_edges) % 2 * _SHARED_PIXELS
    west = edges * number.cumsum(axis=1) - columns.cumsum(axis=1)
    tops = np.arange(n_rows)[:, np.newaxis] * CHIP_STRIDE_PIXELS
    first, end = (
        np.minimum(np.maximum(rows, tops), tops + CHIP_PIXELS)
        for rows in (starts.first_rows, starts.end_rows)
    )
    n_whole_rows = (end - first) @ starts.block_signs
    counts: Numbers = west[:, 3 : 2 * n_columns + 2 : 2] - west[:, : 2 * n_columns : 2]
    return counts + n_whole_rows[:, np.newaxis] * CHIP_PIXELS


@lru_cache(maxsize=1)
def _list_bands() -> Indices:
    """List the band of each pixel of a row or a column.

    Chips overlap. So chip n consists of band 2 n, which it shares with the chip before it, its own
    band 2 n + 1, and band 2 n + 2, which it shares with the next one.
    """
    chips, rest = np.divmod(np.arange(MAX_PIXELS + 1), CHIP_STRIDE_PIXELS)
    bands: Indices = 2 * chips + (rest >= _SHARED_PIXELS)
    return bands


def _sum_bands(table: NDArray[Any], n_chips: int) -> NDArray[Any]:
    """Sum the rows of a table in the three bands of each chip, shape (n_chips, columns)."""
    end = 2 * n_chips
    summed: NDArray[Any] = table[:end:2] + table[1:end:2] + table[2 : end + 1 : 2]
    return summed
