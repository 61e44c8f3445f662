"""JSON files of lists, and the values in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from floodscan.inputs.event_files import translated_errors
from floodscan.inputs.text_files import read_text

if TYPE_CHECKING:
    from pathlib import Path


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON
    """Read a JSON file.

    Raises:
        EventError: It can't be read, or is not JSON.
    """
    with translated_errors(path):
        return orjson.loads(read_text(path))


def members(value: object, name: str) -> list[Any]:
    """Return a member that is a list; an empty list for anything else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []
