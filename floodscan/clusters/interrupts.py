"""Signals while a cluster is open: handlers kept, signals ignored, or let through."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handlers_kept() -> Iterator[bool]:
    """Restore the signal handlers at the end; yield True if this thread may change them."""
    may_change = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS if may_change}
    try:
        yield may_change
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C, SIGTERM and SIGHUP: a second one must not leave worker jobs behind."""
    with handlers_kept() as may_change:
        for number in _SIGNALS if may_change else ():
            signal.signal(number, signal.SIG_IGN)
        yield


@contextmanager
def postponed() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the context; a second one does not wait.

    Dask's cluster can't be closed before it has started: its constructor has returned nothing yet.
    """
    handler = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or handler in {signal.SIG_IGN, None}:
        yield
        return
    came = threading.Event()

    def note(_number: int, _frame: object) -> None:
        came.set()
        signal.signal(signal.SIGINT, handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came.is_set():
        signal.raise_signal(signal.SIGINT)


@contextmanager
def interruptible() -> Iterator[None]:
    """React to SIGINT, also in a process that a shell started in the background.

    Shells make such processes ignore SIGINT, but then a user could not stop a driver.
    """
    with handlers_kept() as may_change:
        if may_change and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
