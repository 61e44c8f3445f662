"""The entry of the command line.

It imports little: Ctrl-C before ``main`` handles it ends in a traceback of Python.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from floodscan.cli.interrupts import INTERRUPTS

_USUAL = (0, 1)


def main() -> None:
    """Run the command line; Ctrl-C at any moment ends it with status 130, without a traceback."""
    try:
        INTERRUPTS.begin()
        from floodscan.cli.group import run

        status = run()
        if INTERRUPTS.pressed and status in _USUAL:  # the interrupt was lost at the very end
            status = INTERRUPTS.status
    except KeyboardInterrupt:
        status = INTERRUPTS.status
    finally:
        INTERRUPTS.end()
    if INTERRUPTS.pressed:
        _exit_at_once(status)
    sys.exit(status)


def _exit_at_once(status: int) -> None:
    """End the process without the exit hooks of packages.

    The command has cleaned up. A hook of Dask fails, with a traceback, if the interrupt came while
    a worker was just starting. Worker processes end with this one.
    """
    import logging

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or a pipe without a reader
            stream.flush()
    os._exit(status)
