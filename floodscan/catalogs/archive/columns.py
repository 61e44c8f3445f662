"""Columns of a file as arrays of one form, whatever form they have in the file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely import GeometryType

from floodscan.catalogs.archive.layout import CORNERS, is_text, is_time, ring_depth, storage
from floodscan.catalogs.item_table import parse_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries

    Numbers = NDArray[np.float64]

TIME = pa.timestamp("us", tz="UTC")
_PLANE = 4


def stored(values: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without extension types and dictionaries."""
    # to combine a single chunk copies it
    array = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.cast(storage(array.type)) if pa.types.is_dictionary(array.type) else array


def read_times(table: pa.Table, names: list[str]) -> pa.Array:
    """Read the first column that has a time in each row; null where none has one."""
    found = [_read_time(stored(table[name])) for name in names]
    return pc.coalesce(*found) if found else pa.nulls(len(table), TIME)


def _read_time(values: pa.Array) -> pa.Array:
    if is_text(values.type):
        with suppress(pa.ArrowException):
            return values.cast(TIME)  # refuses texts without a zone
        return pa.array(map(parse_time, values.to_pylist()), TIME)
    if is_time(values.type) and getattr(values.type, "tz", None) is None:
        values = pc.assume_timezone(values.cast(pa.timestamp("us"), safe=False), "UTC")
    return values.cast(TIME, safe=False)


def read_boxes(table: pa.Table) -> Numbers:
    """Read west, south, east and north of each row; NaN where the bbox is unknown, shape (n, 4).

    The numbers of an edge are next to each other in memory, because they are compared by column.
    """
    boxes = np.empty((len(table), 4), order="F")
    values = stored(table["bbox"]) if "bbox" in table.column_names else pa.nulls(len(table))
    if pa.types.is_struct(values.type):
        for place, corner in enumerate(CORNERS):
            column = pc.struct_field(values, corner)
            boxes[:, place] = _widen(column, upwards=place >= 2)  # noqa: PLR2004 - east and north
        return boxes
    boxes[:] = np.nan
    lists = [_corners(value) for value in values.to_pylist()]
    there = [number for number, corners in enumerate(lists) if corners is not None]
    boxes[there] = np.array([lists[number] for number in there], dtype=float).reshape(-1, 4)
    return boxes


def _widen(column: pa.Array, *, upwards: bool) -> Numbers:
    """Return numbers; those of a short type are rounded outwards by one step."""
    numbers = column.to_numpy(zero_copy_only=False)
    if numbers.dtype == np.float32:
        limit = np.float32(np.inf if upwards else -np.inf)
        numbers = np.nextafter(numbers, limit)
    return np.asarray(numbers, dtype=np.float64)


def _corners(bbox: list[Any] | None) -> list[float] | None:
    if bbox is None or len(bbox) not in {_PLANE, 6} or None in bbox:
        return None
    half = len(bbox) // 2
    return [*bbox[:2], *bbox[half : half + 2]]


def read_geometries(values: pa.ChunkedArray) -> tuple[Geometries, NDArray[np.bool_]]:
    """Read footprints as they are, without repair.

    Returns:
        Geometries, None where one can't be read, and whether there was none to read, shape (n,).
    """
    array = stored(values)
    missing = np.asarray(array.is_null())
    if ring_depth(array.type):
        found = np.full(len(array), None, dtype=object)
        found[~missing] = _read_rings(array.drop_null())
        return found, missing
    wkb = array.cast(pa.large_binary())
    texts = np.asarray(wkb.to_numpy(zero_copy_only=False), dtype=object)
    return shapely.from_wkb(texts, on_invalid="ignore"), missing


def _read_rings(array: pa.Array) -> Geometries:
    """Build polygons of GeoArrow's nested lists."""
    depth = ring_depth(array.type)
    offsets: list[NDArray[np.int64]] = []
    values = array
    for _ in range(depth):
        starts = np.asarray(values.offsets, dtype=np.int64)
        offsets.append(starts - starts[0])
        values = values.values[int(starts[0]) : int(starts[-1])]
    if pa.types.is_struct(values.type):
        points = np.column_stack(
            [np.asarray(pc.struct_field(values, axis), dtype=float) for axis in ("x", "y")]
        )
    else:
        size = values.type.list_size
        points = np.asarray(values.flatten(), dtype=float).reshape(-1, size)[:, :2]
    kind = GeometryType.POLYGON if depth == 2 else GeometryType.MULTIPOLYGON  # noqa: PLR2004
    built: Geometries = shapely.from_ragged_array(kind, points, tuple(offsets[::-1]))
    return built
