"""One driver at a time: a file in the run's folder says whose it is, for as long as its owner lives.

The file is linked into place with its content, so that of two who try at once one fails. Its owner touches it now and
then; on another machine that is all there is to see of a driver, on the same one its process is looked for.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec
import psutil

from floodscan.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = ".driver.json"
_BEAT_SECONDS = 10.0
_SILENCE_SECONDS = 60.0


class Owner(msgspec.Struct, frozen=True):
    """Who writes to a run's folder.

    Attributes:
        host: Name of the machine.
        pid: Number of the process.
        born: When the process began, seconds since 1970: numbers are used again.
    """

    host: str
    pid: int
    born: float

    @classmethod
    def here(cls) -> Owner:
        """Describe this process."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other drivers out of a folder meanwhile.

    Raises:
        OutputError: A driver that lives has it.
    """
    path = folder / _NAME
    _take(path)
    leaving = Event()
    heart = Thread(target=_beat, args=(path, leaving), name="floodscan-claim", daemon=True)
    heart.start()
    try:
        yield
    finally:
        leaving.set()
        heart.join()
        path.unlink(missing_ok=True)


def find_owner(folder: Path) -> Owner | None:
    """Tell who writes to a folder; None where nobody does, or the last who did is dead."""
    path = folder / _NAME
    owner = _read(path)
    return owner if owner is not None and _lives(owner, path) else None


def _take(path: Path) -> None:
    beside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    beside.write_bytes(msgspec.json.encode(Owner.here()))
    try:
        _remove_dead(path)
        os.link(beside, path)
    except FileExistsError as err:
        owner = _read(path)
        who = f"process {owner.pid} on {owner.host}" if owner else "another process"
        message = f"{who} is writing to it; wait for its end, or choose another --out"
        raise OutputError(f"{path.parent}: {message}") from err
    finally:
        beside.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Take away what a dead owner left, unless somebody else was faster and lives."""
    owner = _read(path)
    if owner is None or _lives(owner, path):
        return
    aside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _read(aside) != owner:
            os.link(aside, path)
        aside.unlink()


def _lives(owner: Owner, path: Path) -> bool:
    if owner.host == socket.gethostname():
        try:
            return abs(psutil.Process(owner.pid).create_time() - owner.born) < 1
        except psutil.Error:
            return False
    return _silence_seconds(path) < _SILENCE_SECONDS


def _silence_seconds(path: Path) -> float:
    """Tell how long ago the owner gave a sign, by the clock of the disk: those of two machines may differ."""
    probe = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _beat(path: Path, leaving: Event) -> None:
    while not leaving.wait(_BEAT_SECONDS):
        with suppress(OSError):
            os.utime(path)


def _read(path: Path) -> Owner | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError):
        return None
