"""What areas cover together, in equal-area terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries

_EDGE_DEGREES = 0.1
# WGS 84, for the authalic latitude of Snyder, Map Projections (1987), 3-12
_ECCENTRICITY = 0.0818191908426


def union(ground: Geometries) -> BaseGeometry:
    """Join what several scenes cover."""
    return ground[0] if len(ground) == 1 else shapely.union_all(ground)


def intersect(grounds: Iterable[BaseGeometry]) -> BaseGeometry | None:
    """Keep what all of some areas cover together; None of none."""
    joint: BaseGeometry | None = None
    for ground in grounds:
        joint = ground if joint is None else shapely.intersection(joint, ground)
    return joint


def area_fracs(grounds: Sequence[BaseGeometry], target: BaseGeometry) -> list[float]:
    """Measure which part of a target each of some areas covers, in equal-area terms, between 0 and 1."""
    areas = np.array(grounds, dtype=object)
    partial = np.flatnonzero(~shapely.covers(areas, target))
    fracs = np.ones(len(areas))
    if len(partial):
        measured = equal_area(
            np.array([*shapely.intersection(areas[partial], target), target], dtype=object)
        )
        fracs[partial] = np.minimum(measured[:-1] / measured[-1], 1.0)
    return [round(frac, 12) for frac in fracs.tolist()]


def equal_area(areas: Geometries) -> NDArray[np.float64]:
    """Measure areas on the ellipsoid, in units of its own, shape (n,)."""
    flat = shapely.transform(shapely.segmentize(areas, _EDGE_DEGREES), _flatten)
    measured: NDArray[np.float64] = shapely.area(flat)
    return measured


def authalic(latitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map latitudes in degrees to heights on an equal-area cylinder, between −2 and 2 (Snyder 1987, 3-12)."""
    sine = np.sin(np.radians(latitudes))
    e = _ECCENTRICITY
    heights: NDArray[np.float64] = (1 - e**2) * (
        sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    )
    return heights


def _flatten(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points[:, 0], authalic(points[:, 1])])
