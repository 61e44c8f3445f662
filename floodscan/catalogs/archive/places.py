"""Where and when the items of a row group are, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from floodscan.catalogs.archive.columns import read_boxes, read_geometries, read_times, stored

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from floodscan.catalogs.archive.layout import Layout

    Numbers = NDArray[np.float64]
    Micros = NDArray[np.int64]

HALF_TURN = 180.0
NO_TIME = np.iinfo(np.int64).min
"""Stands for an unknown time: every window admits it."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The items of a row group.

    Attributes:
        boxes: West, south, east and north in degrees, shape (n, 4); NaN for an item without any
            place, which no search finds; west > east crosses 180°.
        times: Microseconds since 1970, or ``NO_TIME``, shape (n,).
        collections: The collection of each item, shape (n,); None if all are of one.
    """

    boxes: Numbers
    times: Micros
    collections: pa.Array | None


def read_places(parquet: pq.ParquetFile, layout: Layout, row_group: int, *, mixed: bool) -> Places:
    """Read the places of a row group.

    Args:
        parquet: The file.
        layout: Its layout.
        row_group: Number of the row group.
        mixed: Whether its rows are of several collections.
    """
    names = layout.place_columns(mixed=mixed)
    if not layout.bbox_leaves:
        names.append("geometry")
    table = parquet.read_row_group(row_group, columns=names, use_threads=False)
    boxes = normalise(read_boxes(table)) if layout.bbox_leaves else measure_boxes(table)
    if layout.bbox_leaves and has_unknown(boxes):
        outlines = parquet.read_row_group(row_group, columns=["geometry"], use_threads=False)
        unknown = np.isnan(boxes).any(axis=1)
        boxes[unknown] = measure_boxes(outlines)[unknown]
    times = read_times(table, layout.times).cast(pa.int64()).fill_null(NO_TIME)
    collections = stored(table["collection"]).cast(pa.string()) if mixed else None
    return Places(boxes, np.asarray(times), collections)


def has_unknown(boxes: Numbers) -> bool:
    """Return whether any box is unknown; NaN is the least number of any."""
    return len(boxes) > 0 and bool(np.isnan(boxes.min()))


def measure_boxes(table: pa.Table) -> Numbers:
    """Return the bbox of each row or else the bounds of its geometry, shape (n, 4)."""
    boxes = read_boxes(table)
    unknown = np.isnan(boxes).any(axis=1)
    if unknown.any():
        boxes[unknown] = shapely.bounds(
            read_geometries(table["geometry"].filter(pa.array(unknown)))[0]
        )
    return normalise(boxes)


def normalise(boxes: Numbers) -> Numbers:
    """Give all longitudes to boxes that leave ±180°: their items continue on the other side."""
    outside = (boxes[:, 0] < -HALF_TURN) | (boxes[:, 2] > HALF_TURN)
    if outside.any():
        boxes[outside, 0], boxes[outside, 2] = -HALF_TURN, HALF_TURN
    return boxes
