"""Searches that are sent together with the request for the landing page, and not after it.

How an API is searched is only known from its landing page. An early search takes for granted what
nearly all APIs have. If the landing page says otherwise, the search is sent again.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache, partial
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from floodscan.catalogs.base import Answer

    Send = Callable[[Callable[[], None]], Answer]  # it calls the function once an answer is there
    Early = tuple[Hashable, Send]
    Queue = deque[tuple[Future[Answer], Send]]

_SENT: dict[Hashable, Future[Answer]] = {}
"""The answers of this process that nobody has taken yet."""


def send_early(searches: Mapping[Any, Send], *, at_once: int) -> None:
    """Send searches, each in a thread of its own.

    Args:
        searches: What sends each. A key names a search and all that its answer depends on.
        at_once: Number of searches at the same time. Once the answer to one has arrived, the next
            is sent, while that answer is decoded.
    """
    todo: Queue = deque((Future(), send) for send in searches.values())
    _SENT.update(zip(searches, (answer for answer, _ in todo), strict=True))
    for _ in range(min(at_once, len(todo))):
        _start_next(todo)


def _start_next(todo: Queue) -> None:
    # a daemon: if the run ends before its search, nobody waits for the answer
    Thread(target=_send_next, args=(todo,), name="floodscan-early", daemon=True).start()


def _send_next(todo: Queue) -> None:
    """Send the first search that is not cancelled; the next one follows it."""
    try:
        answer, send = todo.popleft()
        while not answer.set_running_or_notify_cancel():
            answer, send = todo.popleft()
    except IndexError:
        return
    follow = cache(partial(_start_next, todo))  # starts one, however often it is called
    try:
        answer.set_result(send(follow))
    except BaseException as err:  # noqa: BLE001 - raised again where the answer is taken
        answer.set_exception(err)
    follow()


def take_early(key: Hashable) -> Answer | None:
    """Wait for the answer to an early search, and return it once; None if none was sent."""
    answer = _SENT.pop(key, None)
    return None if answer is None or answer.cancel() else answer.result()


@contextmanager
def early_forgotten() -> Iterator[None]:
    """Forget early searches at the end of a run, however it ends."""
    try:
        yield
    finally:
        forget_early()


def forget_early() -> None:
    """Drop the answers that nobody has taken, and the searches that are not sent yet."""
    for answer in _SENT.values():
        answer.cancel()
    _SENT.clear()
