"""Dates and times of events: the date of each phase; onset, peak and end."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from math import isnan
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from floodscan.errors import suggest
from floodscan.inputs.notices import FieldError, quote
from floodscan.model import PHASES, DateKind, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    Record = Mapping[str, Any]

TIME_FIELDS: Final = ("onset", "assumed_onset_hour", "peak", "end", "date_kind")
"""Fields of a record, beside the dates of phases, that are times or say how to take them."""

_NOON: Final = time(12)
_LAST_SECOND: Final = time(23, 59, 59)
_HOURS: Final = 24
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199  # dates of phases and ends of windows must exist too
_SLASHES = re.compile(r"^(\d{4})/(\d\d)/(\d\d)")  # as GDAL writes times into Shapefiles


class Moment(NamedTuple):
    """A time, or a date that got an hour.

    Attributes:
        time: In UTC.
        has_hour: Whether the hour was given.
    """

    time: datetime
    has_hour: bool


def parse_times(
    record: Record, offsets: Mapping[Phase, int]
) -> tuple[dict[Phase, date], dict[str, Any]]:
    """Return the UTC date of each phase, and the other attributes of an Event that are times.

    A date without an hour is the start of the day for the onset, which is then assumed, noon for
    the peak, and the last second of the day for the end.

    Args:
        record: The fields of an event.
        offsets: Days from ``event_date`` to each phase.

    Raises:
        FieldError: A date is missing or invalid, or the times are out of order.
    """
    dates, event_moment = _parse_phases(record, offsets)
    onset = _parse_optional("onset", record, time.min) or event_moment
    peak = _parse_optional("peak", record, _NOON)
    end = _parse_optional("end", record, _LAST_SECOND)
    _check_order(onset, peak, end)
    return dates, {
        "onset": onset.time,
        "onset_assumed": not onset.has_hour,
        "assumed_onset_hour": _parse_hour(record.get("assumed_onset_hour")),
        "peak": peak and peak.time,
        "end": end and end.time,
        "date_kind": _parse_kind(record.get("date_kind")),
    }


def _check_order(onset: Moment, peak: Moment | None, end: Moment | None) -> None:
    if peak is not None:
        exact = onset.has_hour and peak.has_hour
        times = (peak.time, onset.time)
        if times[0] < times[1] if exact else times[0].date() < times[1].date():
            raise FieldError("peak", f"{peak.time:%Y-%m-%d %H:%M} is before the onset")
    if end is not None and end.time < max(onset.time, peak.time if peak else onset.time):
        raise FieldError("end", f"{end.time:%Y-%m-%d %H:%M} is before the onset or the peak")


def _parse_optional(field: str, record: Record, hour: time) -> Moment | None:
    value = record.get(field)
    return None if is_missing(value) else _parse_moment(field, value, hour)


def _parse_hour(value: object) -> float | None:
    if is_missing(value):
        return None
    try:
        hour = float(str(value))
    except ValueError:
        hour = -1.0
    if not 0 <= hour < _HOURS:
        raise FieldError("assumed_onset_hour", f"{quote(value)} is not an hour from 0 to below 24")
    return hour


def _parse_kind(value: object) -> DateKind:
    if is_missing(value):
        return DateKind.ONSET
    if value not in list(DateKind):
        raise FieldError("date_kind", f"{quote(value)} is unknown; {suggest(str(value), DateKind)}")
    return DateKind(str(value))


def _parse_phases(record: Record, offsets: Mapping[Phase, int]) -> tuple[dict[Phase, date], Moment]:
    """Return the dates, and the onset of an event that names no other."""
    given = record.get("phase_dates")
    if is_missing(given):
        given = {name: record[name] for name in PHASES if not is_missing(record.get(name))}
    if not isinstance(given, dict):
        raise FieldError("phase_dates", "must be a table with a date for each phase")
    for name in given:
        if name not in list(Phase):
            raise FieldError(
                f"phase_dates.{quote(name)[1:-1]}", f"unknown phase; {suggest(str(name), Phase)}"
            )
    if not given:
        moment = _parse_moment("event_date", record.get("event_date"))
        day = moment.time.date()
        return {phase: day + timedelta(days=offsets[phase]) for phase in PHASES}, moment
    dates = {
        phase: _parse_moment(f"phase_dates.{phase}", given.get(phase)).time.date()
        for phase in Phase
    }
    if list(dates.values()) != sorted(dates.values()):
        raise FieldError(
            "phase_dates", "are out of order; no phase may be before the phase that precedes it"
        )
    return dates, Moment(datetime.combine(dates[Phase.EVENT], time.min, UTC), has_hour=False)


def _parse_moment(field: str, value: object, hour: time = time.min) -> Moment:
    """Read a date, which gets an hour, or a time; one without a zone is UTC."""
    if is_missing(value):
        raise FieldError(field, "is missing")
    text = _SLASHES.sub(r"\1-\2-\3", value.strip()) if isinstance(value, str) else str(value)
    moment = _read_moment(field, value, text)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise FieldError(field, f"{quote(str(value))} is not from {_FIRST_YEAR} to {_LAST_YEAR}")
    if _is_bare_date(value, text, moment):
        return Moment(datetime.combine(moment.date(), hour, UTC), has_hour=False)
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Moment(aware, has_hour=True)


def _read_moment(field: str, value: object, text: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    try:
        return datetime.fromisoformat(text)
    except ValueError as err:
        kind = "time; write it like 2021-07-14T18:00Z"
        if field not in TIME_FIELDS:
            kind = "date; write it like 2021-07-15"
        raise FieldError(field, f"{quote(value)} is not a {kind}") from err


def _is_bare_date(value: object, text: str, moment: datetime) -> bool:
    """Return whether a value has no hour.

    In a column of times, a date without an hour is midnight without a zone.
    """
    if isinstance(value, datetime):
        return moment.tzinfo is None and moment.time() == time.min
    if isinstance(value, date):
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_missing(value: object) -> bool:
    """Return whether a value of a table stands for none: null, NaN or an empty text."""
    return value is None or value == "" or (isinstance(value, float) and isnan(value))
