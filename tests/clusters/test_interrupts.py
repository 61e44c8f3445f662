"""Interrupts reach a process while its cluster is open; its handlers are restored."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from floodscan.clusters.interrupts import handlers_kept, interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ignored() -> Iterator[None]:
    """Ignore SIGINT, as a process does that a shell started in the background."""
    with handlers_kept():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield


@pytest.mark.usefixtures("ignored")
def test_an_interrupt_reaches_a_process_in_the_background() -> None:
    """A user can stop such a driver, and so can its own cluster when it gives up."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
