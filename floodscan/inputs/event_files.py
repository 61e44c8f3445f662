"""Readers of event files: TOML, GeoJSON, GeoParquet and CSV."""

from __future__ import annotations

import csv
import re
import tomllib
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from floodscan.errors import EventError, InputProblem, suggest
from floodscan.geometry.footprints import bbox_of, bbox_polygon, parse_geometry
from floodscan.geometry.pixel_grid import plan_grid
from floodscan.inputs.event_times import TIME_FIELDS, BadFieldError, is_missing, parse_times
from floodscan.model import DEMO, Event, Phase
from floodscan.planning.scratch import IdSet

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

    Record = Mapping[str, Any]
    Rows = Iterator[tuple[str, Record]]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BBOX_COLUMNS = ("west", "south", "east", "north")
_ROWS_AT_ONCE = 2000


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
    path = str(files("floodscan.data") / "demo" / "event.toml") if events == DEMO else events
    return _read_each(Path(path), phase_offset_days)


def read_events(path: str | Path, *, phase_offset_days: Mapping[Phase, int]) -> list[Event]:
    """Read flood events from TOML, GeoJSON, GeoParquet or CSV.

    Args:
        path: ``.toml`` with ``[[event]]`` tables; ``.geojson`` or ``.json``; ``.parquet`` or
            ``.geoparquet``; ``.csv`` with columns west, south, east, north.
        phase_offset_days: Days from ``event_date`` to each phase, for events that give only that.

    Raises:
        EventError: The file can't be read, or a row is invalid; names file, row and field.
    """
    return list(_read_each(Path(path), phase_offset_days))


def _read_each(path: Path, phase_offset_days: Mapping[Phase, int]) -> Iterator[Event]:
    return parse_events(
        _read_rows(path), source=str(path), folder=path.parent, phase_offset_days=phase_offset_days
    )


def _read_rows(path: Path) -> Rows:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(_READERS)
        raise EventError(str(path), [InputProblem("", "", f"unknown type of file; known: {kinds}")])
    try:
        yield from reader(path)
    except OSError as err:
        raise EventError(str(path), [InputProblem("", "", err.strerror or str(err))]) from err
    except (ValueError, pa.ArrowException) as err:
        raise EventError(str(path), [InputProblem("", "", f"can't be read: {err}")]) from err


def parse_events(
    rows: Iterable[tuple[str, Record]],
    *,
    source: str,
    folder: Path,
    phase_offset_days: Mapping[Phase, int],
) -> Iterator[Event]:
    """Check records, and yield an event for each one that is valid.

    Args:
        rows: Name of each row, such as ``row 3``, and its fields.
        source: Name of the file, for error messages.
        folder: Folder of the files that rows name.
        phase_offset_days: Days from ``event_date`` to each phase.

    Raises:
        EventError: Some rows are invalid; names each of them. It is raised after the last event.
    """
    taken = IdSet()
    problems: list[InputProblem] = []
    for row, record in rows:
        try:
            event = _parse_event(record, folder=folder, offsets=phase_offset_days, taken=taken)
        except BadFieldError as err:
            problems.append(InputProblem(row, *err.args))
        else:
            taken.add(event.event_id)
            yield event
    if not taken and not problems:
        problems.append(InputProblem("", "", "has no event in it"))
    if problems:
        raise EventError(source, problems)


def _parse_event(
    record: Record, *, folder: Path, offsets: Mapping[Phase, int], taken: Container[str]
) -> Event:
    aoi, bbox = _parse_aoi(record, folder)
    phase_dates = _parse_phase_dates(record, offsets)
    return Event(
        event_id=_parse_id(record.get("event_id"), taken),
        aoi=aoi,
        bbox=bbox,
        phase_dates=phase_dates,
        target_crs=_parse_crs(record.get("target_crs"), aoi),
        **parse_times(record, phase_dates[Phase.EVENT]),
    )


def _parse_id(value: object, taken: Container[str]) -> str:
    if is_missing(value):
        raise BadFieldError("event_id", "is missing")
    text = str(value)
    if not _FILE_NAME.fullmatch(text):
        raise BadFieldError(
            "event_id",
            f"'{text}' can't be a file name; use up to 128 letters, digits, '.', '_' and '-'",
        )
    if text in taken:
        raise BadFieldError("event_id", f"'{text}' is used twice")
    return text


def _parse_aoi(record: Record, folder: Path) -> tuple[BaseGeometry, BBox]:
    named = [name for name in ("geometry", "aoi", "bbox") if not is_missing(record.get(name))]
    if not named:
        raise BadFieldError(
            "bbox", "is missing; write bbox, or aoi with the name of a GeoJSON file"
        )
    field = named[0]
    if field == "bbox":
        bbox = _parse_bbox(record["bbox"])
        return bbox_polygon(*bbox), bbox
    geometry = record[field] if field == "geometry" else _load_aoi(folder / str(record["aoi"]))
    _check_aoi(field, geometry)
    return geometry, bbox_of(geometry)


