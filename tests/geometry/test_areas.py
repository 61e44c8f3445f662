"""Equal-area shares."""

from __future__ import annotations

import pyproj
import pytest
import shapely

from floodscan.geometry.areas import area_fracs


def test_shares_are_of_equal_area() -> None:
    """The half of a box nearer to the pole is the smaller one, as on the ellipsoid's geodesics."""
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
