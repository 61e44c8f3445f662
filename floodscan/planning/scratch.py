"""What must be remembered of each event of a run, kept on disk: memory does not grow with their number."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_KIB = 2048


class ScratchDatabase(sqlite3.Connection):
    """A database without a name, which goes with this object; several threads may read it.

    It is SQLite's temporary database: a file, where ``TMPDIR`` says, as soon as it outgrows a small
    cache.
    """

    def __init__(self, layout: str) -> None:
        """Open it with tables.

        Args:
            layout: ``CREATE TABLE`` statements.
        """
        super().__init__("", isolation_level=None, check_same_thread=False)
        self.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA cache_size = -{_CACHE_KIB}; {layout}"
        )

    def __del__(self) -> None:
        self.close()


class IdSet:
    """Texts, each once, in the order in which they were added."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._database = ScratchDatabase(
            "CREATE TABLE name (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"
        )
        for name in names:
            self.add(name)

    def add(self, name: str) -> bool:
        """Add one; tells whether it is new."""
        return (
            self._database.execute("INSERT OR IGNORE INTO name (name) VALUES (?)", (name,)).rowcount
            == 1
        )

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):  # SQLite takes a number for its text
            return False
        return (
            self._database.execute("SELECT 1 FROM name WHERE name = ?", (name,)).fetchone()
            is not None
        )

    def __iter__(self) -> Iterator[str]:
        return (name for (name,) in self._database.execute("SELECT name FROM name ORDER BY number"))

    def __len__(self) -> int:
        # none is ever taken away, and to count them would read them all
        (n,) = self._database.execute("SELECT coalesce(max(number), 0) FROM name").fetchone()
        return int(n)
