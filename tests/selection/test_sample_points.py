"""Sample points of a target, and the sets of points that areas cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from floodscan.geometry.areas import area_fracs
from floodscan.geometry.footprints import bbox_of, bbox_polygon
from floodscan.planning.targets import Target
from floodscan.selection.sample_points import (
    ALL_POINTS,
    N_POINTS,
    _parities,
    all_covered_points,
    covered_points,
    place_all_sample_points,
    place_sample_points,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.selection.sample_points import SamplePoints

SEED = 20210715
TARGETS = {
    "box": shapely.box(10, 50, 11, 51),
    "triangle": shapely.Polygon([(10, 50), (11, 50), (10, 51)]),
    "parts": shapely.union_all([shapely.box(10, 50, 10.1, 50.1), shapely.box(10.7, 50.9, 11, 51)]),
    "antimeridian": bbox_polygon(179.5, 50, -179.5, 51),
}


def make_target(area: BaseGeometry) -> Target:
    """Make the AOI's target."""
    return Target(target_id="aoi", area=area, bbox=bbox_of(area))


def coordinates(points: SamplePoints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the longitudes and latitudes of points, longitudes within ±180°."""
    rows = np.minimum(np.floor(points.places).astype(int), len(points.latitudes) - 1)
    lons = points.west + (points.places - rows) * points.width
    return (lons + 180) % 360 - 180, points.latitudes[rows]


def bits(inside: NDArray[np.bool_]) -> int:
    """Make a set of points."""
    return int.from_bytes(np.packbits(inside, bitorder="little").tobytes(), "little")


@pytest.mark.parametrize("name", TARGETS)
def test_all_points_lie_inside_the_target(name: str) -> None:
    """So the target covers all of its points."""
    area = TARGETS[name]
    points = place_sample_points(make_target(area))
    assert len(points.places) == N_POINTS
    assert shapely.contains_xy(area, *coordinates(points)).all()
    assert covered_points(points, np.array([area])) == [ALL_POINTS]


@pytest.mark.parametrize("name", TARGETS)
def test_an_area_covers_the_points_inside_it(name: str) -> None:
    """As shapely finds them, point by point, for areas with holes and several parts."""
    target = make_target(TARGETS[name])
    points = place_sample_points(target)
    rng = np.random.default_rng(SEED)
    west, south, east, north = TARGETS["box"].bounds
    shift = 169.5 if name == "antimeridian" else 0.0
    areas = []
    for _ in range(20):
        corners = rng.uniform((west, south), (east, north), (4, 3, 2))
        corners[..., 0] += shift
        area = shapely.make_valid(shapely.MultiPolygon([(c, []) for c in corners]))
        turned = shapely.transform(area, lambda xy: xy - (360, 0))
        inside = shapely.union_all([area & shapely.box(-180, -90, 180, 90), turned])
        areas.append(inside & shapely.box(-180, -90, 180, 90))
    expected = [bits(shapely.contains_xy(area, *coordinates(points))) for area in areas]
    assert covered_points(points, np.array(areas)) == expected


def test_the_number_of_points_follows_the_area() -> None:
    """To a percent of the target, also far from the equator."""
    area = shapely.box(10, 60, 12, 70)
    points = place_sample_points(make_target(area))
    half = shapely.box(10, 65, 12, 70)
    (covered,) = covered_points(points, np.array([half]))
    assert covered.bit_count() / N_POINTS == pytest.approx(area_fracs([half], area)[0], abs=0.01)


def test_the_bits_between_two_crossings_are_set() -> None:
    """The example of ``all_covered_points``; crossings in one word count in all later ones."""
    assert parities(0b1_0010_1010) & 0b1111_1111 == 0b0_1110_0110
    assert parities(1 << N_POINTS) & ALL_POINTS == 0
    assert parities(1) & ALL_POINTS == ALL_POINTS
    assert parities(1 << 10 | 1 << 700) == (1 << 700) - (1 << 10)


def parities(bits: int) -> int:
    """Set each bit to the parity of all bits up to it."""
    words = np.frombuffer(bits.to_bytes(N_POINTS // 8 + 8, "little"), dtype="<u8")
    return int.from_bytes(_parities(words[np.newaxis]).tobytes(), "little")


def test_targets_are_sampled_as_each_by_itself() -> None:
    """With rows and widths of their own, and areas that are unlike in number."""
    targets = [make_target(area) for area in TARGETS.values()]
    alone = [place_sample_points(target) for target in targets]
    together = place_all_sample_points(targets)
    areas = np.array([target.area.buffer(-0.01 * n) for n in (1, 2) for target in targets])
    of_areas = np.array([0, 0, 0, 2, 2, 3, 3, 3])
    expected = [
        covered_points(alone[target], areas[n : n + 1])[0] for n, target in enumerate(of_areas)
    ]
    assert all_covered_points(together, areas, of_areas) == expected
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.places, other.places)
        np.testing.assert_array_equal(one.latitudes, other.latitudes)
