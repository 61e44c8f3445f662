"""Temporary databases on disk, for facts about each event: memory does not grow with them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_KIB = 2048


class ScratchDatabase(sqlite3.Connection):
    """A nameless database that is deleted with this object. Several threads may read it.

    It is SQLite's temporary database: once it outgrows a small cache, it is a file in the folder
    that ``TMPDIR`` names.
    """

    def __init__(self, layout: str) -> None:
        """Create the database.

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
    """An ordered set of ids on disk."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._database = ScratchDatabase(
            "CREATE TABLE name (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"
        )
        for name in names:
            self.add(name)

    def add(self, name: str) -> bool:
        """Add an id, and return whether it is new."""
        insert = "INSERT OR IGNORE INTO name (name) VALUES (?)"
        return self._database.execute(insert, (name,)).rowcount == 1

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):  # to SQLite, the number 1 equals the text '1'
            return False
        select = "SELECT 1 FROM name WHERE name = ?"
        return self._database.execute(select, (name,)).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (name for (name,) in self._database.execute("SELECT name FROM name ORDER BY number"))

    def __len__(self) -> int:
        # no id is ever removed, so the last number is the count, which would read all rows
        (n,) = self._database.execute("SELECT coalesce(max(number), 0) FROM name").fetchone()
        return int(n)
