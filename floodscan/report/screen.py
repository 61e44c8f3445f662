"""Print text and tables on a terminal of any width.

Most of the text is foreign: ids and errors of catalogs, words from files, paths. Foreign text can
look like rich's markup, and it can hold sequences that move the cursor or set the title of a
terminal. Every text therefore goes through ``print_line`` or ``show``, which print it literally.

A table whose rows are wider than the screen keeps all its text. Its widest columns move below the
row, each on a line with its name, until the other columns fit.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from floodscan.errors import clean as clean  # noqa: PLC0414 - also for those who print otherwise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

MOST_ROWS = 20
"""Rows that are printed of a list that can be long."""

_STYLES: Mapping[str, str] = {
    "selected": "bold green",
    "complete": "green",
    "partial": "yellow",
    "failed": "red",
}
_NUMBERS = frozenset(
    {
        "chips",
        "cloud %",
        "coverage",
        "days",
        "events",
        "filled",
        "orbit",
        "overlap",
        "pixels",
        "rank",
        "scenes",
        "searches",
        "single chips",
        "slots",
        "warnings",
    }
)
_GAP = "  "
_INDENT = "  "
_NOTHING = "-"
_ANY_CONSOLE = Console()  # rich wants one to break a text, and uses it for justified text only


def print_line(console: Console, text: object, *, style: str = "", whole: bool = False) -> None:
    """Print a text literally: neither markup nor control characters have an effect.

    Args:
        console: Where to print.
        text: The text, which may come from anywhere.
        style: Style of rich for the whole text.
        whole: True leaves a long line to the terminal, so that paths and commands can be copied.
    """
    line = Text(clean(text), style=style)
    _print_lines(console, [line] if whole else _break(line, console.width))


def print_indented(console: Console, text: object) -> None:
    """Print a text as ``print_line`` does, all its lines indented."""
    _print_lines(console, _indent(Text(clean(text)), console.width))


def fraction(value: float | None) -> str | None:
    """Write a share with three digits; only the whole reads as 1.000."""
    return None if value is None else f"{value if value >= 1 else min(value, 0.999):.3f}"


def path_from_here(path: Path) -> str:
    """Write a path as short as a command in the current folder needs it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def show(
    console: Console,
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    together: Collection[str] = (),
) -> None:
    """Print rows under a header; columns without any value are left out, except the first.

    Args:
        console: Where to print. If a row is too wide for it, the widest columns are printed below
            the row.
        title: Title of the table.
        header: Names of the columns, shape (c,).
        rows: Cells of any type, each row of shape (c,); None is printed as a dash.
        together: Names of columns that are all printed below if one of them is.
    """
    print_line(console, title, style="bold")
    show_rows(console, header, rows, together=together)


def show_rows(
    console: Console,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    together: Collection[str] = (),
) -> None:
    """Print rows under a header, as ``show`` does, without a title."""
    columns = [_Column(*each) for each in zip(header, zip(*rows, strict=True), strict=False)]
    shown = [column for column in columns if column is columns[0] or column.has_values]
    if shown:
        _print_lines(console, _lay_out(shown, console.width, together))
    console.print()


class _Column:
    """A column of a table.

    Attributes:
        name: Its header.
        values: Its cells as they were given.
        cells: Its cells as text.
        width: Letters of its widest cell or of its name.
    """

    def __init__(self, name: str, values: Sequence[object]) -> None:
        self.name = clean(name)
        self.values = values
        self.cells = list(map(_cell, values))
        self.width = max(cell_len(self.name), *(cell.cell_len for cell in self.cells))

    @property
    def has_values(self) -> bool:
        """Whether any cell is not empty."""
        return any(value is not None for value in self.values)

    def align(self, cell: Text) -> Text:
        """Fill a cell with blanks up to the width of the column."""
        blanks = " " * (self.width - cell.cell_len)
        return Text.assemble(blanks, cell) if self.name in _NUMBERS else Text.assemble(cell, blanks)


def _lay_out(columns: Sequence[_Column], width: int, together: Collection[str]) -> Iterator[Text]:
    """Write the header and the rows as lines of at most this width."""
    kept = _choose_columns(columns, width, together)
    below = [column for column in columns if column not in kept]
    yield _join(column.align(Text(column.name, style="bold")) for column in kept)
    for number in range(len(columns[0].cells)):
        row = _join(column.align(column.cells[number]) for column in kept)
        yield from _break(row, width)
        for column in below:
            if column.values[number] is not None:
                yield from _indent(Text.assemble(f"{column.name}: ", column.cells[number]), width)


def _indent(text: Text, width: int) -> Iterator[Text]:
    """Break a text as ``_break`` does, into indented lines."""
    for line in _break(text, width - len(_INDENT)):
        yield Text.assemble(_INDENT, line)


def _break(text: Text, width: int) -> Iterator[Text]:
    """Break a text at its blanks, and only a word that is longer than the width inside."""
    for line in text.wrap(_ANY_CONSOLE, width, overflow="fold"):
        line.rstrip()
        yield line


def _print_lines(console: Console, lines: Iterable[Text]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)


def _choose_columns(
    columns: Sequence[_Column], width: int, together: Collection[str]
) -> list[_Column]:
    """Choose the columns that share a line: all but the widest ones; the first always stays."""
    kept = [*columns]
    while len(kept) > 1 and sum(c.width for c in kept) + len(_GAP) * (len(kept) - 1) > width:
        widest = max(kept[1:], key=lambda column: column.width)
        leaving = together if widest.name in together else (widest.name,)
        kept = [column for column in kept if column.name not in leaving]
    return kept


def _join(cells: Iterable[Text]) -> Text:
    line = Text(_GAP).join(cells)
    line.rstrip()
    return line


def _cell(value: object) -> Text:
    if isinstance(value, float):
        return Text(f"{value:.3f}")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    text = _NOTHING if value is None else clean(value)
    return Text(text, style=_STYLES.get(text, ""))
