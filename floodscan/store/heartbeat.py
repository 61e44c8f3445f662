"""The process that drives a run: a file names it, and shows whether it is alive.

On the same machine the process itself is looked up. From another machine only the age of the file
can be seen: the driver touches its file every few seconds.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec
import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT_SECONDS = 10.0
"""How often a driver touches its file."""


class Driver(msgspec.Struct, frozen=True):
    """A process that drives a run.

    Attributes:
        host: Name of the machine.
        pid_space: Processes among which the pid is unique: one boot of one machine and, on Linux,
            one pid namespace. Two containers that share a disk have the same host name and the
            same pids at times, but never the same namespace.
        pid: Process id.
        began: When the process began, see ``_find_start``. A later process may have the same pid.
    """

    host: str
    pid_space: str
    pid: int
    began: str | None

    @classmethod
    def here(cls) -> Driver:
        """Describe this process."""
        return _describe(os.getpid())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@cache
def _describe(pid: int) -> Driver:
    """Describe a process of this machine, once: a laptop's host name and boot time may change."""
    return Driver(socket.gethostname(), _name_pid_space(), pid, _find_start(pid))


def read_driver(path: Path) -> Driver | None:
    """Read which process a file names; None if there is no such file, or no name in it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Driver)
    except (OSError, msgspec.DecodeError):
        return None


def is_alive(driver: Driver | None, path: Path, *, silence_seconds: float) -> bool:
    """Return whether a driver is alive, as far as this process can know.

    Args:
        driver: The process; None if its file does not name it: a lost node may leave an empty file.
        path: The file that names it.
        silence_seconds: A driver that can't be looked up from here counts as dead if its file is
            older than this.
    """
    here = Driver.here()
    if driver and (driver.host, driver.pid_space) == (here.host, here.pid_space):
        return _find_start(driver.pid) == driver.began
    return _file_age_seconds(path) < silence_seconds


@contextmanager
def send_heartbeats(path: Path, *, beat_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Touch this process's file regularly, as long as the file names this process."""
    ended = Event()
    heart = Thread(
        target=_beat, args=(path, beat_seconds, ended), name="floodscan-heartbeat", daemon=True
    )
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _beat(path: Path, beat_seconds: float, ended: Event) -> None:
    while not ended.wait(beat_seconds):
        with suppress(OSError):
            if read_driver(path) == Driver.here():
                os.utime(path)


def _file_age_seconds(path: Path) -> float:
    """Return the age of a file by the clock of its disk: the clocks of two machines may differ."""
    probe = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _name_pid_space() -> str:
    """Name the boot and the pid namespace that this process sees.

    Without ``/proc``, as on macOS, the boot time stands for both. It may shift when the clock is
    set; two processes that disagree then judge each other by the age of the file.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"up since {psutil.boot_time():.0f}"


def _find_start(pid: int) -> str | None:
    """Return when a process of this machine began, by its kernel's clock; None if it has ended.

    Linux counts ticks since the boot: psutil adds the boot time to them, which shifts when the
    clock is set. Other systems keep the time itself, which psutil returns unchanged.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _read_start_ticks(pid) or str(process.create_time())
    except psutil.Error:
        return None


def _read_start_ticks(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
