"""Wait for another process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_SECONDS = 0.01


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Wait until a condition holds, and fail if it does not in time.

    Args:
        condition: Returns a true value once it holds.
        what: Message of the failure.
        seconds: Longest time to wait.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(_POLL_SECONDS)
