"""Reader of CSV files with any of the usual delimiters."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from floodscan.inputs.columns import Table, count_known, is_known
from floodscan.inputs.notices import FieldError, Notes
from floodscan.inputs.text_files import find_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.inputs.columns import Keep, Row

_DELIMITERS: Final = ",;\t|"
_MAX_FIELD_LETTERS: Final = 1 << 28


def read_csv(path: Path, _: Notes, __: Keep = is_known) -> Table:
    """Read a CSV file, one row at a time. The area is four columns of a box, or WKT.

    Raises:
        OSError: The file can't be read.
        ValueError: It is no text.
        csv.Error: It is no CSV.
    """
    # the module has one limit for all; its default of 131,072 letters is less than many outlines
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_FIELD_LETTERS))
    headers = ((delimiter, _read_header(path, delimiter)) for delimiter in _DELIMITERS)
    delimiter, header = max(headers, key=lambda found: (count_known(found[1]), len(found[1])))
    return Table(header or None, _read_rows(path, delimiter, header))


def _read_header(path: Path, delimiter: str) -> list[str]:
    with path.open(encoding=find_encoding(path), newline="") as file:
        return next((cells for cells in csv.reader(file, delimiter=delimiter) if any(cells)), [])


def _read_rows(path: Path, delimiter: str, header: list[str]) -> Iterator[Row]:
    with path.open(encoding=find_encoding(path), newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        line, is_header = 1, True
        for cells in reader:
            row, line = f"line {line}", reader.line_num + 1
            if not any(map(str.strip, cells)):
                continue
            if is_header:
                is_header = False
            elif len(cells) > len(header):
                text = f"has {len(cells)} fields, but the header has {len(header)}"
                yield row, FieldError("", f"{text}; is there a {delimiter!r} without quotes?")
            else:
                yield row, dict(zip(header, map(str.strip, cells), strict=False))
