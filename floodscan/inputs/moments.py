"""Dates and times of events: the date of each phase, and the onset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from math import isnan
from typing import TYPE_CHECKING, Any, Final

from floodscan.errors import suggest
from floodscan.inputs.notices import FieldError, quote
from floodscan.model import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    Record = Mapping[str, Any]

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199  # dates of phases and ends of windows must exist too
_SLASHES = re.compile(r"^(\d{4})/(\d\d)/(\d\d)")  # as GDAL writes times into Shapefiles


def parse_times(record: Record, offsets: Mapping[Phase, int]) -> tuple[dict[Phase, date], datetime]:
    """Return the UTC date of each phase, and the onset.

    Args:
        record: The fields of an event.
        offsets: Days from ``event_date`` to each phase.

    Raises:
        FieldError: A date is missing or invalid.
    """
    dates, event_time = _parse_phases(record, offsets)
    given = record.get("onset")
    onset = event_time if is_missing(given) else _parse_moment("onset", given)
    return dates, onset


def _parse_phases(
    record: Record, offsets: Mapping[Phase, int]
) -> tuple[dict[Phase, date], datetime]:
    """Return the dates, and the onset of an event that names no other."""
    given = record.get("phase_dates")
    if is_missing(given):
        given = {name: record[name] for name in Phase if not is_missing(record.get(name))}
    if not isinstance(given, dict):
        raise FieldError("phase_dates", "must be a table with a date for each phase")
    for name in given:
        if name not in list(Phase):
            raise FieldError(
                f"phase_dates.{quote(name)[1:-1]}", f"unknown phase; {suggest(str(name), Phase)}"
            )
    if not given:
        moment = _parse_moment("event_date", record.get("event_date"))
        day = moment.date()
        return {phase: day + timedelta(days=offsets[phase]) for phase in Phase}, moment
    dates = {
        phase: _parse_moment(f"phase_dates.{phase}", given.get(phase)).date() for phase in Phase
    }
    if list(dates.values()) != sorted(dates.values()):
        raise FieldError(
            "phase_dates", "are out of order; no phase may be before the phase that precedes it"
        )
    return dates, datetime.combine(dates[Phase.EVENT], time.min, UTC)


def _parse_moment(field: str, value: object) -> datetime:
    """Read a date or a time; one without a zone is UTC."""
    if is_missing(value):
        raise FieldError(field, "is missing")
    moment = _read_moment(field, value)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise FieldError(field, f"{quote(str(value))} is not from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_moment(field: str, value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    try:
        return datetime.fromisoformat(_SLASHES.sub(r"\1-\2-\3", str(value).strip()))
    except ValueError as err:
        kind = "time; write it like 2021-07-14T18:00Z"
        if field != "onset":
            kind = "date; write it like 2021-07-15"
        raise FieldError(field, f"{quote(value)} is not a {kind}") from err


def is_missing(value: object) -> bool:
    """Return whether a value of a table stands for none: null, NaN or an empty text."""
    return value is None or value == "" or (isinstance(value, float) and isnan(value))
