"""Measure one sweep on running workers: its time, and where the time went."""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dask.utils import key_split
from distributed.diagnostics.task_stream import get_task_stream

import floodscan
from benchmarks.scaling.steps import take_seconds
from floodscan.catalogs.rate_limiter import RateLimits
from floodscan.engine.graph import TaskKind
from floodscan.engine.rate_limiter import open_rate_limiter

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from distributed import Client

    from benchmarks.scaling.catalog import TimedCatalog
    from floodscan import Event, Recipe

    Json = dict[str, Any]

_SEARCHING, _CHOOSING = ("rate_limiter", "catalog", "parse"), ("score", "select", "assess")

STEPS = (*_SEARCHING, *_CHOOSING, "write", "other", "moving", "idle")
"""The steps of the workers' threads; together they take all of the threads' time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep to measure.

    Attributes:
        events: The events.
        catalog: Answers the searches.
        recipe: The rules.
        in_flight: Most requests at once over all workers; None is any number.
        folder: Folder for the results, on a disk that all workers share.
    """

    events: Sequence[Event]
    catalog: TimedCatalog
    recipe: Recipe
    in_flight: int | None
    folder: Path


def measure(sweep: Sweep, client: Client) -> Json:
    """Run a sweep and return its times.

    Returns:
        Sizes of the sweep and the cluster; the wall time from the events to the merged tables; the
        CPU seconds of workers and driver; and the seconds of the workers' threads by step.
    """
    out = sweep.folder / uuid.uuid4().hex
    before = take_seconds(client)
    with (
        open_rate_limiter(client, RateLimits(sweep.in_flight)) as rate_limiter,
        get_task_stream(client) as stream,
    ):
        catalog = replace(sweep.catalog, rate_limiter=rate_limiter)
        started, driver = time.perf_counter(), time.process_time()
        result = floodscan.scan(
            sweep.events, catalog=catalog, recipe=sweep.recipe, out=out, client=client
        )
        wall, driver = time.perf_counter() - started, time.process_time() - driver
    counted = take_seconds(client)
    n_threads = sum(client.nthreads().values())
    found = result.folder.searches.read(["n_items"])["n_items"].to_pylist()
    n_candidates = result.counts["candidates"]
    shutil.rmtree(out)
    return {
        "n_processes": len(client.nthreads()),
        "n_threads": n_threads,
        "in_flight": sweep.in_flight,
        "n_events": len(sweep.events),
        "n_searches": len(found),
        "n_items": sum(found),
        "n_candidates": n_candidates,
        "n_tasks": len(stream.data),
        "wall_seconds": wall,
        "drawn_seconds": counted["drawn"],
        "worker_cpu_seconds": counted["cpu"] - before["cpu"],
        "driver_cpu_seconds": driver,
        **split_time(stream.data, counted, thread_seconds=n_threads * wall),
    }


def split_time(
    tasks: Iterable[Mapping[str, Any]], counted: Counter[str], *, thread_seconds: float
) -> dict[str, float]:
    """Split the time of all worker threads into steps.

    The time of a kind of task is from Dask's task stream. A task with several steps is split by the
    clocks around them. A task makes its searches side by side, so its time is split in proportion
    to the sums over its searches; this includes the wait for the slowest search.

    Args:
        tasks: Tasks of the task stream.
        counted: Seconds by step, summed over all threads.
        thread_seconds: Wall time times the number of threads.
    """
    held: dict[str, float] = dict.fromkeys((*TaskKind, "moving"), 0.0)
    for task in tasks:
        for span in task["startstops"]:
            kind = key_split(task["key"]) if span["action"] == "compute" else "moving"
            held[kind] = held.get(kind, 0.0) + span["stop"] - span["start"]
    searching = sum(counted[step] for step in _SEARCHING) or 1.0
    steps = {step: held[TaskKind.SEARCH] * counted[step] / searching for step in _SEARCHING}
    steps |= {step: counted[step] for step in _CHOOSING}
    steps |= {"write": held[TaskKind.WRITE], "moving": held["moving"]}
    steps["other"] = sum(held.values()) - sum(steps.values())
    steps["idle"] = thread_seconds - sum(steps.values())
    return {f"{step}_seconds": steps[step] for step in STEPS}
