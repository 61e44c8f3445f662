"""Files on a disk that several machines share: each file is complete, or not there.

A writer fills a file under a temporary name in the same folder, and then renames it. Readers never
see half a file, and a killed writer leaves only a temporary name.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from floodscan.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the same folder; without an error, it then replaces the file."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Write a file of a run as ``replacing`` does, with its content on disk before its name.

    Raises:
        OutputError: The disk is full, or can't be written.
    """
    with scratch(path) as temporary:
        yield temporary
        flush(temporary)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Write a file that ends with the run: as ``written``, without waiting for the disk.

    Raises:
        OutputError: The disk is full, or can't be written.
    """
    with _reporting(path), replacing(path) as temporary:
        yield temporary


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write several files of a run as ``written`` writes each, all contents before all names.

    To flush files that are all written takes less CPU than to write and flush one after the other.

    Args:
        folder: Their folder.
        contents: The bytes of each file, by its name.

    Raises:
        OutputError: The disk is full, or can't be written.
    """
    with _reporting(folder), ExitStack() as names:
        temporaries = [names.enter_context(replacing(folder / name)) for name in contents]
        for temporary, content in zip(temporaries, contents.values(), strict=True):
            temporary.write_bytes(content)
        for temporary in temporaries:
            flush(temporary)


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """Say what to do when a file or a folder can't be written."""
    try:
        yield
    except OSError as err:
        why = err.strerror or str(err)
        message = f"can't be written: {why}; solve that and start the same scan again"
        raise OutputError(f"{path}: {message}: finished batches are kept") from err


def flush(path: Path) -> None:
    """Wait until the content of a file is on the disk.

    Otherwise a node that crashes may leave names of files without their content.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
