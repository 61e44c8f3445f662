"""Plain items → rows of stac-geoparquet, with one schema whatever the order of the items.

The package ``stac-geoparquet`` makes the columns. The order of their fields is that of the names,
so that a file has the same bytes whether its items came at once or in several builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from stac_geoparquet.arrow import parse_stac_items_to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Json = dict[str, Any]

_FIRST = (
    *("type", "stac_version", "stac_extensions", "id", "collection", "datetime"),
    *("geometry", "bbox", "assets", "links"),
)
_NOWHERE = {"geometry": {"type": "Polygon", "coordinates": []}, "bbox": [0.0, 0.0, 0.0, 0.0]}
_LACKING = (pa.ArrowException, TypeError, ValueError, LookupError, AttributeError)


def make_rows(items: Sequence[Json]) -> pa.Table:
    """Make the rows of plain items.

    Raises:
        ValueError: Names an item that stac-geoparquet can't hold, and why.
    """
    try:
        return _convert(items)
    except _LACKING as err:
        culprit = items[_find_culprit(items)]
        why = " ".join(str(err).split())
        message = f"item {culprit['id']} can't be stored beside the others: {why}"
        raise ValueError(message) from err


def _find_culprit(items: Sequence[Json]) -> int:
    """Return the number of the first item that can't be converted beside those before it."""
    good, bad = 0, len(items)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            _convert(items[:middle])
            good = middle
        except _LACKING:
            bad = middle
    return bad - 1


def _convert(items: Sequence[Json]) -> pa.Table:
    placed = [
        {**item, **{name: item[name] or value for name, value in _NOWHERE.items()}}
        for item in items
    ]
    table = parse_stac_items_to_arrow(placed).read_all().combine_chunks()
    for name in _NOWHERE:
        lacking = np.array([item[name] is None for item in items])
        place = table.schema.get_field_index(name)
        column = table.column(place).combine_chunks()
        table = table.set_column(place, name, _blank(column, lacking) if lacking.any() else column)
    return table


def _blank(values: pa.Array, where: Any) -> pa.Array:  # noqa: ANN401 - numpy
    return pc.if_else(pa.array(where), pa.nulls(len(values), values.type), values)


def unify_schemas(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return the schema that holds the columns of several tables, in a fixed order.

    Raises:
        ValueError: A column is of two types that have no common one.
    """
    try:
        whole = pa.unify_schemas([*schemas], promote_options="permissive")
    except pa.ArrowException as err:
        message = f"items have values of different types: {' '.join(str(err).split())}"
        raise ValueError(message) from err
    names = [*_FIRST, *sorted(set(whole.names) - {*_FIRST})]
    kinds = {name: _in_order(whole.field(name).type) for name in names if name in whole.names}
    # the edges of a bbox are in the order of GeoParquet
    kinds["bbox"] = whole.field("bbox").type
    return pa.schema([pa.field(name, kind) for name, kind in kinds.items() if kind is not None])


def _in_order(kind: pa.DataType) -> pa.DataType | None:
    """Sort the fields of structs at any depth; None if there are none, which Parquet can't hold."""
    if pa.types.is_struct(kind):
        fields = [(f.name, _in_order(f.type)) for f in sorted(kind, key=lambda field: field.name)]
        kept = [pa.field(name, inner) for name, inner in fields if inner is not None]
        return pa.struct(kept) if kept else None
    if pa.types.is_list(kind):
        inner = _in_order(kind.value_type)
        return None if inner is None else pa.list_(inner)
    return kind


def fit_rows(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """Join tables, with the columns of a schema that holds them all."""
    parts = [_drop_empty(table, schema) for table in tables]
    whole = pa.concat_tables([schema.empty_table(), *parts], promote_options="permissive")
    return whole.cast(schema)


def _drop_empty(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.select([name for name in table.column_names if name in schema.names])
