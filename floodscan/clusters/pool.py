"""The worker jobs of a run: SLURM always has the wanted number, and none is left at the end."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from floodscan.clusters.commands import SlurmCommandError, cancel, list_jobs, patiently, submit
from floodscan.clusters.interrupts import interrupt_main_thread, undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

LOSS_WINDOW_SECONDS = 600.0
"""Only jobs that ended within this time count against the limit of ``is_hopeless``."""

_POLL_SECONDS = 0.2
_OVER = {
    "COMPLETING",
    "COMPLETED",
    "CANCELLED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "PREEMPTED",
    "OUT_OF_MEMORY",
}
_QUOTED_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWaits:
    """How long a pool waits.

    Attributes:
        calm_seconds: Between two looks at the queue.
        brisk_seconds: Between two looks at the queue for a while after a loss.
        brisk_for_seconds: How long that while is.
        refused_seconds: Before a submission that SLURM refused is tried again.
        cancelled_seconds: At the end, until the jobs have left the queue.
    """

    calm_seconds: float = 30.0
    brisk_seconds: float = 2.0
    brisk_for_seconds: float = 30.0
    refused_seconds: float = 60.0
    cancelled_seconds: float = 60.0


@dataclass(slots=True, kw_only=True)
class JobPool:
    """The worker jobs of one run.

    SLURM's queue is the record of which jobs exist. The pool's own memory could miss a job: a
    submission that timed out may still have been accepted.

    Attributes:
        name: Name of the jobs; no other job of the user has it.
        script: Their script.
        wanted: How many there should be.
        logs: Folder of their logs.
        waits: How long to wait.
        failure: Why no more jobs are submitted; None while they are.
    """

    name: str
    script: str
    wanted: int
    logs: Path
    waits: PoolWaits = field(default_factory=PoolWaits)
    failure: str | None = None
    _seen: set[str] = field(default_factory=set)
    _useful: set[str] = field(default_factory=set)
    _proven: bool = False
    _lost_at: deque[float] = field(default_factory=deque)
    _disturbed: Event = field(default_factory=Event)
    _closing: Event = field(default_factory=Event)
    _submitting: Lock = field(default_factory=Lock)
    _brisk_until: float = 0.0

    def begin(self) -> None:
        """Submit the first jobs.

        If SLURM accepts only some of them, or is busy, the rest is submitted later.

        Raises:
            SlurmCommandError: SLURM refuses all of them.
        """
        try:
            self.fill()
        except SlurmCommandError as err:
            if self._is_final(err):
                raise
            _log.warning("%s; will be tried again", err)

    def fill(self) -> None:
        """Submit the missing jobs.

        Raises:
            SlurmCommandError: SLURM refuses one.
        """
        live = {job_id for job_id, state in patiently(self._list).items() if state not in _OVER}
        if lost := self._seen - live:
            self._note_losses(lost)
            if self.failure is not None:
                return
            _log.warning(
                "%d worker jobs ended and are replaced: %s", len(lost), ", ".join(sorted(lost))
            )
        self._seen |= live
        for _ in range(self.wanted - len(live)):
            with self._submitting:
                if self._closing.is_set():
                    return
                # not repeated after a timeout: SLURM may have accepted it, and the next look at
                # the queue shows that
                self._seen.add(submit(self.script))

    def welcome(self, job_id: str) -> None:
        """Note that the worker of a job connected: jobs of this script work."""
        self._useful.add(job_id)
        self._proven = True

    def disturb(self) -> None:
        """Look at the queue soon: a worker is gone."""
        self._brisk_until = time.monotonic() + self.waits.brisk_for_seconds
        self._disturbed.set()

    def tend(self) -> None:
        """Keep the number of jobs until the pool is closed or hopeless."""
        self.disturb()
        pause = self.waits.brisk_seconds
        while self.failure is None:
            self._disturbed.wait(pause)
            self._disturbed.clear()
            if self._closing.is_set():
                return
            try:
                self.fill()
            except SlurmCommandError as err:
                pause = self._refused(err)
            else:
                brisk = time.monotonic() < self._brisk_until
                pause = self.waits.brisk_seconds if brisk else self.waits.calm_seconds
        if not self._closing.is_set():
            interrupt_main_thread()

    def close(self) -> None:
        """Cancel all jobs and wait until they are gone; log jobs that stay for too long.

        Raises:
            SlurmCommandError: SLURM doesn't answer.
        """
        self._closing.set()
        self._disturbed.set()
        deadline = time.monotonic() + self.waits.cancelled_seconds
        with self._submitting:
            patiently(lambda: cancel(self.name))
        while jobs := patiently(self._list):
            if time.monotonic() > deadline:
                _log.warning(
                    "worker jobs are left: %s; cancel them with scancel --name %s",
                    ", ".join(jobs),
                    self.name,
                )
                return
            if not _OVER.issuperset(jobs.values()):
                # SLURM may have accepted a submission that seemed to fail
                patiently(lambda: cancel(self.name))
            time.sleep(_POLL_SECONDS)

    def _list(self) -> dict[str, str]:
        return list_jobs(self.name)

    def _note_losses(self, lost: set[str]) -> None:
        """Count jobs that ended without a worker, and give up if there are too many."""
        now = time.monotonic()
        self._lost_at.extend([now] * len(lost - self._useful))
        self._seen -= lost
        self._useful -= lost
        self._brisk_until = now + self.waits.brisk_for_seconds
        if is_hopeless(self._lost_at, now=now, wanted=self.wanted, proven=self._proven):
            self.failure = (
                f"{len(self._lost_at)} worker jobs ended before a worker connected; no more are "
                f"submitted. The last one printed: {_last_lines(self.logs)}"
            )

    def _refused(self, err: SlurmCommandError) -> float:
        """Return after how many seconds a refused submission is tried again."""
        _log.warning("%s; will be tried again", err)
        if self._is_final(err):
            self.failure = f"no worker job is left, and SLURM accepts no more: {err}"
        return self.waits.brisk_seconds if err.is_temporary else self.waits.refused_seconds

    def _is_final(self, err: SlurmCommandError) -> bool:
        """Return True if no job is left and SLURM's refusal is not temporary."""
        return not self._seen and not err.is_temporary


