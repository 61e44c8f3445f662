"""Searches that are sent together with the request for the landing page, and not after it.

How an API is searched is only known from its landing page. An early search takes for granted what
nearly all APIs have. If the landing page says otherwise, the search is sent again.
"""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from floodscan.catalogs.base import Answer

_SENT: dict[Hashable, Future[Answer]] = {}
"""The answers of this process that nobody has taken yet."""


def send_early(key: Hashable, send: Callable[[], Answer]) -> None:
    """Send a search in a thread of its own.

    Args:
        key: Names the search and all that its answer depends on.
        send: Sends it.
    """
    answer: Future[Answer] = Future()
    _SENT[key] = answer

    def run() -> None:
        try:
            answer.set_result(send())
        except BaseException as err:  # noqa: BLE001 - raised again where the answer is taken
            answer.set_exception(err)

    # a daemon: if the run ends before it begins, nobody waits for the answer
    Thread(target=run, name="floodscan-early", daemon=True).start()


def take_early(key: Hashable) -> Answer | None:
    """Wait for the answer to an early search, and return it once; None if none was sent."""
    answer = _SENT.pop(key, None)
    return None if answer is None else answer.result()


def forget_early() -> None:
    """Drop the answers that nobody has taken."""
    _SENT.clear()
