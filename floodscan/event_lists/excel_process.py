"""Reads an Excel file in a process of its own, which may take some memory and time, and no more.

A file of a kilobyte can ask for a terabyte, by two cells in opposite corners of a sheet. The reader
does not check this: without enough memory, its process ends.
"""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

MOST_GIGABYTES: Final = 4
MOST_SECONDS: Final = 120
_UNREADABLE: Final = 3  # exit status; Python's own are 1 and 2


class UnreadableError(Exception):
    """The file can't be read; the text says why."""


def read_sheet(path: Path) -> list[list[Any]]:
    """Read the first sheet of a file: the values of each row.

    Raises:
        UnreadableError: The file is broken, or takes too much memory or time.
    """
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", __name__, str(path)], capture_output=True, check=False
    )
    if done.returncode == _UNREADABLE:
        raise UnreadableError(done.stderr.decode(errors="replace"))
    if done.returncode:
        limits = f"{MOST_GIGABYTES} GB of memory or {MOST_SECONDS} seconds"
        raise UnreadableError(f"it takes more than {limits}; save the sheet as CSV")
    rows: list[list[Any]] = pickle.loads(done.stdout)  # noqa: S301 - of our own process
    return rows


def _main(path: str) -> int:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - optional

    size = MOST_GIGABYTES << 30
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with CalamineWorkbook.from_path(path) as book:
            rows = book.get_sheet_by_index(0).to_python()
    except (CalamineError, IndexError) as err:
        sys.stderr.write(str(err))
        return _UNREADABLE
    pickle.dump(rows, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
