"""Temporary databases on disk, for facts about each event: memory does not grow with them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_KIB = 2048
_N_MARKS = 1 << 23
_IDS_AT_ONCE = 500


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
        super().__init__("", check_same_thread=False)
        self.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA cache_size = -{_CACHE_KIB}; {layout}"
        )

    def __del__(self) -> None:
        self.close()


class IdSet:
    """An ordered set of ids on disk.

    Most ids that are looked up are new. A table in memory, of a fixed size, has a mark for the hash
    of each id: without the mark, an id need not be looked up on disk.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._database = ScratchDatabase(
            "CREATE TABLE name (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"
        )
        self._marks = bytearray(_N_MARKS)
        self._recent: dict[str, None] = {}  # these are not on disk yet
        for name in names:
            self.add(name)

    def add(self, name: str) -> bool:
        """Add an id, and return whether it is new."""
        if name in self:
            return False
        self._marks[hash(name) % _N_MARKS] = 1
        self._recent[name] = None
        if len(self._recent) == _IDS_AT_ONCE:
            insert = "INSERT INTO name (name) VALUES (?)"
            self._database.executemany(insert, ((each,) for each in self._recent))
            self._recent.clear()
        return True

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):  # to SQLite, the number 1 equals the text '1'
            return False
        if name in self._recent:
            return True
        if not self._marks[hash(name) % _N_MARKS]:
            return False
        select = "SELECT 1 FROM name WHERE name = ?"
        return self._database.execute(select, (name,)).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        for (name,) in self._database.execute("SELECT name FROM name ORDER BY number"):
            yield name
        yield from self._recent

    def __len__(self) -> int:
        # no id is ever removed, so the last number is the count, which would read all rows
        (n,) = self._database.execute("SELECT coalesce(max(number), 0) FROM name").fetchone()
        return int(n) + len(self._recent)
