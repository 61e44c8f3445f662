"""Clocks around the steps of a task, on the workers: Dask's task stream knows only whole tasks."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from floodscan import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client, Worker

_CHOICES = {"score": "score", "select_scenes": "select", "assess_events": "assess"}

_seconds: Counter[str] = Counter()
_lock = Lock()


def count(step: str, seconds: float) -> None:
    """Add seconds to a step, in this process."""
    with _lock:
        _seconds[step] += seconds


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Count the time of a step."""
    started = time.perf_counter()
    try:
        yield
    finally:
        count(step, time.perf_counter() - started)


class StepTimes(WorkerPlugin):
    """Puts clocks around the steps of a choice, on all workers and on later ones."""

    name = "step-times"

    def setup(self, worker: Worker) -> None:
        """Put a clock around each step; the workers of a process share it."""
        del worker
        for name, step in _CHOICES.items():
            if not hasattr(getattr(pipeline, name), "__wrapped__"):
                setattr(pipeline, name, _clocked(step, getattr(pipeline, name)))


def take_seconds(client: Client) -> Counter[str]:
    """Return the seconds by step on all workers since the last call.

    ``cpu`` is the CPU time of their processes since they started.
    """
    return sum(client.run(_take).values(), Counter())


def _clocked(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any function
        with timed(step):
            return function(*args, **kwargs)

    return call


def _take() -> Counter[str]:
    with _lock:
        taken = _seconds.copy()
        _seconds.clear()
    return taken + Counter({"cpu": time.process_time()})
