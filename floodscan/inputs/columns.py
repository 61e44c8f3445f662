"""Columns of event tables: obvious variants of their names, and the columns that are needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from floodscan.inputs.moments import TIME_FIELDS
from floodscan.inputs.notices import FieldError, file_error, quote
from floodscan.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from floodscan.errors import EventError

    Row = tuple[str, Mapping[str, Any] | FieldError]
    Keep = Callable[[str], bool]

GEOMETRY: Final = "geometry"
BOXES: Final = (
    ("west", "south", "east", "north"),
    ("minx", "miny", "maxx", "maxy"),
    ("xmin", "ymin", "xmax", "ymax"),
)
FIELDS: Final = (
    "event_id",
    "event_date",
    *map(str, Phase),
    "phase_dates",
    *TIME_FIELDS,
    "target_crs",
    "aoi",
    "bbox",
    GEOMETRY,
)
_SAME: Final = dict.fromkeys(("geom", "the_geom", "wkt"), GEOMETRY)
_KNOWN: Final = frozenset((*FIELDS, *(name for box in BOXES for name in box)))
_POINT: Final = frozenset({"lon", "lat", "long", "longitude", "latitude", "x", "y"})
_AREA: Final = "an area: west, south, east and north; or minx, miny, maxx and maxy; or geometry"
_NAMES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Table:
    """An event table, as the reader of a type of file gives it.

    Attributes:
        header: Names of the columns as they are in the file; None if no row can be used.
        rows: The name of each row, such as ``line 3``, and its values by column.
    """

    header: Sequence[str] | None
    rows: Iterable[Row]


def fold(name: str) -> str:
    """Write the name of a column as floodscan does: ``Event ID`` is ``event_id``."""
    plain = re.sub(r"[\s-]+", "_", name.strip().casefold())
    return _SAME.get(plain, plain)


def count_known(header: Iterable[str]) -> int:
    """Count the columns that floodscan reads."""
    return len(_KNOWN.intersection(map(fold, header)))


def is_known(name: str) -> bool:
    """Return whether floodscan reads a column of this name."""
    return fold(name) in _KNOWN


def read_rows(table: Table, source: str) -> Iterator[Row]:
    """Yield the rows of a table with the names of fields that floodscan knows.

    Raises:
        EventError: Columns are missing, or two have the same name.
    """
    if table.header is None:
        yield from table.rows
        return
    names = _match(table.header, source)
    box = next((box for box in BOXES if names.keys() >= {*box}), None)
    if missing := _list_missing(names, has_box=box is not None):
        raise _missing_columns(table.header, missing, source)
    for row, record in table.rows:
        yield row, record if isinstance(record, FieldError) else _rename(record, names, box)


def _rename(
    record: Mapping[str, Any], names: Mapping[str, str], box: Sequence[str] | None
) -> Mapping[str, Any]:
    found = {field: record.get(names[field]) for field in FIELDS if field in names}
    if box is not None and found.get("bbox") in {None, ""}:
        sides = [record.get(names[side]) for side in box]
        found["bbox"] = None if all(side in {None, ""} for side in sides) else sides
    return found


def _match(header: Sequence[str], source: str) -> dict[str, str]:
    """Find the column of each field."""
    names: dict[str, str] = {}
    for name in header:
        field = fold(name)
        if field in names and field in _KNOWN:
            text = f"is there twice, as {quote(names[field])} and {quote(name)}; keep one"
            raise file_error(source, text, field)
        names[field] = name
    return {field: name for field, name in names.items() if field in _KNOWN}


def _list_missing(names: Mapping[str, str], *, has_box: bool) -> list[str]:
    missing = [] if "event_id" in names else ["event_id"]
    phases = [phase for phase in Phase if phase in names]
    if "phase_dates" not in names and 0 < len(phases) < len(Phase):
        lacking = ", ".join(phase for phase in Phase if phase not in names)
        missing.append(f"{lacking} (each phase needs its column, or none and event_date)")
    elif not {"event_date", "phase_dates", *phases} & names.keys():
        missing.append("a date: event_date, or pre_month, pre_event, event and post_event")
    if not (has_box or {GEOMETRY, "aoi", "bbox"} & names.keys()):
        missing.append(_missing_area(names))
    return missing


def _missing_area(names: Mapping[str, str]) -> str:
    for box in BOXES:
        lacking = [side for side in box if side not in names]
        if len(lacking) < len(box):
            return ", ".join(lacking)
    return _AREA


def _missing_columns(header: Sequence[str], missing: Sequence[str], source: str) -> EventError:
    shown = ", ".join(quote(name)[1:-1] for name in header[:_NAMES_SHOWN])
    more = f" and {len(header) - _NAMES_SHOWN} more" if len(header) > _NAMES_SHOWN else ""
    text = f"columns are missing: {'; '.join(missing)}. Found: {shown}{more}"
    points = [name for name in header if fold(name) in _POINT]
    if missing[-1] == _AREA and len(points) > 1:
        text += f". {' and '.join(points[:2])} are a point, which has no area"
    return file_error(source, text)
