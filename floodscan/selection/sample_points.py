"""Coverage as sets of points: a target is sampled at 4,096 points, and a scene covers some of them.

The points lie inside the target, evenly by area, however little of its bbox it fills: on rows at
even steps of an equal-area cylinder, over the latitudes that the target's parts take, and on each
row as many as its length in the target calls for. A set of points is one Python integer, a bit
each: what scenes cover together or in common is one ``|`` or ``&``, exact and the same in any
order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from floodscan.geometry.areas import authalic

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries
    from floodscan.planning.targets import Target

    Numbers = NDArray[np.float64]

N_POINTS = 4096
"""Points of a target."""

WHOLE = (1 << N_POINTS) - 1
"""The set of all of them."""

_ALL, _SIX, _LAST = np.array([2**64 - 1, 6, 63], dtype=np.uint64)
_FEWEST_ROWS = 64  # of a box, which then has as many columns
_MOST_ROWS = 1024
_LATITUDES = np.linspace(-90, 90, 180 * 16 + 1)
_HEIGHTS = authalic(_LATITUDES)
_TURN = 360.0
_HALF_TURN = 180.0


@dataclass(frozen=True, slots=True)
class SamplePoints:
    """Where a target's points lie.

    Attributes:
        west: Longitude of the bbox's western edge.
        width: Degrees from there to its eastern edge.
        latitudes: Of the rows, ascending, shape (rows,).
        places: Of the points, ascending: number of the row, and the part of the width that lies
            west of the point, shape (4096,).
    """

    west: float
    width: float
    latitudes: Numbers
    places: Numbers


def place_sample_points(target: Target) -> SamplePoints:
    """Lay the points of a target."""
    west, _, east, _ = target.bbox
    width = (east - west) % _TURN or _TURN
    bare = SamplePoints(west, width, _lay_rows(target.area, width), np.empty(0))
    _, crossings = _cross(bare, np.array([target.area], dtype=object))
    crossings.sort()
    return SamplePoints(
        west, width, bare.latitudes, _spread(crossings[::2], crossings[1::2], N_POINTS)
    )


def covered_points(sample_points: SamplePoints, areas: Geometries) -> list[int]:
    """Tell which points lie in each area, as a set of bits per area, shape (n,)."""
    owners, crossings = _cross(sample_points, areas)
    places = np.searchsorted(sample_points.places, crossings).astype(np.uint64)
    words = np.zeros((len(areas), N_POINTS // 64 + 1), dtype=np.uint64)
    # each crossing turns over all points behind it: first those of its own word, which then tells
    # by its last bit whether to turn over the words behind it
    np.bitwise_xor.at(words, (owners, places >> _SIX), _ALL << (places & _LAST))
    words[:, 1:] ^= np.bitwise_xor.accumulate(words[:, :-1] >> _LAST, axis=1) * _ALL
    return [int.from_bytes(row.tobytes(), "little") for row in words[:, :-1].astype("<u8")]


def _lay_rows(area: BaseGeometry, width: float) -> Numbers:
    """Choose latitudes within those that an area's parts take: the less of the width they fill, the more."""
    _, south, _, north = shapely.bounds(shapely.get_parts(area)).T
    starts, ends = _join(_height(south), _height(north))
    degrees = _latitude(ends) - _latitude(starts)
    n_rows = _FEWEST_ROWS * width * degrees.sum() / area.area
    return _latitude(_spread(starts, ends, int(np.clip(n_rows, _FEWEST_ROWS, _MOST_ROWS))))


def _height(latitudes: Numbers) -> Numbers:
    return np.interp(latitudes, _LATITUDES, _HEIGHTS)


def _latitude(heights: Numbers) -> Numbers:
    return np.interp(heights, _HEIGHTS, _LATITUDES)


def _join(starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """Join intervals that touch."""
    order = np.argsort(starts)
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    apart = starts[1:] > reached[:-1]
    return starts[np.append(True, apart)], reached[np.append(apart, True)]


def _spread(starts: Numbers, ends: Numbers, n: int) -> Numbers:
    """Put n places evenly on intervals that are laid end to end."""
    reached = np.cumsum(ends - starts)
    steps = (np.arange(n) + 0.5) / n * reached[-1]
    at = np.searchsorted(reached, steps)
    places: Numbers = ends[at] - (reached[at] - steps)
    return places


def _cross(sample_points: SamplePoints, areas: Geometries) -> tuple[NDArray[np.int64], Numbers]:
    """Find where outlines cross rows: of which area, and where among the places of points, shape (n,) each."""
    rings, owners = _rings(areas)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    xs, ys = (points - (sample_points.west, 0)).T
    if sample_points.west + sample_points.width > _HALF_TURN:  # it crosses the antimeridian
        xs[points[:, 0] < 0] += _TURN
    between = np.searchsorted(sample_points.latitudes, ys)
    first, last = np.minimum(between[:-1], between[1:]), np.maximum(between[:-1], between[1:])
    repeats = np.where(of_rings[1:] == of_rings[:-1], last - first, 0)
    edges = np.repeat(np.arange(len(repeats)), repeats)
    rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    slopes = np.diff(xs)[edges] / np.diff(ys)[edges]
    crossings = xs[edges] + (sample_points.latitudes[rows] - ys[edges]) * slopes
    return owners[of_rings[edges]], rows + np.clip(crossings / sample_points.width, 0, 1)


def _rings(areas: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    parts, of_parts = shapely.get_parts(areas, return_index=True)
    rings, of_rings = shapely.get_rings(parts, return_index=True)
    return rings, of_parts[of_rings]
