"""The times of an event: onset, peak and end, with an hour or without, and the kind of its date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from floodscan.errors import suggest
from floodscan.model import DateKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    Times = dict[str, Any]

TIME_FIELDS = ("onset", "assumed_onset_hour", "peak", "end", "date_kind")
"""Fields of a record that ``parse_times`` reads."""

_NOON = time(12)
_LAST_SECOND = time(23, 59, 59)
_HOURS = 24


class BadFieldError(Exception):
    """An invalid field: its name and the problem. With its row, it becomes an InputProblem."""


def parse_times(record: Mapping[str, Any], event_date: date) -> Times:
    """Read the times of an event.

    A date without an hour is the start of the day for the onset, which is then assumed, noon for
    the peak, and the last second of the day for the end.

    Args:
        record: Fields of the event.
        event_date: Date of phase ``event``; the onset if the record has none.

    Returns:
        The attributes of Event that are times, or say how to take them.

    Raises:
        BadFieldError: A field is invalid, or the times are out of order.
    """
    onset, has_hour = _parse_moment(record, "onset", hour=time.min)
    peak, peak_has_hour = _parse_moment(record, "peak", hour=_NOON)
    end, _ = _parse_moment(record, "end", hour=_LAST_SECOND)
    onset = onset or datetime.combine(event_date, time.min, UTC)
    if peak and (peak < onset if has_hour and peak_has_hour else peak.date() < onset.date()):
        raise BadFieldError("peak", f"{peak:%Y-%m-%d %H:%M} is before the onset")
    if end and end < max(onset, peak or onset):
        raise BadFieldError("end", f"{end:%Y-%m-%d %H:%M} is before the onset or the peak")
    return {
        "onset": onset,
        "onset_assumed": not has_hour,
        "assumed_onset_hour": _parse_hour(record.get("assumed_onset_hour")),
        "peak": peak,
        "end": end,
        "date_kind": _parse_kind(record.get("date_kind")),
    }


def is_missing(value: object) -> bool:
    """Return whether a field has no value."""
    # NaN and NaT, the missing values of tables, differ from themselves
    return value is None or value == "" or value != value  # noqa: PLR0124


def _parse_moment(
    record: Mapping[str, Any], field: str, *, hour: time
) -> tuple[datetime | None, bool]:
    """Read a time, or a date that gets an hour; return it in UTC, and whether its hour is given."""
    value = record.get(field)
    if is_missing(value):
        return None, False
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(str(value).strip())
    except ValueError as err:
        raise BadFieldError(
            field, f"'{value}' is not a time; write it like 2021-07-14T18:00Z"
        ) from err
    if not isinstance(moment, datetime) or _is_bare_date(value, moment):
        return datetime.combine(moment, hour, UTC), False
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC), True


def _is_bare_date(value: object, moment: datetime) -> bool:
    """Return whether a value has no hour.

    Tables have columns of times in which each date without an hour is midnight without a zone.
    """
    if not isinstance(value, str):
        return moment.tzinfo is None and moment.time() == time.min
    try:
        date.fromisoformat(value.strip())
    except ValueError:
        return False
    return True


def _parse_hour(value: object) -> float | None:
    if is_missing(value):
        return None
    try:
        hour = float(str(value))
    except ValueError:
        hour = -1.0
    if not 0 <= hour < _HOURS:
        raise BadFieldError("assumed_onset_hour", f"'{value}' is not an hour from 0 to below 24")
    return hour


def _parse_kind(value: object) -> DateKind:
    if is_missing(value):
        return DateKind.ONSET
    if value not in list(DateKind):
        raise BadFieldError("date_kind", f"'{value}' is unknown; {suggest(str(value), DateKind)}")
    return DateKind(str(value))
