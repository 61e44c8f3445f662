"""The process that drives a run: a file says which it is, and whether it lives.

On the same machine its process is looked for; on another all there is to see is that the file is
touched now and then.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGN_SECONDS = 10.0


class Driver(msgspec.Struct, frozen=True):
    """A process.

    Attributes:
        host: Name of the machine.
        processes: The set of processes that it belongs to: a kernel that is up, and a namespace in
            it.
        pid: Process id there.
        began: When it began, as its kernel counts; tells it from a later process of the same id.
    """

    host: str
    processes: str
    pid: int
    began: str | None

    @classmethod
    def here(cls) -> Driver:
        """Describe this process."""
        return cls(socket.gethostname(), _visible_processes(), os.getpid(), _began(os.getpid()))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def read_driver(path: Path) -> Driver | None:
    """Read which process a file tells of; None where there is no such file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Driver)
    except (OSError, msgspec.DecodeError):
        return None


def is_alive(driver: Driver | None, path: Path, *, silence_seconds: float) -> bool:
    """Tell whether a driver lives, as far as that can be known.

    Args:
        driver: The process; None where the file doesn't say which, as one that a lost node left
            empty.
        path: The file that tells of it.
        silence_seconds: After so long without a sign one that can't be looked for on this machine
            counts as gone.
    """
    if driver and (driver.host, driver.processes) == (socket.gethostname(), _visible_processes()):
        return _began(driver.pid) == driver.began
    return _silence_seconds(path) < silence_seconds


@contextmanager
def signs_of_life(path: Path) -> Iterator[None]:
    """Touch this process's file now and then, for as long as it is its own."""
    ended = Event()
    heart = Thread(
        target=_give_signs, args=(path, ended), name="floodscan-sign-of-life", daemon=True
    )
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _give_signs(path: Path, ended: Event) -> None:
    me = Driver.here()
    while not ended.wait(_SIGN_SECONDS):
        with suppress(OSError):
            if read_driver(path) == me:
                os.utime(path)


def _silence_seconds(path: Path) -> float:
    """Tell how long ago there was a sign, by the clock of the disk: those of two machines may differ."""
    probe = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _visible_processes() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> str | None:
    try:
        facts = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    except OSError:
        return None
    state, ticks = facts[0], facts[19]
    return None if state == "Z" else ticks
