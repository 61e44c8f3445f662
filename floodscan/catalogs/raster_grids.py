"""The pixel grids of items: the edges of their rasters, and the shape of each asset.

Catalogs describe a grid in different places. Items of Sentinel-2 have edges, shape and transform
for each asset, because their bands have pixels of 10, 20 and 60 m. Items of Sentinel-1 and of the
DEM have them once for all assets, those of the DEM without edges.

The assets of an item share their edges: so edges and transform of the first wanted asset are
enough.
"""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.catalogs.page_json import Asset, Properties
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.catalogs.page_json import Item

    Shape = tuple[int, int]  # rows, columns
    Columns = tuple[pa.Array, pa.MapArray]

_N_EDGES = 4
_N_TERMS = 6
_MOST_PIXELS = np.iinfo(np.int32).max
_LONGEST_TEXT = 1000  # bytes; nine numbers take 200
_NONE = type(None)
_ANY = msgspec.json.Decoder()
_NULL = b"null"
_NO_ASSET = Asset()
_NO_PROPERTIES: Any = Properties()
_EDGES = ITEMS.field("proj_bbox").type
_SHAPE = ITEMS.field("proj_shapes").type.item_type


class GridValues(NamedTuple):
    """JSON values of ``GRID_FIELDS``; None where there is none.

    Attributes:
        edges: ``proj:bbox``, shape (n,).
        shapes: ``proj:shape``, shape (n,), or (n · keys,) for assets: those of an item together.
        transforms: ``proj:transform``, shape (n,).
    """

    edges: Sequence[Any]
    shapes: Sequence[Any]
    transforms: Sequence[Any]


