"""Pixels and chips: the figures of the published packaging, and small grids counted by pixel."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

import floodscan
from floodscan.geometry.areas import intersect, union
from floodscan.geometry.pixel_forecasts import _list_bands, forecast_pixels
from floodscan.geometry.pixel_grid import plan_grid
from floodscan.geometry.rasters import covered_areas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries
    from floodscan.geometry.pixel_forecasts import PixelForecast
    from floodscan.geometry.pixel_grid import PixelGrid

DEMO_BBOX = (5.7333, 49.4426, 6.5282, 50.183)
SMALL_BBOX = (5.90, 49.60, 6.02, 49.68)
SEED = 20210715


def forecast(grid: PixelGrid, area: BaseGeometry | None) -> PixelForecast:
    """Count the pixels and chips of one area."""
    (made,) = forecast_pixels([grid], np.array([area], dtype=object))
    return made


def joint_area(groups: Iterable[Geometries]) -> BaseGeometry | None:
    """Join the areas of each slot's scenes, and intersect the slots."""
    return intersect(union(group) for group in groups if len(group))


def count_valid(
    area: BaseGeometry, bbox: tuple[float, float, float, float], crs: str
) -> tuple[float, int, int]:
    """Test each pixel and each chip."""
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


def test_the_forecast_of_the_reference_choices_is_that_of_the_published_packaging(
    demo_groups: list[pa.Table],
) -> None:
    """80.5 % of the pixels and 890 of 1,120 chips were valid."""
    grid = plan_grid(DEMO_BBOX, "EPSG:32632")
    assert grid is not None
    assert (grid.width, grid.height) == (6033, 8449)
    assert grid.bounds == pytest.approx(
        (263209.339809777, 5479596.684262409, 323536.45733621623, 5564086.599782167)
    )
    made = forecast(grid, joint_area([covered_areas(group) for group in demo_groups]))
    assert made.valid_pixel_frac == pytest.approx(0.80545, abs=1e-6)
    assert (made.chips, made.chips_total) == (890, 1120)


def test_straight_lines_between_corners_would_forecast_too_much(
    demo_groups: list[pa.Table],
) -> None:
    """Without the rasters' squares the forecast is 80.730 % and 892 chips."""
    grid = plan_grid(DEMO_BBOX, "EPSG:32632")
    assert grid is not None
    place = demo_groups[0].schema.get_field_index("proj_epsg")
    bare = [
        covered_areas(g.set_column(place, "proj_epsg", pa.nulls(len(g), pa.int32())))
        for g in demo_groups
    ]
    made = forecast(grid, joint_area(bare))
    assert (round(made.valid_pixel_frac, 5), made.chips) == (0.8073, 892)


@pytest.mark.parametrize("seed", range(12))
def test_pixels_and_chips_are_counted_as_one_by_one(seed: int) -> None:
    """Runs of pixels give the same counts, for polygons with holes and several parts."""
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
    made = forecast(grid, area)
    assert made.valid_pixel_frac == pytest.approx(frac, abs=3 / (grid.width * grid.height))
    assert (made.chips, made.chips_total) == (chips, total)


@pytest.mark.parametrize("margin", [-0.01, 0.03])
def test_the_direction_of_rings_does_not_count(margin: float) -> None:
    """Shells and holes run clockwise or not, inside the grid and far around it."""
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    shell = shapely.box(*SMALL_BBOX).buffer(margin, join_style="mitre").exterior
    hole = shapely.box(5.93, 49.62, 5.99, 49.65).exterior
    areas = [
        shapely.Polygon(outer.coords, [inner.coords])
        for outer in (shell, shell.reverse())
        for inner in (hole, hole.reverse())
    ]
    frac, chips, _ = count_valid(areas[0], SMALL_BBOX, "EPSG:32632")
    (made,) = {forecast(grid, area) for area in areas}
    assert made.valid_pixel_frac == pytest.approx(frac, abs=3 / (grid.width * grid.height))
    assert made.chips == chips


