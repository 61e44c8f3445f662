"""The targets of an event: its area of interest and, if the recipe asks for them, its tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from floodscan.geometry.footprints import bbox_of, repair
from floodscan.geometry.projections import open_transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox, Geometries
    from floodscan.model import Event

    Indices = NDArray[np.int64]

AOI = "aoi"
"""The ``target_id`` of the area of interest itself."""

_WGS84 = "OGC:CRS84"
_EDGE_PARTS = 8
_EDGE_DEGREES = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """An area that scenes are chosen for.

    Attributes:
        target_id: ``aoi``, or ``tile_COLUMN_ROW`` for a cell of a grid in the event's target CRS.
        area: Polygon or polygons, WGS 84.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
    """

    target_id: str
    area: BaseGeometry
    bbox: BBox


def plan_targets(event: Event, tile_size_m: float | None) -> list[Target]:
    """List the targets of an event: the AOI first, then its tiles by column and row.

    Tiles are cells of a square grid that starts at the origin of the event's target CRS. So a cell
    has the same name for all events of one UTM zone. In lon/lat, each edge of a cell is a line of
    eight straight parts.

    Args:
        event: The event.
        tile_size_m: Edge length of a tile in metres; None makes no tiles.
    """
    whole = Target(AOI, event.aoi, event.bbox)
    if tile_size_m is None:
        return [whole]
    columns, rows = _cells(event, tile_size_m)
    areas = shapely.intersection(
        _cell_areas(columns, rows, tile_size_m, event.target_crs), event.aoi
    )
    tiles = [
        Target(f"tile_{column}_{row}", area, bbox_of(area))
        for column, row, area in zip(columns, rows, map(_polygonal, areas), strict=True)
        if not area.is_empty
    ]
    return [whole, *tiles]


def _cells(event: Event, size_m: float) -> tuple[Indices, Indices]:
    """List the columns and rows of the cells in the AOI's bounds in the target CRS, shape (n,)."""
    edge = shapely.segmentize(np.array([event.aoi]), _EDGE_DEGREES)
    west, south, east, north = shapely.total_bounds(_reproject(edge, _WGS84, event.target_crs))
    columns = np.arange(np.floor(west / size_m), np.ceil(east / size_m), dtype=int)
    rows = np.arange(np.floor(south / size_m), np.ceil(north / size_m), dtype=int)
    grid_columns, grid_rows = np.meshgrid(columns, rows, indexing="ij")
    return grid_columns.ravel(), grid_rows.ravel()


def _cell_areas(columns: Indices, rows: Indices, size_m: float, crs: str) -> Geometries:
    cells = shapely.box(
        columns * size_m, rows * size_m, (columns + 1) * size_m, (rows + 1) * size_m
    )
    dense = shapely.segmentize(cells, size_m / _EDGE_PARTS)
    return repair(_reproject(dense, crs, _WGS84))


def _reproject(geometries: Geometries, source: str, target: str) -> Geometries:
    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(open_transformer(source, target).transform(*points.T))

    moved: Geometries = shapely.transform(geometries, move)
    return moved


def _polygonal(area: BaseGeometry) -> BaseGeometry:
    """Drop points and lines: an AOI that only touches an edge of the tile leaves such parts."""
    if area.geom_type in {"Polygon", "MultiPolygon"}:
        return area
    return shapely.union_all([part for part in shapely.get_parts(area) if part.area > 0])
