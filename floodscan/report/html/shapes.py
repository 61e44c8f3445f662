"""Areas and footprints as short lists of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Geometries = NDArray[np.object_]
    Rings = list[list[int]]

STEPS_PER_DEGREE = 2000
"""Coordinates are counted in these steps, of about 50 m."""

_PARTS_OF_A_SHAPE = 600  # a shape is drawn some hundred pixels wide


def encode_shapes(shapes: Geometries, lons: Sequence[float]) -> list[Rings]:
    """Write the rings of polygons as steps of longitude and latitude.

    Args:
        shapes: Polygons or multipolygons in degrees, shape (n,).
        lons: Longitudes of each shape are brought to within 180° of this one, shape (n,). So a
            shape across the antimeridian is whole.

    Returns:
        For each shape its rings; each ring as ``encode_line`` writes it, closed.
    """
    moved = _bring(shapes, np.asarray(lons))
    bounds = np.nan_to_num(shapely.bounds(moved))
    sizes = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    parts, of_shape = shapely.get_parts(
        shapely.simplify(moved, sizes / _PARTS_OF_A_SHAPE), return_index=True
    )
    rings, of_part = shapely.get_rings(parts, return_index=True)
    encoded: list[Rings] = [[] for _ in range(len(shapes))]
    lines = encode_lines(rings, STEPS_PER_DEGREE)
    for shape, line in zip(of_shape[of_part].tolist(), lines, strict=True):
        encoded[shape].append(line)
    return encoded


def encode_lines(lines: Geometries, steps_per_degree: float) -> list[list[int]]:
    """Write lines as their first point and the differences of each point from the one before it.

    Args:
        lines: Lines or rings in degrees, shape (n,).
        steps_per_degree: Fineness of the result.

    Returns:
        For each line longitude, latitude, change of longitude, change of latitude, …, in steps.
    """
    points, line = shapely.get_coordinates(lines, return_index=True)
    steps = np.rint(points * steps_per_degree).astype(np.int64)
    if not len(lines):
        return []
    starts = np.searchsorted(line, np.arange(len(lines)))
    changes = np.diff(steps, axis=0, prepend=0)
    changes[starts] = steps[starts]
    return [each.ravel().tolist() for each in np.split(changes, starts[1:])]


def _bring(shapes: Geometries, lons: NDArray[np.float64]) -> Geometries:
    """Move shapes by whole turns next to longitudes, and join the parts of those cut at 180°."""
    points, shape = shapely.get_coordinates(shapes, return_index=True)
    is_cut = np.zeros(len(shapes), dtype=bool)
    is_cut[shape[np.abs(points[:, 0]) == 180]] = True  # noqa: PLR2004 - degrees
    points[:, 0] -= 360 * np.floor((points[:, 0] - lons[shape] + 180) / 360)
    moved = shapely.set_coordinates(shapes.copy(), points)
    for number in np.flatnonzero(is_cut):
        moved[number] = shapely.union_all(shapely.get_parts(moved[number]))
    return moved
