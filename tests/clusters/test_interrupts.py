"""Interrupts: they get through while a cluster runs, and handlers are as they were afterwards."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from floodscan.clusters.interrupts import handlers_kept, interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ignored() -> Iterator[None]:
    """SIGINT is ignored, as in what a shell runs in the background."""
    with handlers_kept():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield


@pytest.mark.usefixtures("ignored")
def test_an_interrupt_gets_through_where_it_was_ignored() -> None:
    """A driver that was started in the background can be stopped, and so can one whose cluster gave up."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
