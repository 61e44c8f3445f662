"""The folder of a run's keys: on a disk of all nodes, open to the user alone.

It is removed with its driver; if the driver was killed, the next one removes it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from floodscan.store.heartbeat import (
    BEAT_SECONDS,
    Driver,
    is_alive,
    read_driver,
    send_heartbeats,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER_FILE = ".floodscan-driver"
SILENT_SECONDS = 24 * 3600.0
"""A driver on another machine counts as gone after so long without a heartbeat.

A driver that is only suspended comes back earlier.
"""


@contextmanager
def private_folder(parent: Path, *, beat_seconds: float = BEAT_SECONDS) -> Iterator[Path]:
    """Make a folder for keys, remove it at the end, and remove the folders of killed drivers.

    Args:
        parent: A folder on a disk of all nodes; it is made if it doesn't exist.
        beat_seconds: How often to send a heartbeat.

    Raises:
        OSError: It can't be written.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(parent)
    with TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as made:
        owner = Path(made) / OWNER_FILE
        write_private(owner, msgspec.json.encode(Driver.here()))
        with send_heartbeats(owner, beat_seconds=beat_seconds):
            yield Path(made)


def remove_abandoned(parent: Path) -> int:
    """Remove the user's folders of keys whose drivers are gone, and return their number."""
    abandoned = [folder for folder in parent.glob("run-*") if _is_abandoned(folder)]
    for folder in abandoned:
        shutil.rmtree(folder, ignore_errors=True)
    return len(abandoned)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that nobody else can open, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _is_abandoned(folder: Path) -> bool:
    """Return True if a folder holds keys of this user and its driver is known to be gone."""
    path = folder / OWNER_FILE
    driver = read_driver(path)
    # a folder without an owner has another purpose, or another driver just makes it
    if driver is None or path.stat().st_uid != os.getuid():
        return False
    return not is_alive(driver, path, silence_seconds=SILENT_SECONDS)
