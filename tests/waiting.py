"""Waiting for what another process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_SECONDS = 0.01


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Wait until something is so, and fail where it is not in time.

    Args:
        condition: Whether it is, by now.
        what: Told where it fails.
        seconds: How long to wait at most.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(_POLL_SECONDS)