def _parse_bbox(value: object) -> BBox:
    try:
        west, south, east, north = (float(number) for number in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as err:
        raise BadFieldError("bbox", "must be four numbers: west, south, east, north") from err
    if not (_on_earth(west, south) and _on_earth(east, north)):
        raise BadFieldError(
            "bbox", f"{[west, south, east, north]} is not within ±180° longitude and ±90° latitude"
        )
    if south > north:
        raise BadFieldError("bbox", f"south {south} is above north {north}")
    if south == north or west == east:
        raise BadFieldError("bbox", "has no area")
    return west, south, east, north


def _load_aoi(path: Path) -> BaseGeometry:
    try:
        raw = orjson.loads(path.read_bytes())
    except OSError as err:
        raise BadFieldError("aoi", f"{path}: {err.strerror}") from err
    except orjson.JSONDecodeError as err:
        raise BadFieldError("aoi", f"{path} is not JSON: {err}") from err
    features = raw.get("features", [raw]) if isinstance(raw, dict) else []
    geometries = [parse_geometry(f.get("geometry", f)) for f in features if isinstance(f, dict)]
    return shapely.union_all(geometries)


def _check_aoi(field: str, aoi: BaseGeometry) -> None:
    if aoi.geom_type not in {"Polygon", "MultiPolygon"}:
        raise BadFieldError(field, f"must be a Polygon or MultiPolygon, but is a {aoi.geom_type}")
    if not aoi.is_valid:
        raise BadFieldError(field, f"is not valid: {shapely.is_valid_reason(aoi)}")
    if aoi.area == 0:
        raise BadFieldError(field, "has no area")
    west, south, east, north = aoi.bounds
    if not (_on_earth(west, south) and _on_earth(east, north)):
        raise BadFieldError(field, "is not within ±180° longitude and ±90° latitude; is it WGS 84?")


def _on_earth(longitude: float, latitude: float) -> bool:
    return abs(longitude) <= 180 and abs(latitude) <= 90  # noqa: PLR2004 - degrees


def _parse_phase_dates(record: Record, offsets: Mapping[Phase, int]) -> dict[Phase, date]:
    given = record.get("phase_dates")
    if is_missing(given):
        given = {name: record[name] for name in Phase if not is_missing(record.get(name))}
    if not isinstance(given, dict):
        raise BadFieldError("phase_dates", "must be a table with a date for each phase")
    for name in given:
        if name not in list(Phase):
            raise BadFieldError(f"phase_dates.{name}", f"unknown phase; {suggest(name, Phase)}")
    if not given:
        event_date = _parse_date("event_date", record.get("event_date"))
        return {phase: event_date + timedelta(days=offsets[phase]) for phase in Phase}
    dates = {phase: _parse_date(f"phase_dates.{phase}", given.get(phase)) for phase in Phase}
    if list(dates.values()) != sorted(dates.values()):
        raise BadFieldError(
            "phase_dates", "are out of order; no phase may be before the phase that precedes it"
        )
    return dates


def _parse_date(field: str, value: object) -> date:
    if is_missing(value):
        raise BadFieldError(field, "is missing")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError as err:
        raise BadFieldError(field, f"'{value}' is not a date; write it like 2021-07-15") from err


def _parse_crs(value: object, aoi: BaseGeometry) -> str:
    if is_missing(value):
        return utm_crs(aoi)
    try:
        crs = pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError as err:
        raise BadFieldError(
            "target_crs", f"'{value}' is not a coordinate system; write it like EPSG:32632"
        ) from err
    if not crs.is_projected:
        raise BadFieldError(
            "target_crs",
            f"'{value}' is not a projected system; write one like {utm_crs(aoi)}",
        )
    if plan_grid(bbox_of(aoi), str(value)) is None:
        raise BadFieldError("target_crs", f"'{value}' does not cover the area; {utm_crs(aoi)} does")
    return str(value)


def utm_crs(aoi: BaseGeometry) -> str:
    """Return the UTM zone at the centre of an area's bbox."""
    west, south, east, north = bbox_of(aoi)
    longitude = (west + (east - west) % 360 / 2 + 180) % 360
    hemisphere = 32600 if south + north >= 0 else 32700
    return f"EPSG:{hemisphere + int(longitude // 6) + 1}"


def _read_toml(path: Path) -> Rows:
    raw = tomllib.loads(path.read_text("utf-8"))
    known = ["event_id", "bbox", "aoi", "target_crs", "event_date", "phase_dates", *TIME_FIELDS]
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
        problems += [
            InputProblem(f"event {number}", key, f"unknown; {suggest(key, known)}")
            for key in record
            if key not in known
        ]
    if problems:
        raise EventError(str(path), problems)
    yield from ((f"event {number}", record) for number, record in enumerate(records, 1))


def _read_geojson(path: Path) -> Rows:
    raw = orjson.loads(path.read_bytes())
    features = raw.get("features") if isinstance(raw, dict) else None
    if not isinstance(features, list):
        raise EventError(
            str(path), [InputProblem("", "features", "must be a list, as in a FeatureCollection")]
        )
    for number, feature in enumerate(features, 1):
        properties = feature.get("properties") or {}
        geometry = feature.get("geometry")
        parsed = None if geometry is None else parse_geometry(geometry)
        yield f"feature {number}", {**properties, "geometry": parsed}


def _read_geoparquet(path: Path) -> Rows:
    import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

    numbers = count(1)
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(_ROWS_AT_ONCE):
            frame = gpd.read_parquet(_as_file(rows)).to_crs("OGC:CRS84")
            for record, number in zip(frame.to_dict("records"), numbers, strict=False):
                yield f"row {number}", {**record, "geometry": record[frame.geometry.name]}


def _as_file(rows: pa.RecordBatch) -> pa.BufferReader:
    """Write some rows as a file in memory: geopandas can't read a file in parts."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([rows]), sink)
    return pa.BufferReader(sink.getvalue())


def _read_csv(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, record in enumerate(csv.DictReader(file), 2):
            bbox = [record.get(name) for name in _BBOX_COLUMNS]
            yield f"line {number}", {**record, "bbox": bbox if any(bbox) else None}


_READERS: Mapping[str, Callable[[Path], Rows]] = {
    ".toml": _read_toml,
    ".geojson": _read_geojson,
    ".json": _read_geojson,
    ".parquet": _read_geoparquet,
    ".geoparquet": _read_geoparquet,
    ".csv": _read_csv,
}