def test_without_an_area_no_pixel_is_valid() -> None:
    """No scene, an empty area, a line, or an area far from the grid."""
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    line = shapely.LineString([(5.9, 49.6), (6.0, 49.7)])
    for nothing in (None, shapely.Polygon(), line, shapely.box(20, 20, 21, 21)):
        assert forecast(grid, nothing).valid_pixel_frac == 0
        assert forecast(grid, nothing).chips == 0
    assert joint_area([]) is None


def test_in_an_area_around_the_grid_all_pixels_are_valid() -> None:
    """For slightly and for much larger areas."""
    grid = plan_grid(SMALL_BBOX, "EPSG:32632")
    assert grid is not None
    for larger in (0.01, 0.05, 5.0):
        made = forecast(grid, shapely.box(*SMALL_BBOX).buffer(larger, join_style="mitre"))
        assert (made.valid_pixel_frac, made.chips, made.chips_total) == (
            1.0,
            *[np.prod(grid.chips_shape)] * 2,
        )


def test_a_grid_across_the_antimeridian_is_one_box() -> None:
    """Its width is that of the area, and areas at both sides of it fill it together."""
    bbox = (179.9, -17.1, -179.9, -17.0)
    grid = plan_grid(bbox, "EPSG:32760")
    assert grid is not None
    assert grid.width == pytest.approx(2140, abs=10)
    halves = shapely.MultiPolygon(
        [shapely.box(179, -18, 180, -16), shapely.box(-180, -18, -179, -16)]
    )
    assert forecast(grid, halves).valid_pixel_frac == 1.0
    assert forecast(grid, shapely.box(179, -18, 180, -16)).valid_pixel_frac == pytest.approx(
        0.5, abs=0.01
    )


def test_areas_of_several_grids_are_counted_as_each_alone() -> None:
    """In two systems, with all, some and none of the pixels; and no area at all."""
    bbox_of = {"EPSG:32632": SMALL_BBOX, "EPSG:32760": (179.9, -17.1, -179.9, -17.0)}
    grids = [plan_grid(bbox, crs) for crs, bbox in bbox_of.items() for _ in range(4)]
    hole = shapely.box(5.9, 49.6, 6.0, 49.7) - shapely.box(5.93, 49.62, 5.99, 49.65)
    areas = [hole, None, shapely.box(0, 40, 10, 60), shapely.Polygon()]
    areas += [None, shapely.box(179, -18, 179.95, -16), shapely.box(0, 0, 1, 1), hole]
    known = [grid for grid in grids if grid is not None]
    together = forecast_pixels(known, np.array(areas, dtype=object))
    assert together == [forecast(*each) for each in zip(known, areas, strict=True)]
    assert [made.valid_pixel_frac > 0 for made in together] == [True, False] * 2 + [
        *(False, True, False, False)
    ]
    assert forecast_pixels([], np.array([], dtype=object)) == []


@pytest.mark.parametrize("bbox", [(5.9, 49.6, 5.93, 49.68), (5.9, 49.6, 6.02, 49.615)])
def test_a_grid_narrower_than_a_chip_has_pixels_and_no_chips(
    bbox: tuple[float, float, float, float],
) -> None:
    """In either direction."""
    grid = plan_grid(bbox, "EPSG:32632")
    assert grid is not None
    assert min(grid.width, grid.height) < 256 < max(grid.width, grid.height)
    area = shapely.box(5.9, 49.6, 5.92, 49.66)
    made = forecast(grid, area)
    frac, *_ = count_valid(area, bbox, "EPSG:32632")
    assert made.valid_pixel_frac == pytest.approx(frac, abs=3 / (grid.width * grid.height))
    assert (made.chips, made.chips_total) == (0, 0)


def test_a_chip_is_three_bands_of_pixels() -> None:
    """The outer two bands are shared with the neighbouring chips; the middle one is its own."""
    bands = _list_bands()
    for chip in (0, 1, 2, 100):
        pixels = np.flatnonzero((bands >= 2 * chip) & (bands <= 2 * chip + 2))
        assert pixels.tolist() == list(range(208 * chip, 208 * chip + 256))
