"""Checks of single values of a recipe; all problems are reported at once."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from floodscan.errors import InputProblem, RecipeError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_WINDOW_DAYS: Final = 366
"""The widest window of a recipe: more than a year is a typing error."""
_MAX_OFFSET_DAYS: Final = 3660


class FieldReader:
    """Checks values of a recipe, and collects the problems.

    A check of an invalid value notes the problem and returns a valid value, so that the other
    fields can be checked too.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._problems: list[InputProblem] = []

    def fail(self, name: str, text: str) -> None:
        """Note a problem of a field."""
        self._problems.append(InputProblem("", name, text))

    def finish(self) -> None:
        """Raise RecipeError if a problem was noted."""
        if self._problems:
            raise RecipeError(self._source, self._problems)

    def check_keys(self, prefix: str, raw: Mapping[str, Any], known: Sequence[Any]) -> None:
        """Note unknown keys."""
        for key in raw:
            if key not in known:
                self.fail(prefix + key, f"unknown; {suggest(key, known)}")

    def choice(self, name: str, value: object, known: list[Any]) -> str:
        """Check that a value is one of the known words."""
        if value not in known:
            self.fail(name, f"'{value}' is unknown; {suggest(str(value), known)}")
            return str(known[0])
        return str(value)

    def optional(
        self, raw: Mapping[str, Any], name: str, check: Callable[[str, Any], float]
    ) -> float | None:
        """Check a field that may be absent."""
        return check(name, raw[name]) if name in raw else None

    def text(self, name: str, value: object) -> str:
        """Check that a value is a text, and not empty."""
        if not isinstance(value, str) or not value:
            self.fail(name, "must be a text that is not empty")
        return str(value)

    def texts(self, name: str, value: object) -> tuple[str, ...]:
        """Check that a value is a list of different texts."""
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.fail(name, "must be a list of texts")
            return ()
        if len(set(value)) < len(value):
            self.fail(name, "has the same text twice")
        return tuple(value)

    def integer(self, name: str, value: object) -> int:
        """Check that a value is a whole number."""
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(name, "must be a whole number")
            return 0
        return value

    def days(self, name: str, value: object) -> int:
        """Check that a value is a number of days, at most a year."""
        days = self.integer(name, value)
        if not 0 <= days <= MAX_WINDOW_DAYS:
            self.fail(name, f"must be between 0 and {MAX_WINDOW_DAYS} days")
        return days

    def offset(self, name: str, value: object) -> int:
        """Check that a value is a number of days before or after an event, at most ten years."""
        days = self.integer(name, value)
        if abs(days) > _MAX_OFFSET_DAYS:
            self.fail(name, f"must be between -{_MAX_OFFSET_DAYS} and {_MAX_OFFSET_DAYS} days")
            return 0
        return days

    def positive(self, name: str, value: object) -> float:
        """Check that a value is a number above 0."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(name, "must be a number")
            return 1.0
        if not (value > 0 and isfinite(value)):
            self.fail(name, "must be above 0")
        return float(value)

    def not_negative(self, name: str, value: object) -> float:
        """Check that a value is a number, 0 or above."""
        zero = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
        return 0.0 if zero else self.positive(name, value)

    def count(self, name: str, value: object) -> int:
        """Check that a value is a whole number, 1 or above."""
        number = self.integer(name, value)
        if number < 1:
            self.fail(name, "must be at least 1")
        return number

    def fraction(self, name: str, value: object) -> float:
        """Check that a value is a share, 0 to 1."""
        share = self.not_negative(name, value)
        if share > 1:
            self.fail(name, "must be between 0 and 1")
        return share

    def boolean(self, name: str, value: object) -> bool:
        """Check that a value is ``true`` or ``false``."""
        if not isinstance(value, bool):
            self.fail(name, "must be true or false")
        return value is True

    def hour(self, name: str, value: object) -> float:
        """Check that a value is an hour of a day, 0 or above and below 24."""
        hour = self.not_negative(name, value)
        if hour >= 24:  # noqa: PLR2004 - hours
            self.fail(name, "must be below 24 hours")
        return hour

    def true(self, name: str, value: object) -> bool:
        """Check that a value is ``true``."""
        if value is not True:
            self.fail(name, "must be true")
        return True

    def percent(self, name: str, value: object) -> float:
        """Check that a value is a percentage above 0."""
        percent = self.positive(name, value)
        if percent > 100:  # noqa: PLR2004 - percent
            self.fail(name, "must be at most 100 percent")
        return percent
