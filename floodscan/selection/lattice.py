"""Coverage as sets of points: a target is sampled at up to 64 × 64 points, and a scene covers some of them.

The points lie from edge to edge of the target's bbox, columns evenly in longitude and rows evenly on an equal-area
cylinder, so that shares of points are shares of area. A set of points is one Python integer, a bit each: what scenes
cover together or in common is one ``|`` or ``&``, exact and the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from floodscan.coverage import authalic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from floodscan.footprints import Geometries
    from floodscan.tiling import Target

SIDE = 64
"""Points along each side of a target's bbox; a row of points is one machine word."""

_ALL = np.uint64(2**64 - 1)
_INSET = 1e-6
_LATITUDES = np.linspace(-90, 90, 180 * 16 + 1)
_HEIGHTS = authalic(_LATITUDES)
_TURN = 360.0


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where a target's points lie.

    Attributes:
        longitudes: Of the columns, ascending, from the bbox's west on without a jump, shape (64,).
        latitudes: Of the rows, ascending, shape (64,).
        crosses: Whether the target crosses the antimeridian.
    """

    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    crosses: bool


def lay_lattice(target: Target) -> Lattice:
    """Lay the points of a target's bbox."""
    west, south, east, north = target.bbox
    width = (east - west) % _TURN or _TURN
    steps = np.linspace(_INSET, 1 - _INSET, SIDE)
    low, high = authalic(np.array([south, north]))
    latitudes = np.interp(low + steps * (high - low), _HEIGHTS, _LATITUDES)
    return Lattice(west + steps * width, latitudes, crosses=west > east)


def covered_points(lattice: Lattice, areas: Geometries) -> list[int]:
    """Tell which points lie in each area, as a set of bits per area, shape (n,)."""
    rings, owners = _rings(areas)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    if lattice.crosses:
        points[points[:, 0] < 0, 0] += _TURN
    same_ring = of_rings[1:] == of_rings[:-1]
    words = np.zeros((len(areas), SIDE), dtype=np.uint64)
    of_edges, rows, masks = _toggles(lattice, points, same_ring)
    np.bitwise_xor.at(words, (owners[of_rings[of_edges]], rows), masks)
    return [int.from_bytes(row.tobytes(), "little") for row in words.astype("<u8")]


def _rings(areas: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    parts, of_parts = shapely.get_parts(areas, return_index=True)
    rings, of_rings = shapely.get_rings(parts, return_index=True)
    return rings, of_parts[of_rings]


def _toggles(
    lattice: Lattice, points: NDArray[np.float64], same_ring: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Find where outlines cross rows: the edge, the row, and the bits east of the crossing, shape (n,) each."""
    xs, ys = points.T
    between = np.searchsorted(lattice.latitudes, ys)
    first, last = np.minimum(between[:-1], between[1:]), np.maximum(between[:-1], between[1:])
    repeats = np.where(same_ring, last - first, 0)
    edges = np.repeat(np.arange(len(repeats)), repeats)
    rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    slopes = np.diff(xs)[edges] / np.diff(ys)[edges]
    crossings = xs[edges] + (lattice.latitudes[rows] - ys[edges]) * slopes
    columns = np.searchsorted(lattice.longitudes, crossings).astype(np.uint64)
    # a shift by all 64 bits is undefined: two shifts make it
    masks = (_ALL << (columns // np.uint64(2))) << (columns - columns // np.uint64(2))
    return edges, rows, masks
