"""Threads of this process: many that wait for answers, and one that computes.

To start a thread takes a good part of the CPU of a small search: it gets memory of its own, from
Arrow too. So threads stay when their work is done, and wait for the next.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from typing import Self

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


@dataclass(frozen=True, slots=True)
class Begun(Generic[T, R]):
    """Work that is done side by side, as a context.

    At its end, also by an error, what has not begun is dropped, and the rest is waited for.

    Attributes:
        threads: They do nothing else.
        values: What is worked with.
        each: What becomes of each value.
    """

    threads: ThreadPoolExecutor
    values: Sequence[T]
    each: Sequence[Future[R]]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what has not begun, wait for the rest, and set the threads free."""
        for each in self.each:
            each.cancel()
        wait(self.each)
        _IDLE.append(self.threads)

    def drop(self) -> None:
        """End without a result."""
        with self:
            pass

    def results(self) -> list[R]:
        """Wait for the results, in the order of the values, and end."""
        with self:
            return [each.result() for each in self.each]


def begin_in_threads(work: Callable[[T], R], values: Sequence[T]) -> Begun[T, R]:
    """Begin some work with each value, side by side and in order."""
    try:
        threads = _IDLE.pop()
    except IndexError:
        threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="floodscan")
    return Begun(threads, values, [threads.submit(work, value) for value in values])


def list_done(groups: Iterable[Iterable[Future[R]]]) -> Iterator[int]:
    """Yield the number of each group of work once all of it is done, in whatever order that is."""
    left = {number: set(group) for number, group in enumerate(groups)}
    while left:
        running = {each for group in left.values() for each in group if not each.done()}
        done = [number for number, group in left.items() if running.isdisjoint(group)]
        if done:
            del left[done[0]]
            yield done[0]
        else:
            wait(running, return_when=FIRST_COMPLETED)
