"""Run one way in a process of its own, and print what it took as JSON.

python -m benchmarks.peers.run KIND WAY SOURCE EVENTS IN_FLIGHT
"""

from __future__ import annotations

import resource
import sys
import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import orjson
import psutil

from benchmarks.peers.ways import API_WAYS, FILE_WAYS
from floodscan import Recipe, read_events

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE_SECONDS = 0.1


def main() -> None:
    """Run and print: imports at the start don't count, starting workers does."""
    kind, name, source, path, in_flight = sys.argv[1:]
    events = read_events(path, phase_offset_days=Recipe().phase_offset_days)
    way = {"api": API_WAYS, "files": FILE_WAYS}[kind][name]
    cpu, read, started = _cpu_seconds(), _read_bytes(), perf_counter()
    with _peak_memory() as peak_bytes:
        choices = way(source, events, int(in_flight))
    taken = {
        "wall_seconds": perf_counter() - started,
        "cpu_seconds": _cpu_seconds() - cpu,
        "memory_mb": (max(peak_bytes) - peak_bytes[0]) / 1e6,
        "read_mb": (_read_bytes() - read) / 1e6,
        "choices": choices,
    }
    sys.stdout.write(orjson.dumps(taken).decode())


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process, and of its children that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _read_bytes() -> int:
    return int(psutil.Process().io_counters().read_chars)


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Sample the memory of this process and its children; the first sample is from the start."""
    samples, stopping = [_memory()], threading.Event()

    def watch() -> None:
        while not stopping.wait(_SAMPLE_SECONDS):
            samples.append(_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        samples.append(_memory())
        stopping.set()
        thread.join()


def _memory() -> int:
    """Add up the memory of this process and its children, bytes."""
    own, total = psutil.Process(), 0
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


if __name__ == "__main__":
    main()
