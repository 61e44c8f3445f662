"""Work is done side by side, in threads that are used again."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from floodscan import threads
from floodscan.threads import begin_in_threads, compute

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_threads_before() -> Iterator[None]:
    """Begin and end without threads of other tests."""
    _end_threads()
    yield
    _end_threads()


def _end_threads() -> None:
    while threads._IDLE:
        threads._IDLE.pop().shutdown()


def test_results_are_in_the_order_of_the_values() -> None:
    """Also if the first one takes longest."""

    def wait_for(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    assert begin_in_threads(wait_for, [0.05, 0.0, 0.02]).results() == [0.05, 0.0, 0.02]
    assert begin_in_threads(wait_for, []).results() == []


def test_threads_are_used_again() -> None:
    """No call starts a thread if one is idle."""

    def name(_: int) -> str:
        return threading.current_thread().name

    first = {thread for _ in range(3) for thread in begin_in_threads(name, [1]).results()}
    assert len(first) == 1


def test_calls_at_the_same_time_have_threads_of_their_own() -> None:
    """So none waits for the work of another."""
    barrier = threading.Barrier(4, timeout=10)

    def meet(_: int) -> int:
        return barrier.wait()

    def call(_: int) -> list[int]:
        return begin_in_threads(meet, [1, 2]).results()

    met = begin_in_threads(call, [1, 2]).results()
    assert sorted(each for found in met for each in found) == [0, 1, 2, 3]


def test_an_error_is_raised_when_the_rest_has_ended() -> None:
    """Work that has not begun is dropped."""
    begun: list[int] = []
    ended: list[int] = []

    def fail_first(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise LookupError("the first one")
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(LookupError, match="the first one"):
        begin_in_threads(fail_first, range(500)).results()
    assert sorted([*ended, 0]) == sorted(begun)
    assert len(begun) < 500
    assert begin_in_threads(str, [1]).results() == ["1"]


def test_a_process_with_idle_threads_ends_at_once() -> None:
    """And a forked process, which has none of them, starts its own."""
    program = """
import os, time
from floodscan.threads import begin_in_threads, compute
assert compute(str, 1) == "1"
assert begin_in_threads(str, range(20)).results() == [str(number) for number in range(20)]
pid = os.fork() if hasattr(os, "fork") else None
if pid == 0:
    ok = begin_in_threads(str, range(3)).results() == ["0", "1", "2"] and compute(str, 2) == "2"
    os._exit(0 if ok else 1)
if pid is not None:
    assert os.waitpid(pid, 0)[1] == 0
print(time.time())
"""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert time.time() - float(done.stdout) < 10


def test_work_that_is_dropped_does_not_begin() -> None:
    """Only what runs already ends; the threads are used again."""
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)

    started = begin_in_threads(work, range(500))
    started.drop()
    n_begun = len(begun)
    time.sleep(0.1)
    assert 0 < n_begun == len(begun) < 500
    assert begin_in_threads(str, [1]).threads is started.threads


def test_one_thread_computes() -> None:
    """All threads that ask share it, and its errors reach them."""

    def fail() -> None:
        raise LookupError("the work")

    names = begin_in_threads(
        lambda _: compute(lambda: threading.current_thread().name), range(20)
    ).results()
    assert len(set(names)) == 1
    assert names[0] != threading.current_thread().name
    with pytest.raises(LookupError, match="the work"):
        compute(fail)
    assert compute(divmod, 7, 2) == (3, 1)
