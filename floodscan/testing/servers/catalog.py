"""A catalog on disk, as both servers read it: two files of a JSON object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Json: TypeAlias = dict[str, Any]

COLLECTIONS_FILE = "collections.ndjson"
ITEMS_FILE = "items.ndjson"


def write(folder: Path, *, collections: Iterable[Json], items: Iterable[Json]) -> None:
    """Write a catalog into a folder that exists."""
    for name, records in ((COLLECTIONS_FILE, collections), (ITEMS_FILE, items)):
        (folder / name).write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in records))


def read(file: Path) -> list[Json]:
    """Read one of the files."""
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]
