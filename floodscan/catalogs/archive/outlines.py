"""The exact test of the join: of the pairs by box and time, those whose footprints touch.

Only the footprints are read for it. The other columns, of which the hrefs are by far the largest,
are then read for fewer rows, and not at all in row groups of which no row is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from floodscan.catalogs.archive.decode import read_footprints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.join import Searches

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]


def find_touching(
    slices: Iterable[pa.Table], positions: Indices, searches: Searches, of_pairs: Indices
) -> tuple[pa.Table, Mask]:
    """Find out which footprints touch the boxes of their searches.

    An item with an empty footprint is found by its bbox, as in the scoring.

    Args:
        slices: Columns ``Layout.outline_columns`` of n rows, a slice after the other.
        positions: The row of each pair, ascending, shape (pairs,).
        searches: The searches.
        of_pairs: The search of each pair, shape (pairs,).

    Returns:
        The columns ``geometry`` and ``extent`` of ITEMS, n rows, and whether a pair touches, shape
        (pairs,).
    """
    boxes = np.asarray(shapely.box(*searches.boxes.T), dtype=object)
    outlines, touching = [_tabulate([], [])], [np.empty(0, dtype=bool)]
    start = 0
    for table in slices:
        footprints, extents = read_footprints(table)
        first, end = np.searchsorted(positions, (start, start + len(table)))
        searched = np.where(shapely.is_empty(footprints), extents, footprints)
        asked = boxes[of_pairs[first:end]]
        touching.append(shapely.intersects(searched[positions[first:end] - start], asked))
        outlines.append(_tabulate(shapely.to_wkb(footprints), shapely.to_wkb(extents)))
        start += len(table)
    return pa.concat_tables(outlines), np.concatenate(touching)


def _tabulate(geometry: Iterable[bytes], extent: Iterable[bytes | None]) -> pa.Table:
    columns = [pa.array(values, pa.binary()) for values in (geometry, extent)]
    return pa.table(columns, names=["geometry", "extent"])
