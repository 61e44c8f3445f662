"""Problems and notes of the rows of event files."""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import Final

from floodscan.errors import EventError, EventWarning, InputProblem, clean

_ROWS_NAMED: Final = 10
_QUOTED_LETTERS: Final = 60
_TEXT_LETTERS: Final = 600


class FieldError(Exception):
    """A field of a row is invalid: its name, and the problem.

    With the name of its row, it becomes an InputProblem.
    """


class Notes:
    """Facts about rows that are used all the same, such as a repaired area."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._named: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, fact: str, row: str = "", detail: str = "") -> None:
        """Note a fact, such as ``invalid areas are repaired``, of a row or of a file."""
        self._counts[fact] += 1
        if row and len(self._named[fact]) < _ROWS_NAMED:
            self._named[fact].append(f"{row} ({detail})" if detail else row)

    def publish(self, source: str) -> None:
        """Warn once for each fact; name the first rows and count the others."""
        for fact, count in self._counts.items():
            named = self._named[fact]
            places = ", ".join(named)
            if hidden := count - len(named) if named else 0:
                places += f" and {hidden} more"
            text = f"{source}: {fact}: {places}" if named else f"{source}: {fact}"
            warnings.warn(EventWarning(text), stacklevel=2)


def quote(value: object) -> str:
    """Write a value in a message: on one line, short, and without control characters."""
    text = clean(" ".join(value.split())) if isinstance(value, str) else repr(value)
    short = text if len(text) <= _QUOTED_LETTERS else f"{text[:_QUOTED_LETTERS]}…"
    return f"'{short}'"


def file_error(source: object, text: str, field: str = "") -> EventError:
    """Make the error of a file as a whole; the words of a library may be long and odd."""
    shown = clean(text)
    short = shown if len(shown) <= _TEXT_LETTERS else f"{shown[:_TEXT_LETTERS]}…"
    return EventError(str(source), [InputProblem("", field, short)])
