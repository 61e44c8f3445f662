"""Work that is done side by side, in threads that are used again.

To start a thread takes a good part of the CPU of a small search: it gets memory of its own, from
Arrow too. So threads stay when their work is done, and wait for the next.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

_MAX_THREADS = 64

_IDLE: list[ThreadPoolExecutor] = []
"""Threads of this process without work; those of one call are together."""

if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_IDLE.clear)  # threads are not forked


def map_in_threads(work: Callable[[T], R], values: Iterable[T]) -> list[R]:
    """Do some work with each value side by side, and return the results in order.

    If it raises, work that has not begun is dropped, and the rest ends before this raises too.
    """
    try:
        threads = _IDLE.pop()
    except IndexError:
        threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="floodscan")
    begun = [threads.submit(work, value) for value in values]
    try:
        return [each.result() for each in begun]
    except BaseException:
        for each in begun:
            each.cancel()
        wait(begun)
        raise
    finally:
        _IDLE.append(threads)
