"""How files get to a disk that many processes share: whole, or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from floodscan.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file's; it takes the file's place when all went well."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Write a file of a run's folder, whose name is given as by ``replacing``: the content is on disk before the name.

    Raises:
        OutputError: The disk is full, or can't be written.
    """
    try:
        with replacing(path) as temporary:
            yield temporary
            _flush(temporary)
    except OSError as err:
        why = err.strerror or str(err)
        message = f"can't be written: {why}; mend that and start again: what is done is kept"
        raise OutputError(f"{path}: {message}") from err


def _flush(path: Path) -> None:
    """Wait until what was written is on the disk.

    Else a node that is lost leaves names without content.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
