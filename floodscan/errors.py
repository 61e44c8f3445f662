"""Everything that floodscan raises on purpose, in one tree.

    FloodscanError
    ├── InputError            something a person wrote can't be used; nothing was started
    │   ├── EventError        an event file, by file, row and field
    │   ├── RecipeError       a recipe, by file and field
    │   ├── ProfileError      a profile of worker jobs, by file and field
    │   └── OutputError       the output folder
    ├── CatalogError          a catalog can't be asked, or answered with an error
    │   └── MissingCollectionError
    │                         a catalog lacks a collection that the recipe names
    ├── ClusterError          a cluster has no workers left, and gets no more
    └── ManifestError         a file that is not a manifest

Every one survives pickling, so that a worker can send it: the arguments are kept, and the text is
made in ``__str__``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from traceback import format_exception
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHOWN_PROBLEMS = 5
_USER = re.compile(r"(?<=://)[^\s/?#'\"]*@")
_QUERY = re.compile(r"\?[^\s?'\"]*=[^\s'\"]*")


class FloodscanError(Exception):
    """Base of all errors that floodscan raises on purpose."""


class InputError(FloodscanError):
    """Something a person wrote can't be used; no work was started."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with one field of one row of a file."""

    row: str
    field: str
    text: str

    def __str__(self) -> str:
        """Name the place, then what is wrong with it."""
        place = ", ".join(
            part for part in (self.row, self.field and f"field '{self.field}'") if part
        )
        return f"{place}: {self.text}" if place else self.text


class _FileError(InputError):
    """A file with one or more problems, each with its place."""

    def __init__(self, source: str, problems: Sequence[InputProblem]) -> None:
        super().__init__(source, tuple(problems))
        self.source = source
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"{self.source}: {problem}" for problem in self.problems[:_SHOWN_PROBLEMS]]
        if hidden := len(self.problems) - len(lines):
            lines.append(f"{self.source}: and {hidden} more problems")
        return "\n".join(lines)


class EventError(_FileError):
    """An event file can't be used: says which file, row and field."""


class RecipeError(_FileError):
    """A recipe can't be used: says which file and field."""


class ProfileError(_FileError):
    """A profile of worker jobs can't be used: says which file and field."""


class OutputError(InputError):
    """The output folder can't be written, or holds another run."""


class CatalogError(FloodscanError):
    """A catalog can't be asked, or answered with an error."""

    def __init__(self, catalog: str, problem: str) -> None:
        super().__init__(catalog, problem)
        self.catalog = catalog
        self.problem = problem

    def __str__(self) -> str:
        return f"catalog {self.catalog}: {self.problem}"


class MissingCollectionError(CatalogError):
    """A catalog lacks a collection that the recipe names."""


class ClusterError(FloodscanError):
    """A cluster has no workers left, and gets no more."""


class ManifestError(FloodscanError):
    """A file that should be a manifest is none."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


def public_traceback(err: BaseException) -> str:
    """Format the traceback of a bug for a log.

    URLs in it lose user, password and query, because these may be credentials.
    """
    return _QUERY.sub("?…", _USER.sub("", "".join(format_exception(err))))


def suggest(given: str, known: Iterable[str]) -> str:
    """Say what may stand where ``given`` stood, the nearest spelling first."""
    names = [str(name) for name in known]
    near = get_close_matches(given, names, n=1)
    return f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(names)
