"""Coverage as sets of points: a target has 4,096 sample points, and a scene covers some of them.

The points lie inside the target, evenly by area. They lie on rows at even steps of an equal-area
cylinder, and a row has as many points as the length of its part inside the target calls for.

Why points, and not areas of polygons: the optimum over all slots compares thousands of unions and
intersections of coverages. A set of points is one Python integer with a bit for each point, so a
union is ``|``, an intersection is ``&``, a size is ``bit_count()``. Each takes well under a
microsecond, and it is exact and the same in any order, which sums of polygon areas are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import affinity

from floodscan.geometry.areas import authalic
from floodscan.geometry.scan_lines import cross_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries
    from floodscan.planning.targets import Target

    Numbers = NDArray[np.float64]

N_POINTS = 4096
"""Number of points of a target."""

ALL_POINTS = (1 << N_POINTS) - 1
"""The set of all points of a target."""

_WORD = 64
_N_WORDS = N_POINTS // _WORD + 1  # one more for crossings behind the last point
_MIN_ROWS = 64  # a target that fills its bbox then has about as many points in a row
_MAX_ROWS = 1024
_LATITUDES = np.linspace(-90, 90, 180 * 16 + 1)
_HEIGHTS = authalic(_LATITUDES)
_TURN = 360.0
_HALF_TURN = 180.0
_MARGIN = 1.0  # degrees around a target that its outer points also stand for


@dataclass(frozen=True, slots=True)
class SamplePoints:
    """The sample points of a target, ordered by row and then from west to east.

    Attributes:
        west: Longitude of the bbox's western edge.
        width: Width of the bbox in degrees.
        latitudes: Of the rows, ascending, shape (rows,).
        places: Of the points, ascending: number of the row, plus the share of the width that lies
            west of the point, shape (4096,).
    """

    west: float
    width: float
    latitudes: Numbers
    places: Numbers

    def locate(self) -> tuple[Numbers, Numbers]:
        """Return longitudes and latitudes of the points in degrees, shape (4096,) each.

        Longitudes go up to 180; those behind the antimeridian are negative.
        """
        rows, shares = np.divmod(self.places, 1.0)
        lons = self.west + shares * self.width
        return (lons + _HALF_TURN) % _TURN - _HALF_TURN, self.latitudes[rows.astype(np.int64)]


def place_sample_points(target: Target) -> SamplePoints:
    """Place the points of a target."""
    west, _, east, _ = target.bbox
    width = (east - west) % _TURN or _TURN
    bare = SamplePoints(west, width, _place_rows(target.area, width), np.empty(0))
    _, crossings = _cross_rows(bare, np.array([target.area], dtype=object))
    crossings.sort()
    places = _spread(crossings[::2], crossings[1::2], N_POINTS)
    return SamplePoints(west, width, bare.latitudes, places)


def covered_points(sample_points: SamplePoints, areas: Geometries) -> list[int]:
    """Find the points that lie in each area, as sets of bits, shape (n,).

    This is a scan line with the even-odd rule: a point lies inside if the outline crosses its row
    an odd number of times to the west of it. The points of all rows are numbered through. Outlines
    cross each row an even number of times, so the crossings of earlier rows do not change the
    parity.

    With eight points 0 to 7 on two rows, and an area that is crossed before the points 1 and 3 and,
    on the second row, before the points 5 and 8, the bits 1, 3, 5 and 8 are set (the lowest bit is
    on the right)::

        crossings    1 0010 1010
        parities     0 1110 0110      points 1, 2 and 5, 6, 7 lie inside

    ``shapely.contains_xy`` finds the same sets ten times as slowly.
    """
    owners, crossings = _cross_rows(sample_points, areas)
    behind = np.searchsorted(sample_points.places, crossings).astype(np.uint64)
    words = np.zeros((len(areas), _N_WORDS), dtype="<u8")
    np.bitwise_xor.at(words, (owners, behind // _WORD), np.uint64(1) << behind % _WORD)
    return [_parities(int.from_bytes(row.tobytes(), "little")) & ALL_POINTS for row in words]


def _parities(bits: int) -> int:
    """Set each bit to the parity of all bits up to it.

    After the step with shift s each bit is the parity of the 2 s bits up to it.
    """
    shift = 1
    while shift < N_POINTS:
        bits ^= bits << shift
        shift *= 2
    return bits


def _place_rows(area: BaseGeometry, width: float) -> Numbers:
    """Choose the latitudes of the rows within the parts of an area.

    The smaller the share of the bbox's width that the parts fill, the more rows there are.
    """
    _, south, _, north = shapely.bounds(shapely.get_parts(area)).T
    starts, ends = _join_intervals(_height(south), _height(north))
    degrees = _latitude(ends) - _latitude(starts)
    n_rows = _MIN_ROWS * width * degrees.sum() / area.area
    return _latitude(_spread(starts, ends, int(np.clip(n_rows, _MIN_ROWS, _MAX_ROWS))))


def _height(latitudes: Numbers) -> Numbers:
    return np.interp(latitudes, _LATITUDES, _HEIGHTS)


def _latitude(heights: Numbers) -> Numbers:
    return np.interp(heights, _HEIGHTS, _LATITUDES)


def _join_intervals(starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """Join intervals that touch or overlap."""
    order = np.argsort(starts)
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    apart = starts[1:] > reached[:-1]
    return starts[np.append(True, apart)], reached[np.append(apart, True)]


def _spread(starts: Numbers, ends: Numbers, n: int) -> Numbers:
    """Place n points evenly on intervals that are laid end to end."""
    reached = np.cumsum(ends - starts)
    steps = (np.arange(n) + 0.5) / n * reached[-1]
    at = np.searchsorted(reached, steps)
    places: Numbers = ends[at] - (reached[at] - steps)
    return places


def _cross_rows(
    sample_points: SamplePoints, areas: Geometries
) -> tuple[NDArray[np.int64], Numbers]:
    """Find where outlines cross the rows of points.

    Returns:
        Number of the area, and place as in ``SamplePoints.places``, shape (n,) each.
    """
    rings, owners = _rings(areas)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    xs, ys = (points - (sample_points.west, 0)).T
    if sample_points.west + sample_points.width > _HALF_TURN:  # it crosses the antimeridian
        xs[points[:, 0] < 0] += _TURN
    same_ring = of_rings[1:] == of_rings[:-1]
    edges, rows, places = cross_rows(xs, ys, same_ring, sample_points.latitudes)
    shares: Numbers = np.clip(places / sample_points.width, 0, 1)
    return owners[of_rings[edges]], rows + shares


def _rings(areas: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    """List the rings of areas, and the number of the area of each."""
    parts, of_parts = shapely.get_parts(areas, return_index=True)
    rings, of_rings = shapely.get_rings(parts, return_index=True)
    return rings, of_parts[of_rings]


def draw_points(sample_points: SamplePoints, points: int) -> BaseGeometry:
    """Draw the ground for which some points stand, in longitude and latitude.

    Ground belongs to the nearest row, and in it to the nearest point. So all points together stand
    for the bbox and ``_MARGIN`` degrees around it, and not only for the target.

    Args:
        sample_points: All points of the target.
        points: A set of them.
    """
    rows = sample_points.places.astype(np.int64)
    shares = sample_points.places - rows
    is_last = np.append(rows[1:] != rows[:-1], True)
    is_first = np.append(True, is_last[:-1])
    middles = np.append((shares[1:] + shares[:-1]) / 2, 0.0)
    rims = _MARGIN / sample_points.width
    lefts = np.where(is_first, -rims, np.append(0.0, middles[:-1]))
    rights = np.where(is_last, 1 + rims, middles)
    packed = np.frombuffer(points.to_bytes(N_POINTS // 8, "little"), dtype=np.uint8)
    drawn = np.unpackbits(packed, bitorder="little").astype(bool)
    starts = drawn & (is_first | ~np.append(False, drawn[:-1]))
    ends = drawn & (is_last | ~np.append(drawn[1:], False))
    bottoms, tops = _row_edges(sample_points.latitudes[rows[is_first]])
    numbers = (np.cumsum(is_first) - 1)[starts]
    wests, easts = (
        sample_points.west + each * sample_points.width for each in (lefts[starts], rights[ends])
    )
    return _turn_back(shapely.box(wests, bottoms[numbers], easts, tops[numbers]))


def _row_edges(latitudes: Numbers) -> tuple[Numbers, Numbers]:
    """Return the southern and the northern edge of each row's ground, shape (rows,) each."""
    between = (latitudes[1:] + latitudes[:-1]) / 2
    south, north = max(latitudes[0] - _MARGIN, -90.0), min(latitudes[-1] + _MARGIN, 90.0)
    return np.append(south, between), np.append(between, north)


def _turn_back(boxes: Geometries) -> BaseGeometry:
    """Join boxes, and move what lies beyond the antimeridian to the other edge of the map."""
    joined = shapely.union_all(boxes)
    west, _, east, _ = shapely.bounds(joined)
    if joined.is_empty or (west >= -_HALF_TURN and east <= _HALF_TURN):
        return joined
    parts = []
    for turn in (-_TURN, 0.0, _TURN):
        strip = shapely.box(turn - _HALF_TURN, -90, turn + _HALF_TURN, 90)
        parts.append(affinity.translate(shapely.intersection(strip, joined), -turn))
    return shapely.union_all(parts)
