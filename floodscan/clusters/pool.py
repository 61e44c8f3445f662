"""Worker jobs, kept at a number: what ends is replaced, and what is left at the end is cancelled."""

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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

LOSS_WINDOW_SECONDS = 600.0
"""Jobs that ended within this time, and never brought a worker, count against the limit."""

_CALM_SECONDS = 30.0
_BRISK_SECONDS = 2.0
_BRISK_FOR_SECONDS = 30.0
_REFUSED_SECONDS = 60.0
_GONE_SECONDS = 60.0
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
_TAIL_LINES = 5


@dataclass(slots=True, kw_only=True)
class JobPool:
    """The worker jobs of one run.

    The queue, not memory, says which there are, so that none is forgotten.

    Attributes:
        name: Name of the jobs, which no other jobs of the user have.
        script: Their script.
        wanted: How many there should be.
        logs: Folder of their logs.
        failure: Why no more jobs are submitted, if so.
    """

    name: str
    script: str
    wanted: int
    logs: Path
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

        Where SLURM takes some, or none only for a moment, the others come later.

        Raises:
            SlurmCommandError: SLURM refuses all of them.
        """
        try:
            self.fill()
        except SlurmCommandError as err:
            if self._is_final(err):
                raise
            _log.warning("%s; tried again", err)

    def fill(self) -> None:
        """Submit what is missing.

        Raises:
            SlurmCommandError: SLURM refuses it.
        """
        live = {job_id for job_id, state in patiently(self._list).items() if state not in _OVER}
        lost = self._seen - live
        if lost:
            self._lost_at.extend([time.monotonic()] * len(lost - self._useful))
            self._seen -= lost
            self._useful -= lost
            self._brisk_until = time.monotonic() + _BRISK_FOR_SECONDS
            self._give_up_if_hopeless()
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
                # once each: a submission that timed out may have been taken, and the next look at
                # the queue tells
                self._seen.add(submit(self.script))

    def welcome(self, job_id: str) -> None:
        """Note that a job's worker has come: however the job ends, the next one will be of use too."""
        self._useful.add(job_id)
        self._proven = True

    def disturb(self) -> None:
        """Look at the queue soon: a worker has gone."""
        self._brisk_until = time.monotonic() + _BRISK_FOR_SECONDS
        self._disturbed.set()

    def tend(self) -> None:
        """Keep the number of jobs until the pool is closed or hopeless."""
        self.disturb()
        pause = _BRISK_SECONDS
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
                pause = _BRISK_SECONDS if time.monotonic() < self._brisk_until else _CALM_SECONDS
        if not self._closing.is_set():
            interrupt_main_thread()

    def close(self) -> None:
        """Cancel all jobs, and wait until none is left; those that stay for a minute are told.

        Raises:
            SlurmCommandError: SLURM doesn't answer.
        """
        self._closing.set()
        self._disturbed.set()
        deadline = time.monotonic() + _GONE_SECONDS
        with self._submitting:
            patiently(lambda: cancel(self.name))
        while jobs := patiently(self._list):
            if time.monotonic() > deadline:
                _log.warning(
                    "worker jobs are left: %s; cancel them by scancel --name %s",
                    ", ".join(jobs),
                    self.name,
                )
                return
            if not _OVER.issuperset(jobs.values()):
                # a submission that seemed to fail may have been taken since
                patiently(lambda: cancel(self.name))
            time.sleep(0.2)

    def _list(self) -> dict[str, str]:
        return list_jobs(self.name)

    def _give_up_if_hopeless(self) -> None:
        if is_hopeless(
            self._lost_at, now=time.monotonic(), wanted=self.wanted, proven=self._proven
        ):
            self.failure = (
                f"{len(self._lost_at)} worker jobs ended, and no worker came of them; no more are submitted. "
                f"The last one said: {_last_words(self.logs)}"
            )

    def _refused(self, err: SlurmCommandError) -> float:
        """Decide after how many seconds a refused submission is tried again."""
        _log.warning("%s; tried again", err)
        if self._is_final(err):
            self.failure = f"no worker job is left, and SLURM takes no more: {err}"
        return _BRISK_SECONDS if err.is_passing else _REFUSED_SECONDS

    def _is_final(self, err: SlurmCommandError) -> bool:
        """Tell whether there is nothing left to wait for."""
        return not self._seen and not err.is_passing


def is_hopeless(lost_at: deque[float], *, now: float, wanted: int, proven: bool) -> bool:
    """Tell whether jobs end without a worker so often that new ones would too.

    Forgets losses that are long ago.

    All jobs may go twice within the window, as they do where they are pre-empted, and a few more.
    As long as not one worker ever came, each may go once, and a few more, however long that takes:
    workers that look for a driver in vain hold a node until their death-timeout.
    """
    if not proven:
        return len(lost_at) > wanted + 2
    while lost_at and lost_at[0] < now - LOSS_WINDOW_SECONDS:
        lost_at.popleft()
    return len(lost_at) > 2 * wanted + 4


@contextmanager
def keep_jobs(pool: JobPool) -> Iterator[JobPool]:
    """Fill a pool, keep it full meanwhile, and empty it at the end, however that comes."""
    keeper = Thread(target=pool.tend, name="floodscan-jobs", daemon=True)
    try:
        pool.begin()
        keeper.start()
        yield pool
    finally:
        with undisturbed():
            pool.close()


def _last_words(logs: Path) -> str:
    written: Sequence[Path] = [path for path in logs.glob("*.err") if path.stat().st_size]
    if not written:
        return f"nothing (logs: {logs})"
    newest = max(written, key=lambda path: path.stat().st_mtime)
    return " / ".join(newest.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:])
