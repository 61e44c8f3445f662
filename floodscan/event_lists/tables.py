"""Tables of any origin, whose columns are named by options."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from floodscan.errors import suggest
from floodscan.event_lists.excel_files import EXCEL, read_excel
from floodscan.event_lists.places import draw_circle, point_of
from floodscan.event_lists.rows import ListOptions, ListRow, id_text, read_records, text_of
from floodscan.event_lists.times import read_time
from floodscan.inputs.columns import BOXES, GEOMETRY, fold
from floodscan.inputs.coordinates import find_crs, to_wgs84
from floodscan.inputs.event_files import open_table, translated_errors
from floodscan.inputs.moments import TIME_FIELDS, is_missing
from floodscan.inputs.notices import FieldError, file_error, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from floodscan.inputs.columns import Table
    from floodscan.inputs.notices import Notes

    Record = Mapping[str, Any]

_IDS: Final = ("event_id", "id")
_DATES: Final = ("event_date", "onset", "date")
_HINT: Final = "--buffer-km draws a circle around it"


def open_any(path: Path, notes: Notes) -> Table:
    """Open a table with all its columns, also one of Excel.

    Raises:
        EventError: It can't be read.
    """
    if path.suffix.lower() in EXCEL:
        return read_excel(path)
    return open_table(path, notes, keep=lambda _: True)


def read_tables(paths: Sequence[Path], options: ListOptions, notes: Notes) -> Iterator[ListRow]:
    """Read tables; the columns are those that the options name, or have obvious names.

    Raises:
        EventError: A column is missing.
    """
    for path in paths:
        with translated_errors(path):
            table = open_any(path, notes)
            columns = _Columns(table.header or (), options, path)
            read = partial(_read_event, columns=columns, options=options, stem=path.stem)
            yield from read_records(iter(table.rows), path, read)


class _Columns:
    """The columns of a table: folded names, or None.

    Raises:
        EventError: An option names a column that is not there, or there is no date or place.
    """

    def __init__(self, header: Sequence[str], options: ListOptions, path: Path) -> None:
        self._header = {fold(name): name for name in header}
        self._path = path
        self.event_id = self._named("--id-column", options.id_column) or self._find(_IDS)
        self.date = self._named("--date-column", options.date_column) or self._find(_DATES)
        self.x, self.y = self._named("--x", options.x), self._named("--y", options.y)
        self.wkt = self._named("--wkt", options.wkt)
        self.box = next((box for box in BOXES if self._header.keys() >= {*box}), None)
        self.transform = _converter(options.crs, path)
        self._check(options)

    def _named(self, option: str, name: str | None) -> str | None:
        if name is None:
            return None
        if fold(name) not in self._header:
            known = list(self._header.values())
            text = f"{option} names {quote(name)}, which is no column; {suggest(name, known)}"
            raise file_error(self._path, text)
        return fold(name)

    def _find(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self._header), None)

    def _check(self, options: ListOptions) -> None:
        shown = ", ".join(quote(name)[1:-1] for name in list(self._header.values())[:20])
        if self.date is None:
            raise file_error(
                self._path, f"has no column event_date; name one with --date-column. Found: {shown}"
            )
        if (self.x is None) != (self.y is None):
            raise file_error(self._path, "a point needs both --x and --y")
        has_place = self.x or self.wkt or self.box or GEOMETRY in self._header
        if not has_place and "bbox" not in self._header:
            raise file_error(
                self._path,
                f"has no area: name columns with --x and --y, or with --wkt. Found: {shown}",
            )
        if options.crs is not None and not (self.x or self.wkt):
            raise file_error(self._path, "--crs is the system of --x and --y, or of --wkt")


def _converter(crs: str | None, path: Path) -> Callable[[Any], Any]:
    found = None if crs is None else find_crs(crs, path)
    return lambda geometry: to_wgs84(np.array([geometry], dtype=object), found)[0]


def _read_event(
    row: str, found: Record, *, columns: _Columns, options: ListOptions, stem: str
) -> Record:
    assert columns.date is not None  # noqa: S101 - checked with the header
    day, onset = read_time(columns.date, found.get(columns.date), options.date_format)
    number = row.rpartition(" ")[2]
    event_id = found.get(columns.event_id) if columns.event_id else f"{fold(stem)}_{number}"
    event_id = None if is_missing(event_id) else id_text(event_id)
    if not is_missing(given := found.get("onset")) and columns.date != "onset":
        _, onset = read_time("onset", given)
    return {
        "event_id": event_id,
        "event_date": day,
        **{name: found.get(name) for name in TIME_FIELDS},
        "onset": onset,
        "name": text_of(found.get("name")),
        "country": text_of(found.get("country")),
        "source": stem,
        **_read_place(found, columns, options),
    }


def _read_place(found: Record, columns: _Columns, options: ListOptions) -> Record:
    geometry: Any = None
    if columns.x and columns.y:
        geometry = columns.transform(_read_point(found[columns.x], found[columns.y]))
    elif columns.wkt:
        geometry = _read_wkt(columns.wkt, found.get(columns.wkt), columns)
    elif GEOMETRY in found:
        geometry = found[GEOMETRY]
    if (point := point_of(geometry)) is not None:
        geometry = draw_circle(point, options.buffer_km, hint=_HINT)
    if is_missing(geometry) and columns.box:
        return {"bbox": [found.get(side) for side in columns.box]}
    return {"geometry": geometry} if not is_missing(geometry) else {"bbox": found.get("bbox")}


def _read_point(x: object, y: object) -> BaseGeometry:
    try:
        return shapely.Point(float(str(x)), float(str(y)))
    except ValueError as err:
        raise FieldError(
            "geometry", f"{quote(str(x))} and {quote(str(y))} are no coordinates"
        ) from err


def _read_wkt(field: str, value: object, columns: _Columns) -> BaseGeometry:
    if is_missing(value):
        raise FieldError(field, "is missing")
    geometry = shapely.from_wkt(str(value), on_invalid="ignore")
    if geometry is None:
        raise FieldError(field, f"can't be read as WKT: {quote(str(value))}")
    converted: BaseGeometry = columns.transform(geometry)
    return converted
