"""One driver at a time: a lock file in the run's folder names the process that writes there.

The file is linked into place with its content, so that only one of two processes that try at the
same time succeeds.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from floodscan.errors import OutputError
from floodscan.store.heartbeat import BEAT_SECONDS, Driver, is_alive, read_driver, send_heartbeats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = ".driver.json"
_SILENCE_SECONDS = 60.0


@contextmanager
def locked(folder: Path, *, beat_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Keep other drivers out of a folder.

    A process may take over a lock whose heartbeat is stale.

    Args:
        folder: Folder of a run.
        beat_seconds: How often the lock file is touched.

    Raises:
        OutputError: Another driver holds the lock and is alive.
    """
    path = folder / _NAME
    _take(path)
    try:
        with send_heartbeats(path, beat_seconds=beat_seconds):
            yield
    finally:
        if read_driver(path) == Driver.here():
            path.unlink(missing_ok=True)


def check_locked(folder: Path) -> None:
    """Check that this process still holds the lock of a folder.

    Raises:
        OutputError: Another process took it over.
    """
    if read_driver(folder / _NAME) != Driver.here():
        message = "another process took it over, because this one gave no sign of life"
        raise OutputError(
            f"{folder}: {message}; finished batches are kept: "
            "start the same scan again when no other process writes to it"
        )


def find_lock_holder(folder: Path) -> Driver | None:
    """Return the process that writes to a folder; None if there is none, or it is dead."""
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
        message = f"{who} is writing to it, according to {path.name}"
        raise OutputError(
            f"{path.parent}: {message}; wait until it has finished, or choose another --out"
        ) from err
    except OSError as err:
        raise OutputError(
            f"{path.parent}: can't be written: {err.strerror}; choose another --out"
        ) from err
    finally:
        beside.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Remove the lock of a dead driver.

    Another process may have replaced that lock in between: then its lock is put back.
    """
    dead = read_driver(path)
    if is_alive(dead, path, silence_seconds=_SILENCE_SECONDS):
        return
    aside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if read_driver(aside) != dead:
            os.link(aside, path)
        aside.unlink()
