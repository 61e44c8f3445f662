"""The entry of the command line.

It imports little: Ctrl-C before ``main`` handles it ends in a traceback of Python.
"""

from __future__ import annotations

import sys

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
    sys.exit(status)
