"""Threads of this process: many that wait for answers, and one that computes.

To start a thread takes a good part of the CPU of a small search: it gets memory of its own, from
Arrow too. So threads stay when their work is done, and wait for the next.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

_MAX_THREADS = 64

_IDLE: list[ThreadPoolExecutor] = []
"""Threads of this process without work; those of one call are together."""

_COMPUTING: list[ThreadPoolExecutor] = []
"""The one thread that computes, once there is work for it."""

_STARTING = Lock()


def _forget_threads() -> None:
    _IDLE.clear()
    _COMPUTING.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_threads)  # threads are not forked


def compute(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do some work in the one thread that computes, and wait for it.

    Threads that wait for answers compute here. Python runs one of them at a time anyway. Where they
    compete for it, a sweep takes half as much CPU again, and three times the memory, because each
    thread keeps what it allocated.

    Args:
        work: The work; it must not call this function.
        args: Arguments of the work.
        kwargs: More of them.
    """
    with _STARTING:
        if not _COMPUTING:
            _COMPUTING.append(ThreadPoolExecutor(1, thread_name_prefix="floodscan-computing"))
    return _COMPUTING[0].submit(work, *args, **kwargs).result()


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
