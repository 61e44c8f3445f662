"""Footprints: GeoJSON is read, repaired and measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import orjson
import pytest
import shapely

from floodscan.geometry.footprints import (
    bbox_of,
    bbox_polygon,
    grow_bbox,
    overlap_fractions,
    parse_footprints,
    repair,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

GROWN = {
    (10.0, 50.0, 11.0, 51.0): (9.5, 49.5, 11.5, 51.5),
    (179.0, 50.0, 179.75, 51.0): (178.5, 49.5, -179.75, 51.5),
    (-179.75, 50.0, -179.0, 51.0): (179.75, 49.5, -178.5, 51.5),
    (179.5, 50.0, -179.5, 51.0): (179.0, 49.5, -179.0, 51.5),
    (10.0, 89.75, 11.0, 90.0): (9.5, 89.25, 11.5, 90.0),
    (10.0, -90.0, 11.0, -89.75): (9.5, -90.0, 11.5, -89.25),
    (-180.0, 0.0, 180.0, 1.0): (-180.0, -0.5, 180.0, 1.5),
    (-179.75, 0.0, 179.75, 1.0): (-180.0, -0.5, 180.0, 1.5),
    (10.25, 0.0, 10.0, 1.0): (-180.0, -0.5, 180.0, 1.5),
}
"""Boxes, and the boxes with half a degree more on each side."""

RING = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]]
HOLE = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5], [0.5, 0.5]]


def footprint(geometry: dict[str, Any] | None, bbox: list[float] | None = None) -> BaseGeometry:
    """Parse one geometry."""
    parsed: BaseGeometry = parse([geometry], [bbox])[0]
    return parsed


def parse(
    geometries: list[Any], bboxes: list[list[float] | None] | None = None
) -> NDArray[np.object_]:
    """Parse geometries from text, as in a catalog's answer."""
    texts = [None if geometry is None else json.dumps(geometry).encode() for geometry in geometries]
    return parse_footprints(texts, bboxes or [None] * len(texts))[0]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    """Write rings as GeoJSON."""
    return {"type": "Polygon", "coordinates": list(rings)}


def test_many_polygons_are_read_as_shapely_reads_each() -> None:
    """Vertex by vertex."""
    geometries = [polygon(RING), polygon(RING, HOLE), polygon([[x + 9, y] for x, y in RING])]
    plain = [shapely.geometry.shape(geometry) for geometry in geometries]
    assert shapely.equals_exact(parse(geometries), plain).all()


@pytest.mark.parametrize(
    ("geometry", "area"),
    [
        (polygon(RING), 4.0),
        (polygon(RING, HOLE), 3.0),
        (polygon([[x, y, 100.0] for x, y in RING]), 4.0),
        ({"type": "MultiPolygon", "coordinates": [[], [RING]]}, 4.0),
        (polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]), 2.0),
        ({"type": "Polygon", "coordinates": []}, 0.0),
        (polygon([], RING), 0.0),
        (polygon(RING, []), 4.0),
        ({"type": "Point", "coordinates": [0, 0]}, 0.0),
        (polygon([[0, 0], [1, 1]]), 0.0),
        (polygon([[0, 0], [1, float("nan")], [1, 1], [0, 0]]), 0.0),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1e999, 0], [1, 1], [0, 0]]]}, 0.0),
        ({"type": "GeometryCollection", "geometries": [polygon(RING)]}, 0.0),
        ({}, 0.0),
        ([], 0.0),
    ],
)
def test_unusual_geometries_are_read_or_become_empty(geometry: dict[str, Any], area: float) -> None:
    """Holes, heights, empty members and crossing rings are read; other geometries become empty."""
    read = footprint(geometry)
    assert read.area == pytest.approx(area)
    assert read.is_valid


def test_an_empty_hole_does_not_crash_the_measure_of_an_overlap() -> None:
    """GEOS does not survive one in a polygon that is compared with a prepared target."""
    read = parse([polygon([[1.0, 1.0], [-1.0, 3.0], [1.0, 5.0], [1.0, 1.0]], [])])
    assert overlap_fractions(read, shapely.box(0, 2, 2, 4)).tolist() == [0.5]


@pytest.mark.filterwarnings("ignore:.*encountered in make_valid:RuntimeWarning")
def test_a_geometry_that_geos_can_not_repair_is_empty() -> None:
    """The others beside it are read as ever."""
    huge = [[0, -1e300], [1e300, 90], [-1e300, -1e300], [0, 1e300], [0, -1e300]]
    read = parse([polygon(RING), polygon(huge), polygon(RING)])
    assert shapely.area(read).tolist() == [4.0, 0.0, 4.0]


def test_one_bad_geometry_does_not_spoil_its_page() -> None:
    """The geometries beside it are read."""
    read = parse([polygon(RING), polygon([[0, 0]]), polygon(RING)])
    assert shapely.area(read).tolist() == [4.0, 0.0, 4.0]


