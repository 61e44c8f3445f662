"""Unions, intersections and equal-area shares of areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries

_EDGE_DEGREES = 0.1
_TURN = 360.0
_RADIUS_KM = 6378.137
# WGS 84, for the authalic latitude of Snyder, Map Projections (1987), 3-12
_ECCENTRICITY = 0.0818191908426


def union(areas: Geometries) -> BaseGeometry:
    """Return the union of areas; a single area is returned as it is."""
    return areas[0] if len(areas) == 1 else shapely.union_all(areas)


def intersect(areas: Iterable[BaseGeometry]) -> BaseGeometry | None:
    """Return the intersection of areas; None if there are no areas."""
    joint: BaseGeometry | None = None
    for area in areas:
        joint = area if joint is None else shapely.intersection(joint, area)
    return joint


def area_fracs(areas: Sequence[BaseGeometry], target: BaseGeometry) -> list[float]:
    """Measure the share of a target that each area covers, on the ellipsoid, between 0 and 1."""
    return joint_fracs(areas, (), target)[0]


def joint_fracs(
    areas: Sequence[BaseGeometry], joint: Collection[int], target: BaseGeometry
) -> tuple[list[float], float]:
    """Measure the share of a target that each area covers, and that some areas have in common.

    Args:
        areas: Shape (n,).
        joint: Numbers of the areas whose intersection counts; without any, it is the target.
        target: A polygon or polygons with an area.

    Returns:
        Shares on the ellipsoid, between 0 and 1: of each area, shape (n,), and of the intersection.
    """
    covering = np.array(areas, dtype=object)
    partial = np.flatnonzero(~shapely.covered_by(target, covering)).tolist()
    fracs = np.ones(len(covering) + 1)
    if partial:
        shared = shapely.intersection(covering[partial], target)
        # an area that covers the target takes nothing from the intersection
        counting = [number for number in partial if number in joint]
        if len(counting) == 1:
            inside = shared[partial.index(counting[0])]
        else:
            common = intersect(covering[counting])
            inside = target if common is None else shapely.intersection(common, target)
        measured = equal_area(np.array([*shared, inside, target], dtype=object))
        fracs[[*partial, -1]] = np.minimum(measured[:-1] / measured[-1], 1.0)
    *each, in_common = [round(frac, 12) for frac in fracs.tolist()]
    return each, in_common


def equal_area(areas: Geometries) -> NDArray[np.float64]:
    """Measure areas on the ellipsoid, shape (n,); the unit is arbitrary, but the same for all."""
    flat = shapely.transform(shapely.segmentize(areas, _EDGE_DEGREES), _flatten)
    measured: NDArray[np.float64] = shapely.area(flat)
    return measured


def unroll(area: BaseGeometry, bbox: Sequence[float]) -> BaseGeometry:
    """Let the part of an area east of 180° go on beyond 180°, if its box crosses that line.

    Args:
        area: Degrees of WGS 84.
        bbox: West, south, east, north of it; west > east crosses the antimeridian.
    """

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points + np.where(points[:, :1] < 0, (_TURN, 0.0), (0.0, 0.0))

    return shapely.transform(area, move) if bbox[0] > bbox[2] else area


def area_km2(area: BaseGeometry) -> float:
    """Measure an area on the ellipsoid, km². Longitudes may go on beyond ±180°.

    Snyder, 3-11: the area between two parallels is a² / 2 · (q₂ − q₁) for each radian of longitude.
    """
    degrees = float(equal_area(np.array([area], dtype=object))[0])
    return degrees * np.pi / 180 * _RADIUS_KM**2 / 2


def authalic(latitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map latitudes in degrees to heights on an equal-area cylinder, between −2 and 2.

    The formula is number 3-12 of Snyder, Map Projections: A Working Manual (1987).
    """
    sine = np.sin(np.radians(latitudes))
    e = _ECCENTRICITY
    heights: NDArray[np.float64] = (1 - e**2) * (
        sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    )
    return heights


def _flatten(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points[:, 0], authalic(points[:, 1])])
