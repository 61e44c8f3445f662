"""Values that a person wrote, checked one by one; all that is wrong is told at once."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from floodscan.errors import InputProblem, RecipeError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class FieldReader:
    """Checks values of a recipe and collects what is wrong, so that all of it is told at once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._problems: list[InputProblem] = []

    def fail(self, name: str, text: str) -> None:
        """Note what is wrong with a field."""
        self._problems.append(InputProblem("", name, text))

    def finish(self) -> None:
        """Raise what was noted, if anything was."""
        if self._problems:
            raise RecipeError(self._source, self._problems)

    def check_keys(self, prefix: str, raw: Mapping[str, Any], known: Sequence[Any]) -> None:
        """Refuse keys that are unknown."""
        for key in raw:
            if key not in known:
                self.fail(prefix + key, f"unknown; {suggest(key, known)}")

    def choice(self, name: str, value: object, known: list[Any]) -> str:
        """Read one of some known words."""
        if value not in known:
            self.fail(name, f"'{value}' is unknown; {suggest(str(value), known)}")
            return str(known[0])
        return str(value)

    def optional(
        self, raw: Mapping[str, Any], name: str, check: Callable[[str, Any], float]
    ) -> float | None:
        """Read a field that may be absent."""
        return check(name, raw[name]) if name in raw else None

    def text(self, name: str, value: object) -> str:
        """Read a text that is not empty."""
        if not isinstance(value, str) or not value:
            self.fail(name, "must be a text")
        return str(value)

    def texts(self, name: str, value: object) -> tuple[str, ...]:
        """Read a list of texts without repeats."""
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.fail(name, "must be a list of texts")
            return ()
        if len(set(value)) < len(value):
            self.fail(name, "names one twice")
        return tuple(value)

    def integer(self, name: str, value: object) -> int:
        """Read a whole number."""
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(name, "must be a whole number")
            return 0
        return value

    def days(self, name: str, value: object) -> int:
        """Read days, up to a year of them."""
        days = self.integer(name, value)
        if not 0 <= days <= 366:  # noqa: PLR2004 - more than a year is a slip of the pen
            self.fail(name, "must be between 0 and 366 days")
        return days

    def positive(self, name: str, value: object) -> float:
        """Read a number above 0."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(name, "must be a number")
            return 1.0
        if not (value > 0 and isfinite(value)):
            self.fail(name, "must be above 0")
        return float(value)

    def not_negative(self, name: str, value: object) -> float:
        """Read 0 or a number above it."""
        zero = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
        return 0.0 if zero else self.positive(name, value)

    def count(self, name: str, value: object) -> int:
        """Read a whole number of at least 1."""
        number = self.integer(name, value)
        if number < 1:
            self.fail(name, "must be at least 1")
        return number

    def fraction(self, name: str, value: object) -> float:
        """Read a share, 0 to 1."""
        share = self.not_negative(name, value)
        if share > 1:
            self.fail(name, "must be between 0 and 1")
        return share

    def true(self, name: str, value: object) -> bool:
        """Read ``true``, which is all that may stand there."""
        if value is not True:
            self.fail(name, "must be true")
        return True

    def percent(self, name: str, value: object) -> float:
        """Read a percentage above 0."""
        percent = self.positive(name, value)
        if percent > 100:  # noqa: PLR2004 - percent
            self.fail(name, "must be at most 100 percent")
        return percent
