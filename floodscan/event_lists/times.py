"""Dates and times of foreign lists."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from math import isfinite
from typing import TYPE_CHECKING, Final

from floodscan.inputs.moments import is_missing
from floodscan.inputs.notices import FieldError, quote

if TYPE_CHECKING:
    from floodscan.inputs.notices import Notes

_LAST_SECOND: Final = time(23, 59, 59)
_HOURS: Final = re.compile(r"%[-#]?[HIcXs]")


def read_time(
    field: str, value: object, spelled: str | None = None
) -> tuple[date, datetime | None]:
    """Read a date, or a time.

    Args:
        field: Name of the field, for messages.
        value: A date, a time or a text.
        spelled: Format of a text, as of ``strptime``; None reads ISO 8601.

    Returns:
        The date in UTC, and the time in UTC; None if no hour is given. Midnight without a zone is
        a date without an hour.

    Raises:
        FieldError: It is no date.
    """
    moment, has_hour = _read(field, value, spelled)
    if moment.tzinfo is None:
        has_hour = has_hour and moment.time() != time.min
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as err:
        raise FieldError(field, f"{quote(str(value))} is not a date") from err
    return moment.date(), moment if has_hour else None


def read_end(
    field: str, value: object, spelled: str | None, *, began: date, notes: Notes, row: str
) -> datetime | None:
    """Read when a flood ended: the last second of a day without an hour.

    An end that is missing, unreadable or before the begin is left out, the last two with a note.
    """
    if is_missing(value):
        return None
    try:
        day, moment = read_time(field, value, spelled)
    except FieldError:
        day = date.min
    if day < began:
        notes.add("ends that can't be read or are before the begin are left out", row)
        return None
    return moment or datetime.combine(day, _LAST_SECOND, UTC)


def _read(field: str, value: object, spelled: str | None) -> tuple[datetime, bool]:
    if is_missing(value):
        raise FieldError(field, "is missing")
    if isinstance(value, datetime):
        return value, True
    if isinstance(value, date):
        return datetime.combine(value, time.min), False
    if isinstance(value, float) and isfinite(value) and value.is_integer():
        value = int(value)  # a column of numbers with a gap is one of floats
    text = str(value).strip() if isinstance(value, str | int) else ""
    try:
        if spelled is not None:
            return datetime.strptime(text, spelled), bool(_HOURS.search(spelled))  # noqa: DTZ007 - UTC where the format has no zone
        moment = datetime.fromisoformat(text)
    except (ValueError, re.error) as err:
        hint = "write it like 2021-07-15, or name its format with --date-format"
        if spelled is not None:
            hint = f"the format is {quote(spelled)}"
        raise FieldError(
            field, f"{quote(text or type(value).__name__)} is not a date; {hint}"
        ) from err
    return moment, not _is_date(text)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
