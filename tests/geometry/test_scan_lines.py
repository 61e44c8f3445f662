"""Where outlines cross rows, and ranges that are laid end to end."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from floodscan.geometry.scan_lines import cross_rows, ragged_arange

SEED = 20210715


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([2, 0, 3], [0, 1, 0, 1, 2]), ([0], []), ([], []), ([1, 1], [0, 0])],
)
def test_ranges_are_joined(counts: list[int], expected: list[int]) -> None:
    """Each range counts from 0; an empty one leaves nothing."""
    assert ragged_arange(np.array(counts, dtype=np.int64)).tolist() == expected


def crossings(ring: list[tuple[float, float]], rows: list[float]) -> list[tuple[int, float]]:
    """List the crossings of one ring: row and place, sorted."""
    xs, ys = np.array([*ring, ring[0]], dtype=np.float64).T
    same_ring = np.ones(len(xs) - 1, dtype=bool)
    found = cross_rows(xs, ys, same_ring, np.array(rows))
    return sorted(zip(found.rows.tolist(), found.xs.tolist(), strict=True))


def test_a_square_crosses_each_row_twice() -> None:
    """Rows above and below it are not crossed."""
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0)]
    assert crossings(square, [-1.0, 0.5, 1.5, 3.0]) == [(1, 0.0), (1, 4.0), (2, 0.0), (2, 4.0)]


def test_a_row_through_a_vertex_is_crossed_an_even_number_of_times() -> None:
    """The lower end of an edge counts, its upper end does not."""
    diamond = [(0.0, 0.0), (1.0, 1.0), (0.0, 2.0), (-1.0, 1.0)]
    assert crossings(diamond, [0.0, 1.0, 2.0]) == [(0, 0.0), (0, 0.0), (1, -1.0), (1, 1.0)]


def test_a_point_lies_inside_after_an_odd_number_of_crossings() -> None:
    """For polygons with holes and several parts, as shapely finds it."""
    rng = np.random.default_rng(SEED)
    rows = np.linspace(0.05, 0.95, 10)
    points = rng.uniform(0, 1, (10, 50))
    for _ in range(20):
        corners = rng.uniform(0, 1, (4, 3, 2))
        area = shapely.make_valid(shapely.MultiPolygon([(c, []) for c in corners]))
        area = shapely.box(0.1, 0.1, 0.9, 0.9) - area
        rings = shapely.get_rings(shapely.get_parts(area))
        (xs, ys), of_rings = (
            shapely.get_coordinates(rings).T,
            shapely.get_coordinates(rings, return_index=True)[1],
        )
        found = cross_rows(xs, ys, of_rings[1:] == of_rings[:-1], rows)
        for row, y in enumerate(rows):
            west = found.xs[found.rows == row][:, None] < points[row]
            inside = shapely.contains_xy(area, points[row], y)
            assert (west.sum(axis=0) % 2 == 1).tolist() == inside.tolist()