def is_hopeless(lost_at: deque[float], *, now: float, wanted: int, proven: bool) -> bool:
    """Return True if so many jobs ended without a worker that new ones would, too.

    Until the first worker connects, each job may be lost once, plus two more, however long that
    takes: a worker that can't reach the driver keeps its node until its death-timeout. Afterwards
    each may be lost twice within ``LOSS_WINDOW_SECONDS``, plus four more, as happens where jobs are
    preempted.

    Args:
        lost_at: When jobs were lost, oldest first, seconds; losses before the window are removed.
        now: The time, seconds.
        wanted: How many jobs there should be.
        proven: True if a worker ever connected.
    """
    if not proven:
        return len(lost_at) > wanted + 2
    while lost_at and lost_at[0] < now - LOSS_WINDOW_SECONDS:
        lost_at.popleft()
    return len(lost_at) > 2 * wanted + 4


@contextmanager
def keep_jobs(pool: JobPool) -> Iterator[JobPool]:
    """Fill a pool, keep it full, and cancel its jobs at the end, also after an error."""
    keeper = Thread(target=pool.tend, name="floodscan-jobs", daemon=True)
    try:
        pool.begin()
        keeper.start()
        yield pool
    finally:
        with undisturbed():
            pool.close()


def _last_lines(logs: Path) -> str:
    written = [path for path in logs.glob("*.err") if path.stat().st_size]
    if not written:
        return f"nothing (logs: {logs})"
    newest = max(written, key=lambda path: path.stat().st_mtime)
    return " / ".join(newest.read_text(errors="replace").strip().splitlines()[-_QUOTED_LINES:])
