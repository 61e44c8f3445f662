"""The exit statuses of the command line."""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ended."""

    OK = 0
    INCOMPLETE = 1
    """A slot is empty, or a check failed."""
    BAD_INPUT = 2
    INTERRUPTED = 128 + signal.SIGINT
