"""Ctrl-C from the first to the last moment of a command.

Until a command has something to clean up, Ctrl-C ends the process at once. From then on it raises
KeyboardInterrupt, so that the cleanup runs. Python and its packages can lose that exception: it is
dropped in callbacks, such as those of weak references, and some packages catch it. Then the command
would go on, so the exception is raised again and again until it unwinds the command. It is never
raised during an import, where it has left half a module behind, and has crashed the process in the
start of a package in C.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # the import of typing takes as long as the rest of this module
if TYPE_CHECKING:
    from types import FrameType

_AGAIN_SECONDS = 0.1


class Interrupts:
    """Handles Ctrl-C for a command.

    Attributes:
        pressed: Whether an interrupt came.
        status: Exit status of a command that was interrupted.
    """

    status = 128 + signal.SIGINT

    def __init__(self) -> None:
        self.pressed = False
        self._cleans_up = False

    def begin(self) -> None:
        """Handle Ctrl-C from now on.

        A process that a shell started in the background ignores Ctrl-C, and still does.
        """
        self.pressed = self._cleans_up = False
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._on_interrupt)
            signal.signal(signal.SIGALRM, self._on_alarm)
            sys.unraisablehook = self._report_dropped

    def clean_up(self) -> None:
        """Unwind the command from now on, because it has something to clean up."""
        self._cleans_up = True

    def end(self) -> None:
        """End the process at once from now on: the command is done, and so is its cleanup."""
        self._cleans_up = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = sys.__unraisablehook__

    def _on_interrupt(self, _number: int, frame: FrameType | None) -> None:
        self.pressed = True
        if not self._cleans_up:
            os._exit(self.status)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        if not _is_in_import(frame):
            raise KeyboardInterrupt

    def _on_alarm(self, _number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt again, except in code that cleans up after it."""
        if self._cleans_up and not (_is_in_import(frame) or _is_interrupted(sys.exception())):
            raise KeyboardInterrupt

    def _report_dropped(self, dropped: sys.UnraisableHookArgs) -> None:
        """Print an exception that Python drops, unless it is an interrupt, which comes again."""
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(dropped)


INTERRUPTS = Interrupts()
"""Of this process."""


def _is_in_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_interrupted(err: BaseException | None) -> bool:
    """Return whether an exception is an interrupt, or was raised while one was handled."""
    while err is not None and not isinstance(err, KeyboardInterrupt):
        err = err.__context__
    return err is not None
