"""A run's folder of keys: seen by all nodes, open to the user alone, and gone with its driver, however that ends."""

from __future__ import annotations

import os
import shutil
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER_FILE = ".floodscan-driver"
SILENT_SECONDS = 24 * 3600.0
"""A driver on another machine that gave no sign for so long is gone; one that is only suspended comes back earlier."""

_SIGN_SECONDS = 60.0


class Driver(msgspec.Struct, frozen=True):
    """The process that a folder of keys belongs to.

    Attributes:
        machine: Where it runs: while that is up, and as far as its process ids are the same.
        pid: Process id there.
        began: When it began, as its kernel counts; tells it from a later process of the same id.
    """

    machine: str
    pid: int
    began: str | None


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
    with TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as made, _owned(Path(made)):
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
    write_private(path, msgspec.json.encode(Driver(_this_machine(), os.getpid(), _began(os.getpid()))))
    ended = Event()
    Thread(target=_give_signs, args=(path, ended), name="floodscan-sign-of-life", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _give_signs(path: Path, ended: Event) -> None:
    while not ended.wait(_SIGN_SECONDS):
        with suppress(OSError):
            os.utime(path)


def _is_abandoned(folder: Path) -> bool:
    """Tell whether a folder is one of keys, the user's own, and its driver is known to be gone."""
    path = folder / OWNER_FILE
    try:
        driver = msgspec.json.decode(path.read_bytes(), type=Driver)
        facts = path.stat()
    except (OSError, msgspec.DecodeError):
        # another kind of folder, one that is made just now, or somebody else's
        return False
    if facts.st_uid != os.getuid():
        return False
    if driver.machine == _this_machine():
        return _began(driver.pid) != driver.began
    return time.time() - facts.st_mtime > SILENT_SECONDS


def _this_machine() -> str:
    """Name the set of processes that this one can see: a kernel that is up, and a namespace in it."""
    host = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{host} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return host


def _began(pid: int) -> str | None:
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    state, ticks = facts[0], facts[19]
    return None if state == "Z" else ticks
