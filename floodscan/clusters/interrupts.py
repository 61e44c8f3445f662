"""Signals around a cluster: who is interrupted, who is not, and what an interrupt means."""

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
    """Put the signal handlers back at the end, whatever was done to them."""
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
    """Ignore Ctrl-C, SIGTERM and SIGHUP meanwhile: a second one must not leave jobs behind."""
    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        yield


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interrupt through meanwhile, where a shell that started this in the background has it ignored."""
    with handlers_kept():
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        ):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


def interrupt_main_thread() -> None:
    """Wake the main thread, which waits for results that will not come, with a KeyboardInterrupt."""
    if (ident := threading.main_thread().ident) is not None:
        signal.pthread_kill(ident, signal.SIGINT)
