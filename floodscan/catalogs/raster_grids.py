"""The pixel grids of items: the edges of their rasters, and the shape of each asset.

Catalogs describe a grid in different places. Items of Sentinel-2 have edges, shape and transform
for each asset, because their bands have pixels of 10, 20 and 60 m. Items of Sentinel-1 and of the
DEM have them once for all assets, those of the DEM without edges.

The assets of an item share their edges: so edges and transform of the first wanted asset are
enough.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.catalogs.page_json import Asset
from floodscan.catalogs.repeated import repeat, repeat_keys
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Shape = tuple[int, int]  # rows, columns
    Row = tuple[Shape | None, ...]  # of the wanted assets of an item
    Columns = tuple[pa.Array, pa.MapArray]

T = TypeVar("T", bound="Hashable")

_N_AXES = 2
_N_EDGES = 4
_N_TERMS = 6
_MOST_PIXELS = 2**31 - 1
_Pixels = Annotated[int, msgspec.Meta(gt=0, le=_MOST_PIXELS)]
_LONGEST_TEXT = 1000  # bytes; nine numbers take 200
_NONE = type(None)
_ANY = msgspec.json.Decoder()
_NULL = b"null"
_SEPARATOR = b"\0"  # no JSON text has it
_NO_ASSET = Asset()
_EDGES = ITEMS.field("proj_bbox").type
_SHAPES = ITEMS.field("proj_shapes").type
_ALL_SHAPES = msgspec.json.Decoder(list[tuple[_Pixels, _Pixels] | None])
_ALL_EDGES = msgspec.json.Decoder(
    list[Annotated[list[float], msgspec.Meta(min_length=_N_EDGES, max_length=_N_EDGES)]]
)
_ALL_TRANSFORMS = msgspec.json.Decoder(
    list[Annotated[list[float], msgspec.Meta(min_length=_N_TERMS)]]
)


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
    n_keys = len(keys)
    rows = [tuple(shapes[row * n_keys : (row + 1) * n_keys]) for row in range(len(edges))]
    return parse_edges(edges), _map_rows(keys, dict(zip(rows, rows, strict=True)), rows)


def parse_grids(
    assets: Sequence[Asset], common: Mapping[str, Sequence[msgspec.Raw]], keys: Sequence[str]
) -> Columns:
    """Read the grids of decoded items, as ``make_grids`` does.

    Nearly all items of a page have assets of the same shapes. So the shapes of all assets of an
    item are looked up at once, by their JSON texts.

    Args:
        assets: The wanted assets, shape (n · keys,): those of an item together.
        common: ``GRID_FIELDS`` of the whole items, shape (n,) each.
        keys: Keys of the wanted assets.

    Returns:
        The columns ``proj_bbox`` and ``proj_shapes`` of ITEMS.
    """
    each = iter([asset.shape for asset in assets])
    texts = [*map(_SEPARATOR.join, zip(*[each] * len(keys), common["proj:shape"], strict=False))]
    shapes = _read_rows(dict.fromkeys(texts))
    edges = _read_edges(
        assets[:: len(keys)] if keys else [_NO_ASSET] * len(texts),
        common,
        [shapes[text][0] if keys else None for text in texts],
    )
    return edges, _map_rows(keys, shapes, texts)


def _read_rows(texts: Collection[bytes]) -> dict[bytes, Row]:
    """Read the shapes of the assets of each text; all pages of Sentinel-2 have the same few."""
    if len(texts) == 1 and max(map(len, texts)) <= _LONGEST_TEXT:
        return {text: _recall_row(text) for text in texts}
    rows = [text.split(_SEPARATOR) for text in texts]
    read = _ShapeReader.of(rows)
    return {text: read.row(*row) for text, row in zip(texts, rows, strict=True)}


class _ShapeReader(dict[bytes, "Shape | None"]):
    """Shapes by their JSON texts, each read once."""

    @classmethod
    def of(cls, rows: Iterable[Iterable[bytes]]) -> _ShapeReader:
        """Read the shapes of some texts in one call, if each is a shape or ``null``."""
        texts = {*chain.from_iterable(rows)}
        if any(len(text) > _LONGEST_TEXT for text in texts):
            return cls()
        with suppress(msgspec.DecodeError):
            return cls(zip(texts, _ALL_SHAPES.decode(_write_list(texts)), strict=True))
        return cls()

    def __missing__(self, text: bytes) -> Shape | None:
        self[text] = shape = read_shape(_decode(text))
        return shape

    def row(self, *texts: bytes) -> Row:
        """Read the shapes of an item's assets; the last text is that of the whole item."""
        *own, common = texts
        return tuple([self[common if text == _NULL else text] for text in own])


@lru_cache(maxsize=32)
def _recall_row(text: bytes) -> Row:
    return _ShapeReader().row(*text.split(_SEPARATOR))


