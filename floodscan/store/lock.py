"""One driver at a time: a file in the run's folder says whose it is, for as long as that driver lives.

The file is linked into place with its content, so that of two who try at once one fails.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from floodscan.errors import OutputError
from floodscan.store.heartbeat import Driver, is_alive, read_driver, signs_of_life

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = ".driver.json"
_SILENCE_SECONDS = 60.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other drivers out of a folder meanwhile.

    One that finds this one silent for long may take it over.

    Raises:
        OutputError: A driver that lives has it.
    """
    path = folder / _NAME
    _take(path)
    try:
        with signs_of_life(path):
            yield
    finally:
        if read_driver(path) == Driver.here():
            path.unlink(missing_ok=True)


def check_locked(folder: Path) -> None:
    """Check that nobody took a folder over.

    Raises:
        OutputError: Somebody did.
    """
    if read_driver(folder / _NAME) != Driver.here():
        message = "was taken over while this process gave no sign of life; what is done is kept"
        raise OutputError(f"{folder}: {message}: start the same again when nobody is writing to it")


def find_lock_holder(folder: Path) -> Driver | None:
    """Tell who writes to a folder; None where nobody does, or the last who did is dead."""
    path = folder / _NAME
    driver = read_driver(path)
    return driver if driver and is_alive(driver, path, silence_seconds=_SILENCE_SECONDS) else None


def _take(path: Path) -> None:
    beside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        beside.write_bytes(msgspec.json.encode(Driver.here()))
        _remove_dead(path)
        os.link(beside, path)
    except FileExistsError as err:
        who = read_driver(path) or "another process"
        message = (
            f"{who} is writing to it, says {path.name}; wait for its end, or choose another --out"
        )
        raise OutputError(f"{path.parent}: {message}") from err
    except OSError as err:
        raise OutputError(
            f"{path.parent}: can't be written: {err.strerror}; choose another --out"
        ) from err
    finally:
        beside.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Take away what a dead driver left, unless somebody else was faster and lives."""
    dead = read_driver(path)
    if is_alive(dead, path, silence_seconds=_SILENCE_SECONDS):
        return
    aside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if read_driver(aside) != dead:
            os.link(aside, path)
        aside.unlink()