def make_grids(keys: Sequence[str], own: GridValues, common: GridValues) -> Columns:
    """Make the columns of grids.

    Args:
        keys: Keys of the wanted assets.
        own: Values of the assets: edges and transforms of the first one, shapes of each.
        common: Values of the whole items, for assets that have none.

    Returns:
        The columns ``proj_bbox`` and ``proj_shapes`` of ITEMS.
    """
    shapes = [
        read_shape(_first_there(value, common.shapes[number // len(keys)]))
        for number, value in enumerate(own.shapes)
    ]
    edges = [
        find_edges(transform, shape) if edges is None else edges
        for edges, transform, shape in zip(
            map(_first_there, own.edges, common.edges),
            map(_first_there, own.transforms, common.transforms),
            shapes[:: len(keys)] if keys else [None] * len(own.edges),
            strict=True,
        )
    ]
    return parse_edges(edges), _map_shapes(keys, shapes, len(edges))


def parse_grids(items: Sequence[Item], keys: Sequence[str]) -> Columns:
    """Read the grids of decoded items, as ``make_grids`` does.

    Nearly all texts of shapes are alike, and few transforms are needed. So an equal text is decoded
    once, and a transform only if there are no edges.

    Args:
        items: Shape (n,).
        keys: Keys of the wanted assets.

    Returns:
        The columns ``proj_bbox`` and ``proj_shapes`` of ITEMS.
    """
    read = _ShapeReader()
    shapes: list[Shape | None] = []
    edges: list[object] = []
    for item in items:
        get, common = (item.assets or {}).get, item.properties or _NO_PROPERTIES
        texts = [bytes((get(key) or _NO_ASSET).shape) for key in keys]
        if (common_shape := bytes(common.proj_shape)) != _NULL:
            texts = [common_shape if text == _NULL else text for text in texts]
        shapes += [read[text] for text in texts]
        edges.append(_read_edges(item, keys, shapes[-len(keys)] if keys else None))
    return parse_edges(edges), _map_shapes(keys, shapes, len(items))


class _ShapeReader(dict[bytes, "Shape | None"]):
    """Shapes by their JSON texts, each read once."""

    def __missing__(self, text: bytes) -> Shape | None:
        self[text] = shape = read_shape(_decode(text))
        return shape


def _read_edges(item: Item, keys: Sequence[str], shape: Shape | None) -> object:
    """Return the JSON value of an item's edges, or else its edges by the transform."""
    own = (item.assets or {}).get(keys[0]) if keys else None
    own = own or _NO_ASSET
    common: Any = item.properties or _NO_PROPERTIES
    edges = _decode_first(own.edges, common.proj_bbox)
    if edges is None:
        return find_edges(_decode_first(own.transform, common.proj_transform), shape)
    return edges


def _decode_first(one: msgspec.Raw, other: msgspec.Raw) -> object:
    """Decode the first of two texts that is not ``null``."""
    text = bytes(one)
    return _decode(bytes(other) if text == _NULL else text)


def _decode(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Decode a JSON text; one that can't be decoded, or is too long, is None."""
    with suppress(msgspec.DecodeError):  # such as a number beyond the range of a float
        return _ANY.decode(text) if len(text) <= _LONGEST_TEXT else None
    return None


def _first_there(one: object, other: object) -> object:
    return other if one is None else one


def read_shape(value: object) -> Shape | None:
    """Read ``proj:shape``; anything but numbers of rows and columns is None."""
    numbers = [coerce_number(each) for each in value] if isinstance(value, list) else []
    match numbers:
        case [float(rows), float(columns)] if (
            rows.is_integer()
            and columns.is_integer()
            and min(rows, columns) > 0
            and max(rows, columns) <= _MOST_PIXELS
        ):
            return int(rows), int(columns)
    return None


def find_edges(transform: object, shape: Shape | None) -> list[float] | None:
    """Find the edges of a raster by transform and shape.

    Args:
        transform: ``proj:transform``: the coordinates of the raster's pixels, row by row.
        shape: Rows and columns.

    Returns:
        West, south, east, north in the system of the transform. None without a shape, and for
        anything but a raster with its first row in the north and its first column in the west.
    """
    terms = [coerce_number(term) for term in transform] if isinstance(transform, list) else []
    match terms[:_N_TERMS]:
        case [float(width), 0.0, float(west), 0.0, float(height), float(north)] if (
            shape is not None and width > 0 > height
        ):
            rows, columns = shape
            return [west, north + height * rows, west + width * columns, north]
    return None


def _map_shapes(keys: Sequence[str], shapes: Sequence[Shape | None], n_items: int) -> pa.MapArray:
    """Make a map per item: asset key → rows and columns, of the assets whose shape is known."""
    numbers: dict[Shape | None, int] = {None: 0}
    codes = np.array([numbers.setdefault(shape, len(numbers)) for shape in shapes], dtype=np.int64)
    places = np.flatnonzero(codes)
    ends = np.searchsorted(places, np.arange(n_items + 1) * len(keys))
    distinct = pa.array([shape and [*shape] for shape in numbers], _SHAPE)
    return pa.MapArray.from_arrays(
        pa.array(ends, pa.int32()),
        pa.array(keys, pa.string()).take(pa.array(places % max(len(keys), 1))),
        distinct.take(pa.array(codes[places])),
    )


def parse_edges(values: Sequence[object]) -> pa.Array:
    """Read the four edges of each item's raster; anything but four finite numbers is null.

    Args:
        values: ``proj:bbox`` of each item, shape (n,).

    Returns:
        Lists of four numbers, shape (n,).
    """
    if set(map(type, values)) <= {list, _NONE}:
        with suppress(pa.ArrowException, OverflowError):
            edges = pa.array(values, _EDGES)
            if _are_edges(edges):
                return edges
    return pa.array(map(_coerce_edges, values), _EDGES)


def _are_edges(edges: pa.ListArray) -> bool:
    lengths = pc.list_value_length(edges).drop_null().to_numpy()
    numbers = edges.flatten()
    return bool(
        (lengths == _N_EDGES).all()
        and numbers.null_count == 0
        and np.isfinite(numbers.to_numpy()).all()
    )


def _coerce_edges(value: object) -> list[float] | None:
    numbers = [coerce_number(v) for v in value] if isinstance(value, list) else []
    edges = [number for number in numbers if number is not None and isfinite(number)]
    return edges if len(numbers) == len(edges) == _N_EDGES else None


def coerce_number(value: object) -> float | None:
    """Return a JSON number as a float; None for anything else, and beyond the range of floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value)
    return None
