"""All exceptions that floodscan raises on purpose, in one tree.

    FloodscanError
    ├── InputError            an input is invalid; no work was started
    │   ├── EventError        an event file: names file, row and field
    │   ├── RecipeError       a recipe: names file and field
    │   ├── ProfileError      a profile of worker jobs: names file and field
    │   └── OutputError       the output folder
    ├── CatalogError          a catalog can't be reached, or answers with an error
    │   └── MissingCollectionError
    │                         a catalog lacks a collection of the recipe
    ├── ClusterError          a cluster has no workers left, and gets no more
    └── ManifestError         a file is not a manifest

``EventWarning`` is a warning: an event file is used, but something in it was changed or assumed.

Workers send exceptions to the driver, so each one survives pickling: it keeps its arguments, and
makes its text in ``__str__``. Five words for things that are not as wished have one meaning each:

    InputProblem    a field of an input file that is invalid (here)
    MissingPart     a part of a search that a catalog did not answer (catalogs.base)
    EmptySlot       a slot without a scene, with the reason (assessment.outcomes)
    ChoiceWarning   something to know about a choice before it is used (assessment.quality)
    Verdict         why a candidate was not chosen (selection.labels)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from traceback import format_exception
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHOWN_PROBLEMS = 20
_USER = re.compile(r"(?<=://)[^\s/?#'\"]*@")
_QUERY = re.compile(r"\?[^\s?'\"]*=[^\s'\"]*")
_VALUE = re.compile(
    r"(\b(?:\w*(?:token|secret|password|signature|credential)|sig|api_?key)['\"]?\s*[=:]\s*['\"]?"
    r"|\bBearer\s+|\bBasic\s+)[^\s'\",;&]+",
    re.IGNORECASE,
)


class FloodscanError(Exception):
    """Base of all exceptions that floodscan raises on purpose."""


class InputError(FloodscanError):
    """An input is invalid; no work was started."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """A field of an input file that is invalid.

    Attributes:
        row: Name of the row, such as ``row 3``; empty for the file as a whole.
        field: Name of the field; empty for the row as a whole.
        text: What is wrong, and what is valid.
    """

    row: str
    field: str
    text: str

    def __str__(self) -> str:
        """Name row and field, then the problem."""
        place = ", ".join(
            part for part in (self.row, self.field and f"field '{self.field}'") if part
        )
        return f"{place}: {self.text}" if place else self.text


class _FileError(InputError):
    """A file with one or more problems."""

    _how_to_see_all: ClassVar = ""

    def __init__(self, source: str, problems: Sequence[InputProblem]) -> None:
        super().__init__(source, tuple(problems))
        self.source = source
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"{self.source}: {problem}" for problem in self.problems[:_SHOWN_PROBLEMS]]
        if hidden := len(self.problems) - len(lines):
            lines.append(f"{self.source}: and {hidden} more problems{self._how_to_see_all}")
        return "\n".join(lines)


class EventError(_FileError):
    """An event file is invalid: names file, row and field."""

    _how_to_see_all = "; floodscan plan --json prints all"


class EventWarning(UserWarning):
    """Something in an event file was changed or assumed; its events are used."""


class RecipeError(_FileError):
    """A recipe is invalid: names file and field."""


class ProfileError(_FileError):
    """A profile of worker jobs is invalid: names file and field."""


class OutputError(InputError):
    """The output folder can't be written, or has another run in it."""


class CatalogError(FloodscanError):
    """A catalog can't be reached, or answers with an error.

    Its text may quote the catalog, and is recorded and logged: it holds no control characters.
    """

    def __init__(self, catalog: str, problem: str) -> None:
        catalog, problem = clean(catalog), clean(problem)
        super().__init__(catalog, problem)
        self.catalog = catalog
        self.problem = problem

    def __str__(self) -> str:
        return f"catalog {self.catalog}: {self.problem}"


class MissingCollectionError(CatalogError):
    """A catalog lacks a collection of the recipe."""


class ClusterError(FloodscanError):
    """A cluster has no workers left, and gets no more."""


class ManifestError(FloodscanError):
    """A file is not a manifest."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


def public_traceback(err: BaseException) -> str:
    """Format the traceback of a bug for a log, see ``public_text``."""
    return public_text("".join(format_exception(err)))


def public_text(text: str) -> str:
    """Remove user, password and query from the URLs in a text, and values of keys like ``token``.

    These may be credentials, which belong into no log.
    """
    return _VALUE.sub(r"\1…", _QUERY.sub("?…", _USER.sub("", text)))


def suggest(given: str, known: Iterable[str]) -> str:
    """Suggest the known name that is spelled most like ``given``, or list all known names."""
    names = [str(name) for name in known]
    near = get_close_matches(given, names, n=1)
    return f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(names)


def clean(text: object) -> str:
    r"""Return a text as it can be printed: control characters are written as escapes.

    Besides control characters, characters that reverse the order of letters and other invisible
    ones are escaped, and so are lone surrogates, which stand for bytes of a path that no encoding
    explains.

    Args:
        text: Any object; ``str`` makes its text.

    Returns:
        One line; a line break in the text is written ``\n``.
    """
    found = str(text)
    if found.isprintable():
        return found
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in found
    )
