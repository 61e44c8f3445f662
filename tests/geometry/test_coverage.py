"""What scenes cover: figures of the published packaging, and small grids counted pixel by pixel."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

import floodscan
from floodscan.geometry.areas import area_fracs, intersect, union
from floodscan.geometry.pixel_grid import forecast_pixels, plan_grid
from floodscan.geometry.projections import open_transformer
from floodscan.geometry.rasters import covered_areas
from floodscan.testing.tile_grids import TILE_METRES, tile_footprint, tile_square

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries

DEMO_BBOX = (5.7333, 49.4426, 6.5282, 50.183)
SMALL_BBOX = (5.90, 49.60, 6.02, 49.68)
SEED = 20210715


def joint_ground(groups: Iterable[Geometries]) -> BaseGeometry | None:
    """Keep what every slot's scenes cover: joined within a slot, intersected over the slots.

    None of none.
    """
    return intersect(union(group) for group in groups if len(group))


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


def count_valid(
    area: BaseGeometry, bbox: tuple[float, float, float, float], crs: str
) -> tuple[float, int, int]:
    """Count valid pixels and chips one by one."""
    grid = plan_grid(bbox, crs)
    assert grid is not None
    west, south, east, north = grid.bounds
    xs = west + (np.arange(grid.width) + 0.5) * (east - west) / grid.width
    ys = north - (np.arange(grid.height) + 0.5) * (north - south) / grid.height
    back = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    valid = shapely.contains_xy(area, *back.transform(*np.meshgrid(xs, ys)))
    places = [
        (r, c) for r in range(0, grid.height - 255, 208) for c in range(0, grid.width - 255, 208)
    ]
    chips = [valid[r : r + 256, c : c + 256].mean() >= 0.8 for r, c in places]
    return valid.mean(), sum(chips), len(chips)


@pytest.fixture(scope="module")
def demo_groups(tmp_path_factory: pytest.TempPathFactory) -> list[pa.Table]:
    """The scenes that the reference policy chose on the demo, by slot."""
    run = floodscan.scan("demo", out=tmp_path_factory.mktemp("run") / "out")
    table = run.folder.read_candidates()
    table = table.filter(table["selected"])
    slots = zip(table["phase"].to_pylist(), table["sensor"].to_pylist(), strict=True)
    numbers = [number for number, (_, rows) in enumerate(groupby(slots)) for _ in rows]
    return [
        table.filter(pa.array(np.array(numbers) == number)) for number in range(numbers[-1] + 1)
    ]


def test_reference_choices_promise_what_packaging_made_of_them(demo_groups: list[pa.Table]) -> None:
    """80.5 % of the pixels and 890 of 1,120 chips were valid."""
    grid = plan_grid(DEMO_BBOX, "EPSG:32632")
    assert grid is not None
    assert (grid.width, grid.height) == (6033, 8449)
    assert grid.bounds == pytest.approx(
        (263209.339809777, 5479596.684262409, 323536.45733621623, 5564086.599782167)
    )
    made = forecast_pixels(grid, joint_ground([covered_areas(group) for group in demo_groups]))
    assert made.valid_pixel_frac == pytest.approx(0.80545, abs=1e-6)
    assert (made.chips, made.chips_total) == (890, 1120)


def test_straight_lines_between_corners_would_promise_too_much(demo_groups: list[pa.Table]) -> None:
    """Without the squares it would be 80.730 % and 892 chips."""
    grid = plan_grid(DEMO_BBOX, "EPSG:32632")
    assert grid is not None
    bare = [
        covered_areas(g.set_column(18, "proj_epsg", pa.nulls(len(g), pa.int32())))
        for g in demo_groups
    ]
    assert demo_groups[0].schema.names[18] == "proj_epsg"
    made = forecast_pixels(grid, joint_ground(bare))
    assert (round(made.valid_pixel_frac, 5), made.chips) == (0.8073, 892)


@pytest.mark.parametrize("seed", range(12))
def test_pixels_and_chips_are_those_counted_one_by_one(seed: int) -> None:
    """Runs of rows give what a test of every pixel gives, for polygons with holes and several parts."""
    rng = np.random.default_rng(SEED + seed)
    west, south, east, north = SMALL_BBOX
    corners = rng.uniform((west - 0.02, south - 0.02), (east + 0.02, north + 0.02), (4, 3, 2))
    area = shapely.make_valid(shapely.MultiPolygon([(c, []) for c in corners]), method="structure")
    area = (
        shapely.segmentize(shapely.difference(shapely.box(*SMALL_BBOX), area), 0.001)
        if seed % 2
        else area
    )
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    frac, chips, total = count_valid(area, SMALL_BBOX, "EPSG:32632")
    made = forecast_pixels(grid, area)
    assert made.valid_pixel_frac == pytest.approx(frac, abs=3 / (grid.width * grid.height))
    assert (made.chips, made.chips_total) == (chips, total)


def test_nothing_chosen_promises_nothing() -> None:
    """No scene, no ground, no pixel."""
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    for nothing in (None, shapely.Polygon(), shapely.box(20, 20, 21, 21)):
        assert forecast_pixels(grid, nothing).valid_pixel_frac == 0
        assert forecast_pixels(grid, nothing).chips == 0
    assert joint_ground([]) is None


def test_an_area_that_holds_the_grid_promises_all_of_it() -> None:
    """However much larger it is."""
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    for larger in (0.01, 0.05, 5.0):
        made = forecast_pixels(grid, shapely.box(*SMALL_BBOX).buffer(larger, join_style="mitre"))
        assert (made.valid_pixel_frac, made.chips, made.chips_total) == (
            1.0,
            *[np.prod(grid.chips_shape)] * 2,
        )


@pytest.mark.parametrize(("crs", "lon", "lat"), [
    ("EPSG:32601", -179.0, 60.0), ("EPSG:32632", 11.0, 50.0), ("EPSG:32760", 179.0, -20.0), ("EPSG:32661", 20.0, 85.0),
    ("EPSG:3035", 11.0, 50.0),
])  # fmt: skip
def test_a_zone_spelled_out_gives_the_numbers_of_its_code(crs: str, lon: float, lat: float) -> None:
    """To the last bit, both ways; what is no UTM zone is looked up."""
    rng = np.random.default_rng(SEED)
    places = np.array([rng.uniform(lon - 1, lon + 1, 100), rng.uniform(lat - 2, lat + 2, 100)])
    metres = rng.uniform(2e5, 8e6, (2, 100))
    for ends, points in ((("OGC:CRS84", crs), places), ((crs, "OGC:CRS84"), metres)):
        looked_up = pyproj.Transformer.from_crs(*ends, always_xy=True)
        assert np.array_equal(
            open_transformer(*ends).transform(*points), looked_up.transform(*points)
        )


def test_a_grid_across_the_antimeridian_is_one_box() -> None:
    """Its width is that of the area, and parts at both sides make it whole."""
    bbox = (179.9, -17.1, -179.9, -17.0)
    grid = plan_grid(bbox, "EPSG:32760")
    assert grid is not None
    assert grid.width == pytest.approx(2140, abs=10)
    halves = shapely.MultiPolygon(
        [shapely.box(179, -18, 180, -16), shapely.box(-180, -18, -179, -16)]
    )
    assert forecast_pixels(grid, halves).valid_pixel_frac == 1.0
    assert forecast_pixels(grid, shapely.box(179, -18, 180, -16)).valid_pixel_frac == pytest.approx(
        0.5, abs=0.01
    )


def test_a_whole_tile_covers_its_square() -> None:
    """The true edge bulges beyond the straight line in one place and stays within it in another."""
    straight = tile_footprint("31UGR")
    (ground,) = covered_areas(scene_rows("31UGR", straight))
    back = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32631", always_xy=True)
    square = shapely.transform(ground, lambda p: np.column_stack(back.transform(*p.T)))
    epsg, left, top = tile_square("31UGR")
    assert epsg == 32631
    want = shapely.box(left, top - TILE_METRES, left + TILE_METRES, top)
    assert square.symmetric_difference(want).area < 1e-7 * want.area
    assert ground.symmetric_difference(straight).area > 1e-3 * straight.area


def test_what_a_footprint_lacks_the_square_lacks_too() -> None:
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


def test_a_scene_without_a_grid_covers_its_footprint() -> None:
    """No square is made up."""
    footprint = tile_footprint("31UGR")
    rows = scene_rows("31UGR", footprint)
    for column, nothing in (("proj_epsg", pa.int32()), ("proj_bbox", pa.list_(pa.float64()))):
        place = rows.schema.get_field_index(column)
        (ground,) = covered_areas(rows.set_column(place, column, pa.nulls(1, nothing)))
        assert ground == footprint
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


def test_shares_are_of_equal_area() -> None:
    """The poleward half of a box in degrees is the smaller one.

    Checked against the ellipsoid's geodesics.
    """
    target = shapely.box(10, 50, 12, 60)
    half = shapely.box(10, 55, 12, 60)
    geod = pyproj.Geod(ellps="WGS84")
    dense = [
        abs(geod.geometry_area_perimeter(shapely.segmentize(box, 0.01))[0])
        for box in (half, target)
    ]
    assert area_fracs([half], target)[0] == pytest.approx(dense[0] / dense[1], abs=1e-6)
    assert area_fracs([half], target)[0] < 0.48
    assert area_fracs([shapely.box(0, 0, 90, 80)], target)[0] == 1.0
    assert area_fracs([shapely.box(0, 0, 1, 1)], target)[0] == 0.0
