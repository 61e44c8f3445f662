"""Gates: who may enter when, by a clock that the tests hold, and by threads."""

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


def test_no_more_are_inside_than_may_be() -> None:
    """The third waits until one of the two leaves."""
    turnstile = PermitCounter(RateLimits(max_in_flight=2))
    assert [turnstile.try_acquire(permit, 0.0) for permit in "abc"] == [0.0, 0.0, inf]
    turnstile.leave("a")
    assert turnstile.try_acquire("c", 0.0) == 0.0
    assert set(turnstile.inside) == {"b", "c"}


def test_starts_are_spread_over_the_second() -> None:
    """At four a second, the next may start a quarter of a second after the last."""
    turnstile = PermitCounter(RateLimits(max_per_second=4))
    assert turnstile.try_acquire("a", 10.0) == 0.0
    assert turnstile.try_acquire("b", 10.1) == 10.25 - 10.1
    assert turnstile.try_acquire("b", 10.25) == 0.0


def test_a_place_that_is_never_given_back_is_free_in_the_end() -> None:
    """Whatever became of who took it."""
    turnstile = PermitCounter(RateLimits(max_in_flight=1))
    turnstile.try_acquire("lost", 0.0)
    assert turnstile.try_acquire("next", LEASE_SECONDS - 1) == inf
    assert turnstile.try_acquire("next", LEASE_SECONDS + 1) == 0.0
    turnstile.leave("lost")
    assert set(turnstile.inside) == {"next"}


def test_a_pause_pauses_everybody_and_slows_down_for_a_while() -> None:
    """After it, half as many get in at once; with each round that goes well, one more."""
    turnstile = PermitCounter(RateLimits(max_in_flight=4))
    turnstile.pause(3.0, 10.0)
    turnstile.pause(1.0, 10.5)
    assert turnstile.try_acquire("a", 11.6) == 13.0 - 11.6
    assert [turnstile.try_acquire(permit, 13.0) for permit in "abc"] == [0.0, 0.0, inf]
    for _ in range(10):
        for permit in "ab":
            turnstile.leave(permit)
            turnstile.try_acquire(permit, 13.0)
    assert [turnstile.try_acquire(permit, 13.0) for permit in "cde"] == [0.0, 0.0, inf]


def test_without_limits_a_pause_is_still_a_pause() -> None:
    """What a server asks for needs no option."""
    turnstile = PermitCounter(RateLimits())
    assert [turnstile.try_acquire(str(n), 0.0) for n in range(1000)] == [0.0] * 1000
    turnstile.pause(2.0, 0.0)
    assert turnstile.try_acquire("late", 0.5) == 1.5


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from(["enter", "leave", "hold"]), st.integers(0, 9))),
)
def test_whatever_happens_the_limit_pauses_and_somebody_gets_in_at_last(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """Never more inside than allowed, and never shut for ever."""
    turnstile = PermitCounter(RateLimits(max_in_flight=limit))
    for now, (verb, number) in enumerate(steps):
        if verb == "enter":
            turnstile.try_acquire(str(number), float(now))
        elif verb == "leave":
            turnstile.leave(str(number))
        else:
            turnstile.pause(float(number), float(now))
        assert len(turnstile.inside) <= limit
    for permit in list(turnstile.inside):
        turnstile.leave(permit)
    assert turnstile.try_acquire("last", len(steps) + 100.0) == 0.0


def test_threads_of_a_process_share_a_gate_by_its_value() -> None:
    """Copies that were pickled are the same rate_limiter; no more threads are inside than may be."""
    rate_limiter = LocalRateLimiter(RateLimits(max_in_flight=3), "threads")
    inside: list[int] = []
    most: list[int] = []

    def visit() -> None:
        with pickle.loads(pickle.dumps(rate_limiter)).enter():  # noqa: S301 - our own
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
