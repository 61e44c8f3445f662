"""Circles around points, and pieces of areas."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from floodscan.event_lists.places import cut_area, draw_circle
from floodscan.geometry.areas import area_km2
from floodscan.inputs.areas import parse_area
from floodscan.inputs.notices import FieldError

EARTH = pyproj.Geod(ellps="WGS84")


@pytest.mark.parametrize(("lon", "lat"), [(9, 49), (179.99, -17), (-180, 0), (0, 80)])
def test_each_corner_of_a_circle_is_as_far_from_the_point(lon: float, lat: float) -> None:
    """Also across 180°, where the area is split later."""
    circle = draw_circle(shapely.Point(lon, lat), 20, hint="")
    corners = shapely.get_coordinates(circle)
    _, _, meters = EARTH.inv(np.full(65, lon), np.full(65, lat), *corners.T)
    assert meters == pytest.approx(20_000)
    area, _ = parse_area("geometry", circle, lambda *_, **__: None)
    assert area_km2(area) == pytest.approx(1256, rel=0.01)


@pytest.mark.parametrize(
    ("lon", "lat", "radius", "message"),
    [
        (0, 89.9, 20, "contains a pole"),
        (0, -90, 1, "contains a pole"),
        (500_000, 49, 20, "is not within ±180° and ±90°"),
        (0, 91, 20, "is not within ±180° and ±90°"),
        (float("nan"), 0, 20, "is not within ±180° and ±90°"),
        (0, 0, None, "is a point, which has no area; do that"),
    ],
)
def test_a_circle_that_is_no_area_is_a_reason(
    lon: float, lat: float, radius: float | None, message: str
) -> None:
    """With the problem."""
    with pytest.raises(FieldError, match=message):
        draw_circle(shapely.Point(lon, lat), radius, hint="do that")


@settings(deadline=None)
@given(
    west=st.floats(-180, 170),
    south=st.floats(-80, 70),
    width=st.floats(0.1, 30),
    height=st.floats(0.1, 10),
    pieces=st.integers(1, 40),
)
def test_pieces_make_up_the_area(
    west: float, south: float, width: float, height: float, pieces: int
) -> None:
    """Small enough, valid, on the map, and without overlap."""
    box = shapely.box(west, south, west + width, south + height)
    area, _ = parse_area("geometry", box, lambda *_, **__: None)
    limit = area_km2(area) / pieces * 1.01
    cut = np.array(cut_area(area, limit), dtype=object)
    assert all(area_km2(piece) <= limit for piece in cut)
    assert shapely.is_valid(cut).all()
    assert np.abs(shapely.bounds(cut)[:, [0, 2]]).max() <= 180
    assert sum(map(area_km2, cut)) == pytest.approx(area_km2(area), rel=1e-6)
    assert shapely.union_all(cut).area == pytest.approx(area.area, rel=1e-6)
