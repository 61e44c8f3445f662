"""The rate limiter of a process: limits, pauses and leases."""

from __future__ import annotations

import pickle
import threading
import time
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from floodscan.catalogs.rate_limiter import (
    LEASE_SECONDS,
    LocalRateLimiter,
    PermitCounter,
    RateLimits,
)


def test_no_more_permits_are_granted_than_allowed() -> None:
    """The third waits until one of the two is released."""
    counter = PermitCounter(RateLimits(max_in_flight=2))
    assert [counter.try_acquire(permit, 0.0) for permit in "abc"] == [0.0, 0.0, inf]
    counter.release("a")
    assert counter.try_acquire("c", 0.0) == 0.0
    assert set(counter.granted) == {"b", "c"}


def test_starts_are_spread_over_the_second() -> None:
    """At four a second, a permit is granted a quarter of a second after the one before."""
    counter = PermitCounter(RateLimits(max_per_second=4))
    assert counter.try_acquire("a", 10.0) == 0.0
    assert counter.try_acquire("b", 10.1) == 10.25 - 10.1
    assert counter.try_acquire("b", 10.25) == 0.0


def test_a_permit_that_is_never_released_ends_with_its_lease() -> None:
    """A release after that changes nothing."""
    counter = PermitCounter(RateLimits(max_in_flight=1))
    counter.try_acquire("lost", 0.0)
    assert counter.try_acquire("next", LEASE_SECONDS - 1) == inf
    assert counter.try_acquire("next", LEASE_SECONDS + 1) == 0.0
    counter.release("lost")
    assert set(counter.granted) == {"next"}


def test_a_pause_stops_all_and_halves_the_limit_for_a_while() -> None:
    """The limit grows by one with each round of released permits."""
    counter = PermitCounter(RateLimits(max_in_flight=4))
    counter.pause(3.0, 10.0)
    counter.pause(1.0, 10.5)
    assert counter.try_acquire("a", 11.6) == 13.0 - 11.6
    assert [counter.try_acquire(permit, 13.0) for permit in "abc"] == [0.0, 0.0, inf]
    for _ in range(10):
        for permit in "ab":
            counter.release(permit)
            counter.try_acquire(permit, 13.0)
    assert [counter.try_acquire(permit, 13.0) for permit in "cde"] == [0.0, 0.0, inf]


def test_a_pause_works_without_limits() -> None:
    """Retry-After is obeyed whatever the options are."""
    counter = PermitCounter(RateLimits())
    assert [counter.try_acquire(str(n), 0.0) for n in range(1000)] == [0.0] * 1000
    counter.pause(2.0, 0.0)
    assert counter.try_acquire("late", 0.5) == 1.5


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from(["acquire", "release", "pause"]), st.integers(0, 9))),
)
def test_any_order_of_calls_keeps_the_limit_and_ends_with_a_permit(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """Never more permits than allowed, and never none for ever."""
    counter = PermitCounter(RateLimits(max_in_flight=limit))
    for now, (verb, number) in enumerate(steps):
        if verb == "acquire":
            counter.try_acquire(str(number), float(now))
        elif verb == "release":
            counter.release(str(number))
        else:
            counter.pause(float(number), float(now))
        assert len(counter.granted) <= limit
    for permit in list(counter.granted):
        counter.release(permit)
    assert counter.try_acquire("last", len(steps) + 100.0) == 0.0


def test_equal_rate_limiters_share_their_permits() -> None:
    """Threads with pickled copies together keep the limit."""
    rate_limiter = LocalRateLimiter(RateLimits(max_in_flight=3), "threads")
    inside: list[int] = []
    most: list[int] = []

    def visit() -> None:
        with pickle.loads(pickle.dumps(rate_limiter)).acquire():  # noqa: S301 - our own
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=visit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 3


def list_visits(name: str, *, goes_first: int | None = None) -> list[int]:
    """Let five threads come one after the other while nobody gets a permit; list their visits."""
    rate_limiter = LocalRateLimiter(RateLimits(max_in_flight=1), name)
    came: list[int] = []

    def visit(number: int) -> None:
        with rate_limiter.acquire(first=number == goes_first):
            came.append(number)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(5)]
    with rate_limiter.acquire():
        for thread in threads:
            thread.start()
            time.sleep(0.02)
    for thread in threads:
        thread.join()
    return came


def test_threads_get_permits_in_the_order_in_which_they_came() -> None:
    """So the searches of the first batch are not overtaken by those of later ones."""
    assert list_visits("in order") == [0, 1, 2, 3, 4]


def test_a_thread_may_go_before_all_that_wait() -> None:
    """The next page of a search does, so that the search ends."""
    assert list_visits("first", goes_first=3) == [3, 0, 1, 2, 4]
