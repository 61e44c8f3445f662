"""Rows of Arrow tables, with values of plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from floodscan.inputs.columns import GEOMETRY, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.geometry.footprints import Geometries
    from floodscan.inputs.columns import Keep, Row


def list_header(names: list[str], geometry: str) -> list[str]:
    """List the columns of a table; the one of its geometries, of any name, is ``geometry``.

    Other columns that could be the area, such as ``wkt``, are left out.
    """
    return [GEOMETRY, *(name for name in names if name != geometry and fold(name) != GEOMETRY)]


def tabulate(table: pa.Table, geometries: Geometries, *, first: int, keep: Keep) -> Iterator[Row]:
    """Yield the rows of a table.

    Args:
        table: Any columns, n rows.
        geometries: The area of each row, shape (n,).
        first: Number of the first row.
        keep: Tells which columns the rows have.
    """
    columns = {name: _plain(table[name]).to_pylist() for name in table.column_names if keep(name)}
    for number, geometry in enumerate(geometries):
        record = {name: values[number] for name, values in columns.items()}
        yield f"row {first + number}", {**record, GEOMETRY: geometry}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast times to what Python has: microseconds, in UTC if they have a zone at all."""
    if not pa.types.is_timestamp(column.type):
        return column
    return column.cast(pa.timestamp("us", column.type.tz and "UTC"), safe=False)
