"""Reader of Excel files, with the optional package python-calamine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from floodscan.event_lists.excel_process import UnreadableError, read_sheet
from floodscan.extras import needs_extra
from floodscan.inputs.columns import Table
from floodscan.inputs.notices import file_error

if TYPE_CHECKING:
    from pathlib import Path

EXCEL: Final = (".xlsx", ".xls", ".xlsb", ".ods")


def read_excel(path: Path) -> Table:
    """Read the first sheet of a file; its first row that is not empty is the header.

    Raises:
        EventError: It can't be read.
        InputError: The extra ``excel`` is not installed.
        OSError: The file can't be opened.
    """
    with needs_extra("excel", f"reading {path.name}"):
        import python_calamine  # noqa: F401, PLC0415 - optional; another process uses it
    path.open("rb").close()  # for the usual words about a missing file
    try:
        rows = read_sheet(path)
    except UnreadableError as err:
        raise file_error(path, f"can't be read: {' '.join(str(err).split())}") from err
    numbered = [(f"row {n}", row) for n, row in enumerate(rows, 1) if any(c != "" for c in row)]
    if not numbered:
        raise file_error(path, "has no event in it")
    header = [str(cell) for cell in numbered[0][1]]
    return Table(header, [(n, dict(zip(header, row, strict=True))) for n, row in numbered[1:]])
