"""Random areas, and the classes of all their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio.features import geometry_mask

from floodscan.clearsky.base import Area
from floodscan.geometry.footprints import bbox_of
from floodscan.planning.targets import Target
from floodscan.testing.scene_classes import PIXEL_M

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.testing.scene_classes import TilePlace

    Shares = NDArray[np.float64]


def draw_area(random: np.random.Generator, place: TilePlace) -> BaseGeometry:
    """Draw a polygon of 3 to 60 km with its centre on a tile, in metres."""
    radius = random.uniform(1_500, 30_000)
    west, south, east, north = place.bounds
    centre = np.array([random.uniform(west, east), random.uniform(south, north)])
    turns = np.sort(random.uniform(0, 2 * np.pi, 12))
    radii = random.uniform(0.6, 1, 12) * radius
    corners = centre + radii[:, None] * np.column_stack([np.cos(turns), np.sin(turns)])
    return shapely.convex_hull(shapely.MultiPoint(corners))


def to_area(area: BaseGeometry, place: TilePlace) -> Area:
    """Make a target of an area in the metres of a tile."""
    back = Transformer.from_crs(f"EPSG:{place.epsg}", "OGC:CRS84", always_xy=True)
    dense = shapely.segmentize(area, 1_000)
    whole = shapely.transform(dense, lambda xy: np.column_stack(back.transform(*xy.T)))
    return Area.of(Target("aoi", whole, bbox_of(whole)))


def count_all(classes: NDArray[np.uint8], place: TilePlace, area: BaseGeometry) -> Shares:
    """Count the classes of all pixels with their centres in an area; 0 is outside the tile."""
    west, south, east, north = area.bounds
    first = int((west - place.west) // PIXEL_M), int((place.north - north) // PIXEL_M)
    last = int((east - place.west) // PIXEL_M), int((place.north - south) // PIXEL_M)
    columns, rows = (np.arange(start, end + 1) for start, end in zip(first, last, strict=True))
    grid = rasterio.Affine(
        *(PIXEL_M, 0, place.west + first[0] * PIXEL_M),
        *(0, -PIXEL_M, place.north - first[1] * PIXEL_M),
    )
    inside = geometry_mask([area], (len(rows), len(columns)), grid, invert=True)
    on_tile = np.ix_(
        *((each >= 0) & (each < len(classes)) for each in (rows, columns)),
    )
    found = np.zeros(inside.shape, np.uint8)
    found[on_tile] = classes[
        np.ix_(*(each[(each >= 0) & (each < len(classes))] for each in (rows, columns)))
    ]
    shares: Shares = np.bincount(found[inside], minlength=12) / inside.sum()
    return shares
