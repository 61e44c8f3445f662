"""Coverage as sets of points: a target has 4,096 sample points, and a scene covers some of them.

The points lie inside the target, evenly by area. They lie on rows at even steps of an equal-area
cylinder, and a row has as many points as the length of its part inside the target calls for.

Why points, and not areas of polygons: the optimum over all slots compares thousands of unions and
intersections of coverages. A set of points is one Python integer with a bit for each point, so a
union is ``|``, an intersection is ``&``, a size is ``bit_count()``. Each takes well under a
microsecond, and it is exact and the same in any order, which sums of polygon areas are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely
from shapely import affinity

from floodscan.geometry.areas import authalic
from floodscan.geometry.scan_lines import cross_numbered_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import Geometries
    from floodscan.planning.targets import Target

    Indices = NDArray[np.int64]
    Numbers = NDArray[np.float64]
    Words = NDArray[np.uint64]

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


def count_points(points: int) -> int:
    """Count the points of a set. Many sets hold all points, which a comparison finds out faster."""
    return N_POINTS if points == ALL_POINTS else points.bit_count()


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
    (placed,) = place_all_sample_points([target])
    return placed


def place_all_sample_points(targets: Sequence[Target]) -> list[SamplePoints]:
    """Place the points of targets, in less time than one by one."""
    areas = np.array([target.area for target in targets], dtype=object)
    wests, _, easts, _ = np.array([target.bbox for target in targets]).T
    widths = (easts - wests) % _TURN
    widths[widths == 0] = _TURN
    bare = [
        SamplePoints(west, width, rows, np.empty(0))
        for west, width, rows in zip(
            wests.tolist(), widths.tolist(), _place_rows(areas, widths), strict=True
        )
    ]
    crossings = _cross_rows(bare, areas, np.arange(len(areas)))
    placed = []
    for points, crossed in zip(bare, crossings.split(len(bare)), strict=True):
        edges = np.sort(crossed)
        places = _spread(edges[::2], edges[1::2], N_POINTS)
        placed.append(replace(points, places=places))
    return placed


def covered_points(sample_points: SamplePoints, areas: Geometries) -> list[int]:
    """Find the points of a target that lie in each area, as sets of bits, shape (n,)."""
    return all_covered_points([sample_points], areas, np.zeros(len(areas), dtype=np.int64))


def all_covered_points(
    sample_points: Sequence[SamplePoints], areas: Geometries, of_areas: Indices
) -> list[int]:
    """Find the points of targets that lie in areas, as sets of bits, shape (n,).

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

    Args:
        sample_points: Of each target.
        areas: The areas, shape (n,).
        of_areas: Number of each area's target, ascending, shape (n,).
    """
    crossings = _cross_rows(sample_points, areas, of_areas)
    split = zip(sample_points, crossings.split(len(sample_points)), strict=True)
    behind = [np.searchsorted(points.places, crossed) for points, crossed in split]
    bits = np.concatenate(behind).astype(np.uint64)
    words = np.zeros((len(areas), _N_WORDS), dtype="<u8")
    np.bitwise_xor.at(words, (crossings.areas, bits // _WORD), np.uint64(1) << bits % _WORD)
    inside = _parities(words)[:, : N_POINTS // _WORD]
    return [int.from_bytes(row.tobytes(), "little") for row in inside]


def _parities(words: Words) -> Words:
    """Set each bit of a row to the parity of all bits up to it.

    After the step with shift s each bit is the parity of the 2 s bits up to it in its word. The
    highest bit is then the parity of the word, and an odd number of odd words flips all later bits.

    Args:
        words: Rows of bits, 64 in a word, the lowest first, shape (n, words).
    """
    for shift in (1, 2, 4, 8, 16, 32):
        words = words ^ (words << np.uint64(shift))
    odd_up_to = np.bitwise_xor.accumulate(words >> np.uint64(_WORD - 1), axis=1)
    words[:, 1:] ^= -odd_up_to[:, :-1]  # −1 has all bits
    return words


def _place_rows(areas: Geometries, widths: Numbers) -> list[Numbers]:
    """Choose the latitudes of the rows within the parts of areas.

    The smaller the share of the bbox's width that the parts fill, the more rows there are.

    Args:
        areas: Of the targets.
        widths: Of their bboxes, degrees.
    """
    parts, owners = shapely.get_parts(areas, return_index=True)
    _, south, _, north = shapely.bounds(parts).T
    lows, highs = _height(south), _height(north)
    heights = []
    for number, (width, size) in enumerate(zip(widths, shapely.area(areas), strict=True)):
        starts, ends = _join_intervals(lows[owners == number], highs[owners == number])
        degrees = _latitude(ends) - _latitude(starts)
        n_rows = _MIN_ROWS * width * degrees.sum() / size
        heights.append(_spread(starts, ends, int(min(max(n_rows, _MIN_ROWS), _MAX_ROWS))))
    edges = np.cumsum([len(rows) for rows in heights])[:-1]
    return np.split(_latitude(np.concatenate(heights)), edges)


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
    steps = _middles(n) * reached[-1]
    counts = np.searchsorted(steps, reached, side="right")
    counts[1:] -= counts[:-1]
    places: Numbers = np.repeat(ends, counts) - (np.repeat(reached, counts) - steps)
    return places


@cache
def _middles(n: int) -> Numbers:
    """Return the middles of n equal parts of 1."""
    return (np.arange(n) + 0.5) / n


class _Crossings(NamedTuple):
    """Where outlines cross the rows of points, target after target, shape (n,) each.

    Attributes:
        areas: Number of the area.
        of_targets: Number of the target.
        places: As in ``SamplePoints.places``.
    """

    areas: Indices
    of_targets: Indices
    places: Numbers

    def split(self, n_targets: int) -> list[Numbers]:
        """Return the places of each target."""
        return np.split(self.places, np.searchsorted(self.of_targets, np.arange(1, n_targets)))


def _cross_rows(
    sample_points: Sequence[SamplePoints], areas: Geometries, of_areas: Indices
) -> _Crossings:
    """Find where outlines cross the rows of their target's points.

    Args:
        sample_points: Of each target; the places are not used.
        areas: The areas, shape (n,).
        of_areas: Number of each area's target, ascending, shape (n,).
    """
    rings, owners = _rings(areas)
    points, of_rings = shapely.get_coordinates(rings, return_index=True)
    of_points = of_areas[owners[of_rings]]
    wests = np.array([each.west for each in sample_points])
    widths = np.array([each.width for each in sample_points])
    xs, ys = points[:, 0] - wests[of_points], points[:, 1]
    crosses_antimeridian = wests + widths > _HALF_TURN
    xs[crosses_antimeridian[of_points] & (points[:, 0] < 0)] += _TURN
    rows = [each.latitudes for each in sample_points]
    first_rows = np.cumsum([0, *map(len, rows)])
    split = np.split(ys, np.searchsorted(of_points, np.arange(1, len(rows))))
    n_below = np.concatenate([np.searchsorted(*each) for each in zip(rows, split, strict=True)])
    edges, crossed, xs = cross_numbered_rows(
        xs, ys, of_rings[1:] == of_rings[:-1], np.concatenate(rows), n_below + first_rows[of_points]
    )
    targets = of_points[edges]
    places = crossed - first_rows[targets] + np.clip(xs / widths[targets], 0, 1)
    return _Crossings(owners[of_rings[edges]], targets, places)


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
