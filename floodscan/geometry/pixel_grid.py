"""An event's grid of pixels, and its place on the Earth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite
from typing import TYPE_CHECKING

import pyproj
import shapely

from floodscan.geometry.projections import WGS84, open_transformer

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

PIXEL_METRES = 10.0
CHIP_PIXELS = 256
CHIP_STRIDE_PIXELS = 208
MAX_PIXELS = 500_000
"""Pixels of a side; no projection fits an area wider than 5,000 km."""

_BOUND_POINTS = 21
_MARGIN_DEGREES = 0.02


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
    if max(width, height) > MAX_PIXELS:
        return None
    return PixelGrid(crs=crs, bounds=(west, south, east, north), width=width, height=height)


@lru_cache(maxsize=64)
def surroundings(grid: PixelGrid) -> BaseGeometry | None:
    """Draw a box in lon/lat around a grid; None if the box would cross the antimeridian."""
    west, south, east, north = open_transformer(WGS84, grid.crs).transform_bounds(
        *grid.bounds, densify_pts=_BOUND_POINTS, direction=pyproj.enums.TransformDirection.INVERSE
    )
    if west > east:
        return None
    margin = _MARGIN_DEGREES
    return shapely.box(west - margin, south - margin, east + margin, north + margin)


def cut_to_box(area: BaseGeometry, box: BaseGeometry) -> BaseGeometry:
    """Cut an area to a box: far from a grid, its CRS may have no coordinates for some parts."""
    west, south, east, north = area.bounds
    left, low, right, high = box.bounds
    inside = left <= west and low <= south and east <= right and north <= high
    return area if inside else shapely.intersection(area, box)