@pytest.mark.parametrize(
    ("bbox", "area"),
    [
        ([0, 0, 2, 2], 4.0),
        ([0, 0, 5, 2, 2, 9], 4.0),
        ([179, 0, -179, 1], 2.0),
        ([0, 0, 2], 0.0),
        (None, 0.0),
    ],
)
def test_null_geometry_takes_the_bbox(bbox: list[float] | None, area: float) -> None:
    """With or without heights, across the antimeridian; without a bbox it is empty."""
    assert footprint(None, bbox).area == pytest.approx(area)


@pytest.mark.parametrize(
    "ring",
    [
        [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]],
        [[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]],
        [[-181, 0], [-179, 0], [-179, 1], [-181, 1], [-181, 0]],
    ],
)
def test_footprint_across_the_antimeridian_is_cut(ring: list[list[float]]) -> None:
    """Longitudes that jump or leave ±180° give the same two boxes."""
    read = footprint(polygon(ring))
    assert read.equals(bbox_polygon(179, 0, -179, 1))
    assert bbox_of(read) == (179, 0, -179, 1)


def test_real_antimeridian_items_are_inside_the_map(foreign_data: Path) -> None:
    """Sentinel-2 items across 180° have parts on both sides, and a narrow bbox."""
    folder = foreign_data / "planetary-computer" / "antimeridian"
    items = [orjson.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    for item, read in zip(items, parse([i["geometry"] for i in items]), strict=True):
        west, _, east, _ = bbox_of(read)
        assert -180 <= read.bounds[0] < read.bounds[2] <= 180, item["id"]
        assert (east - west) % 360 < 7, item["id"]


def test_repair_keeps_valid_footprints() -> None:
    """Vertex by vertex."""
    valid = np.array(
        [
            shapely.box(0, 0, 1, 1),
            shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)]),
        ]
    )
    assert shapely.equals_exact(repair(valid), valid).all()


def test_overlap_of_a_footprint_that_holds_the_target_is_one() -> None:
    """Exactly one for any vertices, so that full covers tie."""
    target = shapely.box(0.1, 0.1, 0.3, 0.7)
    around = [shapely.Point(0.2, 0.4).buffer(size) for size in (1, 2, 3)]
    assert overlap_fractions(np.array(around), target).tolist() == [1.0, 1.0, 1.0]


def test_overlap_is_the_plain_ratio_of_areas() -> None:
    """Random boxes give the same shares as one intersection each."""
    rng = np.random.default_rng(7)
    corners = rng.uniform(0, 3, (200, 2))
    far = corners + rng.uniform(0.1, 2, (200, 2))
    boxes = shapely.box(corners[:, 0], corners[:, 1], far[:, 0], far[:, 1])
    target = shapely.Polygon([(1, 1), (2.5, 1.2), (2, 2.4), (1.1, 1.9)])
    plain = [box.intersection(target).area / target.area for box in boxes]
    assert overlap_fractions(boxes, target) == pytest.approx(plain, abs=1e-11)


def test_overlaps_with_several_targets_are_those_with_each() -> None:
    """Footprint and target are taken in pairs."""
    targets = [shapely.box(0, 0, 2, 2), shapely.Polygon([(1, 1), (4, 1), (1, 4)])]
    footprints = [shapely.box(1, 0, 3, 3), shapely.box(0, 0, 2, 2)]
    each = [
        overlap_fractions(np.array([footprint]), target).item()
        for footprint, target in zip(footprints, targets, strict=True)
    ]
    assert overlap_fractions(np.array(footprints), np.array(targets)).tolist() == each
    assert each == [0.5, pytest.approx(2 / 9)]


def test_touching_footprint_overlaps_nothing() -> None:
    """A shared edge has no area."""
    assert overlap_fractions(
        np.array([shapely.box(1, 0, 2, 1)]), shapely.box(0, 0, 1, 1)
    ).tolist() == [0.0]


def test_an_outline_that_geos_repairs_only_in_two_passes_becomes_valid(foreign_data: Path) -> None:
    """Rounding in the first pass left some outlines of floods invalid."""
    outlines = geopandas.read_file(foreign_data / "floods" / "dfo_polys_20191203.shp").geometry
    invalid = outlines[~outlines.is_valid].to_numpy()
    assert len(invalid) == 156
    repaired = repair(invalid)
    assert shapely.is_valid(repaired).all()
    assert not shapely.is_empty(repaired).any()


@pytest.mark.parametrize("bbox", GROWN)
def test_a_box_grows_on_each_side(bbox: tuple[float, float, float, float]) -> None:
    """Across the antimeridian too, not beyond the poles, and not around the Earth."""
    assert grow_bbox(bbox, 0.5) == GROWN[bbox]