def _write_list(texts: Iterable[bytes]) -> bytes:
    """Write a JSON list of JSON values."""
    return b"[" + b",".join(texts) + b"]"


def _map_rows(keys: Sequence[str], shapes: Mapping[T, Row], rows: Sequence[T]) -> pa.MapArray:
    """Make a map per item: asset key → rows and columns, of the assets whose shape is known.

    Args:
        keys: Keys of the assets.
        shapes: The distinct rows: shapes of the assets of an item.
        rows: Which of them each item has, shape (n,).
    """
    if len(shapes) == 1:
        (row,) = shapes.values()
        return repeat("proj_shapes", tuple(_pair(keys, row)), len(rows))
    maps = _make_maps(keys, [*shapes.values()])
    if len(maps) == len(rows):
        return maps
    numbers = {row: number for number, row in enumerate(shapes)}
    return maps.take(pa.array([numbers[row] for row in rows], pa.int32()))


def _make_maps(keys: Sequence[str], rows: Sequence[Row]) -> pa.MapArray:
    known = [shape for row in rows for shape in row if shape]
    if len(known) < len(keys) * len(rows):
        return pa.array([_pair(keys, row) for row in rows], _SHAPES)
    ends, repeated = repeat_keys(tuple(keys), len(rows))
    lists = _make_lists(_make_matrix(known, _N_AXES, np.int32))
    return pa.MapArray.from_arrays(ends, repeated, lists)


def _pair(keys: Sequence[str], row: Row) -> list[tuple[str, Shape]]:
    return [(key, shape) for key, shape in zip(keys, row, strict=True) if shape]


def _read_edges(
    firsts: Sequence[Asset],
    common: Mapping[str, Sequence[msgspec.Raw]],
    shapes: Sequence[Shape | None],
) -> pa.Array:
    """Read the edges of items, or find them by transform and shape.

    Args:
        firsts: The first wanted asset of each item, shape (n,).
        common: ``GRID_FIELDS`` of the whole items, shape (n,) each.
        shapes: Shapes of the assets.
    """
    texts = _first_texts([asset.edges for asset in firsts], common["proj:bbox"])
    if _NULL not in texts and (edges := _decode_all(texts, _ALL_EDGES)):
        return _make_lists(_make_matrix(edges, _N_EDGES))
    values = [*map(_decode, texts)]
    if None in values:
        own = [asset.transform for asset in firsts]
        transforms = _first_texts(own, common["proj:transform"])
        if values.count(None) == len(values) and (found := _find_all_edges(transforms, shapes)):
            return found
        values = [
            find_edges(_decode(terms), shape) if value is None else value
            for value, terms, shape in zip(values, transforms, shapes, strict=True)
        ]
    return parse_edges(values)


def _find_all_edges(
    transforms: Sequence[bytes], shapes: Sequence[Shape | None]
) -> pa.ListArray | None:
    """Find the edges of many rasters as ``find_edges`` does; None if one has no edges."""
    decoded = _decode_all(transforms, _ALL_TRANSFORMS)
    known = [shape for shape in shapes if shape]
    if decoded is None or len(known) < len(shapes):
        return None
    terms = _make_matrix([terms[:_N_TERMS] for terms in decoded], _N_TERMS)
    width, row_turn, west, column_turn, height, north = terms.T
    rows, columns = _make_matrix(known, _N_AXES).T
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.stack([west, north + height * rows, west + width * columns, north], axis=1)
    is_upright = (row_turn == 0) & (column_turn == 0) & (width > 0) & (height < 0)
    return _make_lists(edges) if is_upright.all() and np.isfinite(edges).all() else None


def _decode_all(
    texts: Sequence[bytes], decoder: msgspec.json.Decoder[list[list[float]]]
) -> list[list[float]] | None:
    """Decode lists of numbers in one call; None if one is too long, or of another form."""
    with suppress(msgspec.DecodeError):
        if max(map(len, texts), default=0) <= _LONGEST_TEXT:
            return decoder.decode(_write_list(texts))
    return None


def _make_lists(matrix: NDArray[Any]) -> pa.ListArray:
    """Make a list of each row; an array of nested lists takes four times as long."""
    starts = np.arange(0, matrix.size + 1, matrix.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(starts), pa.array(matrix.reshape(-1)))


def _make_matrix(
    rows: Sequence[Sequence[float]], n_columns: int, kind: type[np.generic] = np.float64
) -> NDArray[Any]:
    return np.fromiter(chain.from_iterable(rows), dtype=kind).reshape(-1, n_columns)


def _first_texts(own: Iterable[msgspec.Raw], common: Iterable[msgspec.Raw]) -> list[bytes]:
    """Return the first of two texts that is not ``null``, for each item."""
    texts = [*map(bytes, own)]
    if _NULL not in texts:
        return texts
    return [
        bytes(other) if text == _NULL else text for text, other in zip(texts, common, strict=True)
    ]


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
