"""The areas that the pixels of scenes cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from floodscan.geometry.areas import area_fracs, union
from floodscan.geometry.rasters import covered_areas
from floodscan.testing.tile_grids import TILE_METRES, tile_footprint, tile_square

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def scene_rows(tile: str, *footprints: BaseGeometry) -> pa.Table:
    """Make rows of one tile's scenes."""
    epsg, left, top = tile_square(tile)
    edges = [left, top - TILE_METRES, left + TILE_METRES, top]
    return pa.table({
        "geometry": pa.array([f.wkb for f in footprints], pa.binary()),
        "mgrs_tile": [tile] * len(footprints),
        "proj_epsg": [epsg] * len(footprints),
        "proj_bbox": [edges] * len(footprints),
    })  # fmt: skip


def test_a_whole_tile_covers_its_square() -> None:
    """The square's edge lies outside the straight line in one place and inside it in another."""
    straight = tile_footprint("31UGR")
    (area,) = covered_areas(scene_rows("31UGR", straight))
    back = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32631", always_xy=True)
    square = shapely.transform(area, lambda p: np.column_stack(back.transform(*p.T)))
    epsg, left, top = tile_square("31UGR")
    assert epsg == 32631
    want = shapely.box(left, top - TILE_METRES, left + TILE_METRES, top)
    assert square.symmetric_difference(want).area < 1e-7 * want.area
    assert area.symmetric_difference(straight).area > 1e-3 * straight.area


def test_parts_that_a_footprint_leaves_out_stay_left_out() -> None:
    """Half a tile, cut by a swath's edge, keeps the cut."""
    straight = tile_footprint("31UGR")
    west, south, east, north = straight.bounds
    seen = straight.intersection(shapely.box(west, south, (west + east) / 2, north))
    whole, half = covered_areas(scene_rows("31UGR", straight, seen))
    assert half.bounds[2] <= (west + east) / 2 + 1e-3
    assert half.difference(whole).area == pytest.approx(0, abs=1e-7)
    assert area_fracs([half], seen)[0] > 0.99


def test_two_halves_of_a_tile_make_the_tile() -> None:
    """Split granules with complementary footprints leave no gap."""
    straight = tile_footprint("31UGR")
    west, south, east, north = straight.bounds
    middle = (south + north) / 2
    parts = [
        straight.intersection(shapely.box(west, *ys))
        for ys in ((south, east, middle), (middle, east, north))
    ]
    lower, upper, whole = covered_areas(scene_rows("31UGR", *parts, straight))
    assert area_fracs([union(np.array([lower, upper]))], whole)[0] > 0.9999


def test_a_scene_without_a_raster_covers_its_footprint() -> None:
    """Without a CRS or edges, and with edges far from the footprint."""
    footprint = tile_footprint("31UGR")
    rows = scene_rows("31UGR", footprint)
    for column, nothing in (("proj_epsg", pa.int32()), ("proj_bbox", pa.list_(pa.float64()))):
        place = rows.schema.get_field_index(column)
        (area,) = covered_areas(rows.set_column(place, column, pa.nulls(1, nothing)))
        assert area == footprint
    far = scene_rows("31UGR", shapely.box(100, 0, 101, 1))
    assert covered_areas(far)[0] == shapely.box(100, 0, 101, 1)


def test_a_scene_with_edges_of_no_square_covers_its_footprint() -> None:
    """A raster without a width in degrees is no raster."""
    footprint = tile_footprint("31UGR")
    rows = scene_rows("31UGR", footprint)
    _, south, _, north = rows["proj_bbox"][0].as_py()
    edges = pa.array([[0.0, south, 1e-11, north]], pa.list_(pa.float64()))
    (area,) = covered_areas(
        rows.set_column(rows.schema.get_field_index("proj_bbox"), "proj_bbox", edges)
    )
    assert area == footprint
