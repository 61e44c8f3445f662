"""Checks of event records: each valid record becomes an Event, whatever file it comes from."""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyproj
import shapely

from floodscan.errors import EventError, InputProblem
from floodscan.geometry.pixel_grid import plan_grid
from floodscan.inputs.areas import CheckedArea, check_areas, parse_area, parse_bbox, utm_crs
from floodscan.inputs.columns import GEOMETRY
from floodscan.inputs.moments import TIME_FIELDS, is_missing, parse_times
from floodscan.inputs.notices import FieldError, Notes, quote
from floodscan.model import Event, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox
    from floodscan.inputs.areas import Note
    from floodscan.inputs.columns import Row
    from floodscan.planning.scratch import IdSet

    Record = Mapping[str, Any]
    LoadAoi = Callable[[str], list[Any]]

FIELDS_OF_TOML: Final = (
    "event_id",
    "bbox",
    "aoi",
    "target_crs",
    "event_date",
    "phase_dates",
    *TIME_FIELDS,
)
_ROWS_AT_ONCE: Final = 500
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def parse_events(
    rows: Iterable[Row],
    *,
    source: str,
    load_aoi: LoadAoi,
    phase_offset_days: Mapping[Phase, int],
    notes: Notes,
    ids: IdSet,
) -> Iterator[Event]:
    """Check records, and yield an event for each one that is valid.

    Args:
        rows: Name of each row, such as ``row 3``, and its fields.
        source: Name of the file, for messages.
        load_aoi: Reads the geometries of a file that a row names.
        phase_offset_days: Days from ``event_date`` to each phase.
        notes: Takes what is noted about rows; it is published after the last event.
        ids: Gets the id of each event, before the event is yielded.

    Raises:
        EventError: Some rows are invalid; names each of them. It is raised after the last event.
    """
    problems: list[InputProblem] = []
    parse = partial(_parse_event, load_aoi=load_aoi, offsets=phase_offset_days, taken=ids)
    for row, record in _check_areas(rows):
        try:
            event = parse(record, note=partial(notes.add, row=row))
        except FieldError as err:
            problems.append(InputProblem(row, *err.args))
        else:
            ids.add(event.event_id)
            yield event
    if not ids and not problems:
        problems.append(InputProblem("", "", "has no event in it"))
    notes.publish(source)
    if problems:
        raise EventError(source, problems)


def _check_areas(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows; the geometries of some hundred rows are checked at once."""
    rows = iter(rows)
    while lot := list(islice(rows, _ROWS_AT_ONCE)):
        areas = check_areas([_get_geometry(record) for _, record in lot])
        for (row, record), area in zip(lot, areas, strict=True):
            if isinstance(area, CheckedArea) and not isinstance(record, FieldError):
                yield row, {**record, GEOMETRY: area}
            else:
                yield row, record


def _get_geometry(record: Record | FieldError) -> object:
    return None if isinstance(record, FieldError) else record.get(GEOMETRY)


def _parse_event(
    record: Record | FieldError,
    *,
    load_aoi: LoadAoi,
    offsets: Mapping[Phase, int],
    taken: Container[str],
    note: Note,
) -> Event:
    if isinstance(record, FieldError):
        raise record
    aoi, bbox = _parse_place(record, load_aoi, note)
    phase_dates, times = parse_times(record, offsets)
    return Event(
        event_id=_parse_id(record.get("event_id"), taken),
        aoi=aoi,
        bbox=bbox,
        phase_dates=phase_dates,
        target_crs=_parse_crs(record.get("target_crs"), bbox),
        **times,
    )


def _parse_id(value: object, taken: Container[str]) -> str:
    if is_missing(value):
        raise FieldError("event_id", "is missing")
    # a column of numbers with a gap is one of floats
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if not _FILE_NAME.fullmatch(text):
        raise FieldError(
            "event_id",
            f"{quote(text)} can't be a file name; use up to 128 letters, digits, '.', '_' and '-'",
        )
    if text in taken:
        raise FieldError("event_id", f"'{text}' is used twice")
    return text


def _parse_place(record: Record, load_aoi: LoadAoi, note: Note) -> tuple[BaseGeometry, BBox]:
    named = [name for name in ("geometry", "aoi", "bbox") if not is_missing(record.get(name))]
    if not named:
        raise FieldError(
            "geometry" if "geometry" in record else "bbox",
            "is missing; write bbox, or aoi with the name of a GeoJSON file",
        )
    field = named[0]
    if field == "bbox":
        return parse_bbox(record["bbox"])
    if field == "geometry":
        return parse_area(field, record[field], note)
    parts = [parse_area(field, part, note)[0] for part in load_aoi(str(record["aoi"]))]
    return parse_area(field, shapely.union_all(parts), note)


def _parse_crs(value: object, bbox: BBox) -> str:
    if is_missing(value):
        return utm_crs(bbox)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise FieldError("target_crs", f"must be a text like EPSG:32632, but is {quote(value)}")
    try:
        crs = pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError as err:
        raise FieldError(
            "target_crs",
            f"{quote(str(value))} is not a coordinate system; write it like EPSG:32632",
        ) from err
    if not crs.is_projected:
        raise FieldError(
            "target_crs",
            f"{quote(str(value))} is not a projected system; write one like {utm_crs(bbox)}",
        )
    if not _holds(str(value), bbox):
        raise FieldError(
            "target_crs", f"{quote(str(value))} does not cover the area; {utm_crs(bbox)} does"
        )
    return str(value)


def _holds(crs: str, bbox: BBox) -> bool:
    """Return whether a system has a grid for an area."""
    try:
        return plan_grid(bbox, crs) is not None
    except pyproj.exceptions.ProjError:
        return False
