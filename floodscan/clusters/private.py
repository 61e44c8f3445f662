"""A run's folder of keys: seen by all nodes, open to the user alone, and gone with its driver, however that ends."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from floodscan.store.heartbeat import Driver, is_alive, read_driver, send_heartbeats

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER_FILE = ".floodscan-driver"
SILENT_SECONDS = 24 * 3600.0
"""A driver on another machine that gave no sign for so long is gone.

One that is only suspended comes back earlier.
"""


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for keys, which goes at the end, and remove those that killed drivers left beside it.

    Args:
        parent: A folder on a disk that all nodes see; it is made if it isn't there.

    Raises:
        OSError: It can't be written.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(parent)
    with (
        TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as made,
        _owned(Path(made)),
    ):
        yield Path(made)


def remove_abandoned(parent: Path) -> int:
    """Remove the user's folders of keys whose drivers are gone, and tell how many there were."""
    abandoned = [folder for folder in parent.glob("run-*") if _is_abandoned(folder)]
    for folder in abandoned:
        shutil.rmtree(folder, ignore_errors=True)
    return len(abandoned)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that nobody else may open, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Write down whose folder it is, and give a sign of life meanwhile."""
    path = folder / OWNER_FILE
    write_private(path, msgspec.json.encode(Driver.here()))
    with send_heartbeats(path):
        yield


def _is_abandoned(folder: Path) -> bool:
    """Tell whether a folder is one of keys, the user's own, and its driver is known to be gone."""
    path = folder / OWNER_FILE
    driver = read_driver(path)
    # without one it is another kind of folder, one that is made just now, or somebody else's
    if driver is None or path.stat().st_uid != os.getuid():
        return False
    return not is_alive(driver, path, silence_seconds=SILENT_SECONDS)
