"""A catalog on disk, as both STAC APIs read it: two files with a JSON object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Json: TypeAlias = dict[str, Any]

COLLECTIONS_FILE = "collections.ndjson"
ITEMS_FILE = "items.ndjson"


def write(folder: Path, *, collections: Iterable[Json], items: Iterable[Json]) -> int:
    """Write a catalog into a folder that exists, and return the number of items."""
    _write_lines(folder / COLLECTIONS_FILE, collections)
    return _write_lines(folder / ITEMS_FILE, items)


def read(file: Path) -> list[Json]:
    """Read one of the files."""
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def _write_lines(file: Path, records: Iterable[Json]) -> int:
    n_lines = 0
    with file.open("wb") as lines:
        for record in records:
            lines.write(orjson.dumps(record) + b"\n")
            n_lines += 1
    return n_lines
