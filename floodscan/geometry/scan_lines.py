"""Scan lines: where the outlines of areas cross horizontal rows.

A point lies inside an area if an odd number of crossings of its row lie to the west of it (the
even-odd rule). Holes and several parts need no care: their outlines are crossed as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Numbers = NDArray[np.float64]


class Crossings(NamedTuple):
    """Where edges cross rows, shape (n,) each.

    Attributes:
        edges: Number of the edge, which leads from the vertex of that number to the next one.
        rows: Number of the row.
        xs: Place on the row.
    """

    edges: Indices
    rows: Indices
    xs: Numbers


def cross_rows(xs: Numbers, ys: Numbers, same_ring: NDArray[np.bool_], rows: Numbers) -> Crossings:
    """Find where outlines cross rows.

    An edge crosses the rows from its lower end on and below its upper end. So two edges that rise
    through a vertex on a row cross that row once, not twice.

    Args:
        xs: Of the vertices, ring after ring, shape (v,).
        ys: Of the vertices, shape (v,).
        same_ring: True if a vertex and the next one are of one ring, shape (v - 1,).
        rows: The y of each row, ascending, shape (r,).
    """
    return cross_numbered_rows(xs, ys, same_ring, rows, np.searchsorted(rows, ys))


def cross_numbered_rows(
    xs: Numbers, ys: Numbers, same_ring: NDArray[np.bool_], rows: Numbers, n_below: Indices
) -> Crossings:
    """Find where outlines cross rows as ``cross_rows`` does, from the place of each vertex in them.

    So outlines may have rows of their own, which are numbered through.

    Args:
        xs: Of the vertices, ring after ring, shape (v,).
        ys: Of the vertices, shape (v,).
        same_ring: True if a vertex and the next one are of one ring, shape (v - 1,).
        rows: The y of each row, shape (r,); the rows of an outline ascend.
        n_below: Number of the first row of its outline that is not below a vertex, shape (v,).
    """
    first, end = np.minimum(n_below[:-1], n_below[1:]), np.maximum(n_below[:-1], n_below[1:])
    crossing = np.flatnonzero(same_ring & (first < end))
    counts = end[crossing] - first[crossing]
    crossed = np.repeat(first[crossing], counts) + ragged_arange(counts)
    slopes = (xs[crossing + 1] - xs[crossing]) / (ys[crossing + 1] - ys[crossing])
    left, low, slope = (np.repeat(each, counts) for each in (xs[crossing], ys[crossing], slopes))
    return Crossings(np.repeat(crossing, counts), crossed, left + (rows[crossed] - low) * slope)


def ragged_arange(counts: Indices) -> Indices:
    """Join ranges from 0 to each count: ``[2, 0, 3]`` gives ``[0, 1, 0, 1, 2]``, shape (sum,)."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) - np.repeat(ends - counts, counts)
