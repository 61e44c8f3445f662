"""Event files of all types: which reader reads which, and the events in them."""

from __future__ import annotations

import csv
import tomllib
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floodscan.errors import EventError, InputProblem, suggest
from floodscan.inputs.columns import is_known, read_rows
from floodscan.inputs.csv_files import read_csv
from floodscan.inputs.event_records import FIELDS_OF_TOML, parse_events
from floodscan.inputs.geojson_files import read_geojson
from floodscan.inputs.notices import FieldError, Notes, file_error, quote
from floodscan.inputs.parquet_files import read_parquet
from floodscan.inputs.text_files import read_text
from floodscan.inputs.vector_files import read_vector
from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS, DEMO, Event, Phase
from floodscan.planning.event_list import list_events
from floodscan.planning.scratch import IdSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from floodscan.inputs.columns import Keep, Row, Table
    from floodscan.planning.event_list import EventList

    Reader = Callable[[Path, Notes, Keep], Table]


def load_events(
    events: str | Path | Event | Sequence[Event], *, phase_offset_days: Mapping[Phase, int]
) -> list[Event]:
    """Return events: given ones as they are, or those of a file, or the bundled event ``demo``.

    Raises:
        EventError: The file is invalid.
    """
    return list(iterate_events(events, phase_offset_days=phase_offset_days))


def iterate_events(
    events: str | Path | Event | Iterable[Event], *, phase_offset_days: Mapping[Phase, int]
) -> Iterator[Event]:
    """Yield events as ``load_events`` returns them, one at a time.

    Raises:
        EventError: The file is invalid. It is raised after the last event.
    """
    if isinstance(events, Event):
        return iter([events])
    if not isinstance(events, str | Path):
        return iter(events)
    return _read_each(_find_path(events), phase_offset_days, IdSet())


def list_all(
    events: str | Path | Event | Iterable[Event], *, phase_offset_days: Mapping[Phase, int]
) -> EventList:
    """List events as ``iterate_events`` yields them, neighbours next to each other, on disk.

    Raises:
        EventError: The file is invalid, or two events have the same id.
        OutputError: The disk for temporary files is full.
    """
    if not isinstance(events, str | Path):
        return list_events(iterate_events(events, phase_offset_days=phase_offset_days))
    ids = IdSet()
    return list_events(_read_each(_find_path(events), phase_offset_days, ids), checked=ids)


def read_events(
    path: str | Path, *, phase_offset_days: Mapping[Phase, int] = DEFAULT_PHASE_OFFSET_DAYS
) -> list[Event]:
    """Read flood events from a file; its ending names its type.

    Args:
        path: ``.toml`` with ``[[event]]`` tables; ``.csv`` with a box in four columns or WKT;
            ``.geojson`` or ``.json``; ``.parquet`` or ``.geoparquet``; ``.gpkg``; ``.fgb``;
            ``.shp`` or ``.shp.zip``.
        phase_offset_days: Days from ``event_date`` to each phase, for events that give only that.

    Raises:
        EventError: The file can't be read, or a row is invalid; names file, row and field.

    Warns:
        EventWarning: An area was repaired or split, or the file names no coordinate system.
    """
    return list(_read_each(Path(path), phase_offset_days, IdSet()))


def _find_path(events: str | Path) -> Path:
    return Path(str(files("floodscan.data") / "demo" / "event.toml") if events == DEMO else events)


def _read_each(path: Path, phase_offset_days: Mapping[Phase, int], ids: IdSet) -> Iterator[Event]:
    notes = Notes()
    yield from parse_events(
        _read_rows(path, notes),
        source=str(path),
        load_aoi=lambda name: _load_aoi(name, path.parent, notes),
        phase_offset_days=phase_offset_days,
        notes=notes,
        ids=ids,
    )


def _read_rows(path: Path, notes: Notes) -> Iterator[Row]:
    with translated_errors(path):
        if path.suffix.lower() == ".toml":
            yield from _read_toml(path)
        else:
            yield from read_rows(open_table(path, notes), str(path))


def _load_aoi(name: str, folder: Path, notes: Notes) -> list[Any]:
    """Read the geometries of a file that an event names.

    Raises:
        FieldError: It can't be read.
    """
    try:
        with translated_errors(folder / name):
            rows = [record for _, record in open_table(folder / name, notes).rows]
    except EventError as err:
        raise FieldError("aoi", f"{quote(name)}: {err.problems[0]}") from err
    return [{} if isinstance(row, FieldError) else row.get("geometry") for row in rows]


def open_table(path: Path, notes: Notes, *, keep: Keep = is_known) -> Table:
    """Open a table of events; its ending names its type.

    Args:
        path: The file: of any type that ``read_events`` takes, but TOML.
        notes: Takes what is noted about the file and its rows.
        keep: Tells which columns the rows have. Rows of CSV and GeoJSON always have all.

    Raises:
        EventError: The type is unknown, or the reader finds a problem of the file as a whole.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join([".toml", *_READERS])
        raise file_error(path, f"unknown type of file; known: {kinds}")
    return reader(path, notes, keep)


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Make EventErrors of the errors that readers of a file raise inside the context."""
    try:
        yield
    except UnicodeDecodeError as err:
        raise file_error(path, "can't be read: it is not text in UTF-8 or UTF-16") from err
    except _UNREADABLE as err:
        raise file_error(path, f"can't be read: {_one_line(err)}") from err
    except OSError as err:
        raise file_error(path, err.strerror or f"can't be read: {_one_line(err)}") from err


_UNREADABLE = (
    ValueError,
    OverflowError,
    RecursionError,
    csv.Error,
    pa.ArrowException,
)


def _one_line(err: BaseException) -> str:
    return " ".join(str(err).split())


def _read_toml(path: Path) -> Iterator[Row]:
    raw = tomllib.loads(read_text(path))
    problems = [
        InputProblem("", key, f"unknown; {suggest(key, ['event'])}")
        for key in raw
        if key != "event"
    ]
    records = raw.get("event", [])
    if not isinstance(records, list):
        problems.append(InputProblem("", "event", "write [[event]], in double brackets"))
        records = []
    for number, record in enumerate(records, 1):
        problems += _check_keys(f"event {number}", record)
    if problems:
        raise EventError(str(path), problems)
    yield from ((f"event {number}", record) for number, record in enumerate(records, 1))


def _check_keys(row: str, record: object) -> list[InputProblem]:
    if not isinstance(record, dict):
        return [InputProblem(row, "", "must be a table; write [[event]], in double brackets")]
    return [
        InputProblem(row, key, f"unknown; {suggest(key, FIELDS_OF_TOML)}")
        for key in record
        if key not in FIELDS_OF_TOML
    ]


_READERS: Mapping[str, Reader] = {
    ".csv": read_csv,
    ".geojson": read_geojson,
    ".json": read_geojson,
    ".parquet": read_parquet,
    ".geoparquet": read_parquet,
    ".gpkg": read_vector,
    ".fgb": read_vector,
    ".shp": read_vector,
    ".zip": read_vector,
}
