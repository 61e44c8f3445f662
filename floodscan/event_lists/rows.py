"""Rows of foreign lists of floods, and the table that they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from floodscan.inputs.columns import fold
from floodscan.inputs.notices import FieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from floodscan.inputs.notices import Notes

    Record = Mapping[str, Any]
    Converter = Callable[[Sequence[Path], "ListOptions", Notes], Iterator["ListRow"]]

_TIME: Final = pa.timestamp("us", tz="UTC")

EXPERT_SCENE: Final = pa.struct(
    [
        pa.field("satellite", pa.string()),
        pa.field("sensor_type", pa.string()),
        pa.field("time", _TIME),
        pa.field("product", pa.string()),
    ]
)

EVENT_LIST: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("event_date", pa.date32(), nullable=False),
        pa.field("onset", _TIME),  # null if the list gives no hour
        pa.field("assumed_onset_hour", pa.float64()),
        pa.field("peak", _TIME),
        pa.field("end", _TIME),
        pa.field("date_kind", pa.string(), nullable=False),  # onset or activation
        pa.field("name", pa.string()),
        pa.field("country", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("area_km2", pa.float64(), nullable=False),
        pa.field("expert_scenes", pa.list_(EXPERT_SCENE)),  # null if the list has none at all
        pa.field("geometry", pa.binary(), nullable=False),  # WKB, degrees of WGS 84
    ]
)
"""A converted list, one event each row."""


class ListRow(NamedTuple):
    """A row of a list.

    Attributes:
        file: The file it comes from.
        row: Its name in the file, such as ``line 3``.
        record: The columns of EVENT_LIST that the list knows, with the area as a geometry, as in
            an event file; or why it can't be used.
    """

    file: Path
    row: str
    record: Record | FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """How a list is read.

    Attributes:
        id_column: Column of a table with the event ids; None looks for ``event_id`` or ``id``.
        date_column: Column of a table with the date; None looks for ``event_date`` or ``date``.
        date_format: Format of its dates, as of ``strptime``; None reads ISO 8601.
        x: Column of a table with the longitude or easting of a point.
        y: Column of a table with the latitude or northing of a point.
        wkt: Column of a table with the area or point as WKT.
        crs: Coordinate system of these columns; None is degrees of WGS 84.
        buffer_km: Radius of the circle around a point; None rejects points.
        areas: Area of each event id, for lists without areas.
        since: Rows of floods before this day are rejected.
        max_area_km2: Larger areas are cut into several events; None cuts none.
    """

    id_column: str | None = None
    date_column: str | None = None
    date_format: str | None = None
    x: str | None = None
    y: str | None = None
    wkt: str | None = None
    crs: str | None = None
    buffer_km: float | None = None
    areas: Mapping[str, BaseGeometry] | None = None
    since: date | None = None
    max_area_km2: float | None = None


def read_records(
    rows: Iterator[tuple[str, Record | FieldError]],
    path: Path,
    read: Callable[[str, Record], Record],
) -> Iterator[ListRow]:
    """Convert each row of a table.

    Args:
        rows: Name and values of each row.
        path: The file of the table.
        read: Makes the record of a row, from its name and its values by folded column names;
            raises FieldError if it can't.
    """
    for row, found in rows:
        record: Record | FieldError = found
        if not isinstance(found, FieldError):
            try:
                record = read(row, {fold(name): value for name, value in found.items()})
            except FieldError as err:
                record = err
        yield ListRow(path, row, record)


def text_of(value: object) -> str | None:
    """Return a text of a foreign record; None if it is missing, or no text or whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def id_text(value: object) -> str:
    """Write an id as text. A column of whole numbers may be one of floats."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
