"""The pixel grids of the assets of rows, as columns where that is possible.

A row of Sentinel-2 has twelve shapes: as Python lists they would take longer than all else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.catalogs.archive.columns import stored
from floodscan.catalogs.archive.layout import is_number
from floodscan.catalogs.page_json import GRID_FIELDS
from floodscan.catalogs.raster_grids import (
    GridValues,
    find_edges,
    make_grids,
    parse_edges,
    read_shape,
)
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Row = Mapping[str, Mapping[str, Any]]

_EDGES, _SHAPE, _TRANSFORM = GRID_FIELDS
_EDGES_TYPE = ITEMS.field("proj_bbox").type
_SHAPE_TYPE = ITEMS.field("proj_shapes").type.item_type
_N_AXES, _N_EDGES, _N_TERMS = 2, 4, 6
_MOST_PIXELS = np.iinfo(np.int32).max


def read_row_grids(
    found: pa.Table, rows: Sequence[Row], keys: Sequence[str]
) -> tuple[pa.Array, pa.Array]:
    """Read the grids of assets that are Python values.

    Args:
        found: Columns of n rows.
        rows: Key → members of each asset, shape (n,).
        keys: Keys of the wanted assets.

    Returns:
        The columns ``proj_bbox`` and ``proj_shapes`` of ITEMS.
    """
    first = [(row.get(keys[0]) or {}) if keys else {} for row in rows]
    own = GridValues(
        edges=[asset.get(_EDGES) for asset in first],
        shapes=[(row.get(key) or {}).get(_SHAPE) for row in rows for key in keys],
        transforms=[asset.get(_TRANSFORM) for asset in first],
    )
    return make_grids(keys, own, GridValues(*(_values(found, name) for name in GRID_FIELDS)))


def read_column_grids(
    found: pa.Table, members: Mapping[tuple[str, str], pa.Array], keys: Sequence[str]
) -> tuple[pa.Array, pa.Array]:
    """Read the grids of assets that are columns.

    Args:
        found: Columns of n rows.
        members: The column of each asset key and field, shape (n,).
        keys: Keys of the wanted assets.

    Returns:
        The columns ``proj_bbox`` and ``proj_shapes`` of ITEMS.
    """
    n = len(found)
    common = _read_shapes(stored(found[_SHAPE]) if _SHAPE in found.column_names else None, n)
    own = [_read_shapes(members.get((key, _SHAPE)), n) for key in keys]
    shapes = [
        _fill(shape, common, members.get((key, _SHAPE)))
        for key, shape in zip(keys, own, strict=True)
    ]
    own_values = {name: members.get((keys[0], name)) for name in GRID_FIELDS} if keys else {}
    of_first = shapes[0] if shapes else common
    edges = _read_alike(found, own_values, of_first)
    if edges is None:
        edges = _read_each(found, own_values, of_first)
    return edges, _map_shapes(keys, shapes, n)


def _read_alike(
    found: pa.Table, own: Mapping[str, pa.Array | None], shapes: NDArray[np.int64]
) -> pa.Array | None:
    """Read the edges of rows that have them in the same form, as nearly all files do.

    Returns:
        Lists of four numbers; None for rows that differ.
    """
    column = _choose(own.get(_EDGES), found, _EDGES)
    if column is not None and column.null_count < len(column):
        edges = _to_numbers(column)
        if edges is None or edges.shape[1] != _N_EDGES or not np.isfinite(edges).all():
            return None
        return _list_edges(edges, np.full(len(edges), fill_value=True))
    terms = _to_numbers(_choose(own.get(_TRANSFORM), found, _TRANSFORM))
    if terms is None or terms.shape[1] < _N_TERMS:
        return None
    width, row_skew, west, column_skew, height, north = terms[:, :_N_TERMS].T
    rows, columns = shapes.T
    edges = np.column_stack([west, north + height * rows, west + width * columns, north])
    upright = (row_skew == 0) & (column_skew == 0) & (width > 0) & (height < 0)
    return _list_edges(edges, upright & (rows > 0) & np.isfinite(edges).all(axis=1))


def _choose(own: pa.Array | None, found: pa.Table, name: str) -> pa.Array | None:
    """Choose the values of an asset if it has any, else those of whole items."""
    if own is not None and own.null_count < len(own):
        return own
    return stored(found[name]) if name in found.column_names else None


def _to_numbers(column: pa.Array | None) -> Numbers | None:
    """Return lists of numbers, shape (n, length); None unless all have the same length."""
    if column is None or column.null_count or not len(column) or not pa.types.is_list(column.type):
        return None
    numbers, lengths = column.flatten(), np.asarray(pc.list_value_length(column))
    if numbers.null_count or not is_number(numbers.type) or (lengths != lengths[0]).any():
        return None
    return np.asarray(numbers, dtype=np.float64).reshape(len(column), lengths[0])


def _list_edges(edges: Numbers, known: NDArray[np.bool_]) -> pa.Array:
    starts = pa.array(np.append(0, np.cumsum(known)) * _N_EDGES, pa.int32())
    return pa.ListArray.from_arrays(
        starts, pa.array(edges[known].ravel()), type=_EDGES_TYPE, mask=pa.array(~known)
    )


def _read_each(
    found: pa.Table, own: Mapping[str, pa.Array | None], shapes: NDArray[np.int64]
) -> pa.Array:
    """Read the edges row by row."""
    edges, transforms = (
        _first_there(own.get(name), _values(found, name)) for name in (_EDGES, _TRANSFORM)
    )
    for row in (n for n, value in enumerate(edges) if value is None and transforms[n] is not None):
        rows, columns = shapes[row].tolist()
        edges[row] = find_edges(transforms[row], (rows, columns) if rows else None)
    return parse_edges(edges)


def _values(found: pa.Table, name: str) -> list[Any]:
    there = name in found.column_names
    return stored(found[name]).to_pylist() if there else [None] * len(found)


def _first_there(own: pa.Array | None, common: list[Any]) -> list[Any]:
    if own is None:
        return common
    pairs = zip(own.to_pylist(), common, strict=True)
    return [other if one is None else one for one, other in pairs]


def _read_shapes(column: pa.Array | None, n: int) -> NDArray[np.int64]:
    """Read rows and columns; zeros where a shape is missing or invalid, shape (n, 2)."""
    shapes = np.zeros((n, _N_AXES), dtype=np.int64)
    if column is None or column.null_count == n:
        return shapes
    there = np.asarray(column.is_valid())
    if pa.types.is_list(column.type) and is_number(column.type.value_type):
        lists = column.drop_null()
        numbers = np.asarray(lists.flatten(), dtype=np.float64)
        if (np.asarray(pc.list_value_length(lists)) == _N_AXES).all() and _are_counts(numbers):
            shapes[there] = numbers.reshape(-1, _N_AXES)
            return shapes
    for row, value in enumerate(column.to_pylist()):
        shapes[row] = read_shape(value) or 0
    return shapes


def _are_counts(numbers: NDArray[np.float64]) -> bool:
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers))
    return bool((whole & (numbers > 0) & (numbers <= _MOST_PIXELS)).all())


def _fill(
    own: NDArray[np.int64], common: NDArray[np.int64], column: pa.Array | None
) -> NDArray[np.int64]:
    """Take the shape of the whole item for assets that have none."""
    missing = True if column is None else np.asarray(column.is_null())[:, None]
    return np.where(missing, common, own)


def _map_shapes(keys: Sequence[str], shapes: Sequence[NDArray[np.int64]], n: int) -> pa.Array:
    """Make a map per row: asset key → rows and columns, of the assets whose shape is known."""
    if not keys:
        return pa.array([[]] * n, ITEMS.field("proj_shapes").type)
    table = np.stack(shapes, axis=1)
    there = table[:, :, 0] > 0
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    numbers = table[there]
    starts = pa.array(np.arange(len(numbers) + 1) * _N_AXES, pa.int32())
    lists = pa.ListArray.from_arrays(starts, pa.array(numbers.ravel(), pa.int32()))
    names = pa.array(keys, pa.string()).take(pa.array(np.nonzero(there)[1]))
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), names, lists.cast(_SHAPE_TYPE))
