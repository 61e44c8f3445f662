"""Signals while a cluster is open: kept, ignored, let through, or sent to the main thread."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Restore the signal handlers at the end, whatever the code inside does to them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C, SIGTERM and SIGHUP: a second one must not leave worker jobs behind."""
    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
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

    Shells make such processes ignore SIGINT, but a cluster needs it to stop its main thread.
    """
    with handlers_kept():
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        ):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


def interrupt_main_thread() -> None:
    """Raise KeyboardInterrupt in the main thread, which waits for results that will not come."""
    if (ident := threading.main_thread().ident) is not None:
        signal.pthread_kill(ident, signal.SIGINT)
