"""Counts of the work that code does, which are the same on every machine."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Counts = dict[str, int]

TOLERANCE = 0.05
"""Share by which a count may differ from the committed one."""

_ARROW = str(Path("pyarrow") / "compute.py")
_SHAPELY = f"{os.sep}shapely{os.sep}"


def count_work(work: Callable[[], object]) -> Counts:
    """Run some work, and count what it does."""
    counts: Counter[str] = Counter()

    def enter(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        del event
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        path = frame.f_code.co_filename
        caller = frame.f_back.f_code.co_filename if frame.f_back else ""
        if _SHAPELY in path and _SHAPELY not in caller:
            counts["vertices"] += sum(map(_count_vertices, frame.f_locals.values()))
        elif path.endswith(_ARROW) and not caller.endswith(_ARROW):
            counts["values"] += sum(map(_count_values, _arguments(frame)))
        return step

    def step(frame: FrameType, event: str, _: object) -> Callable[..., object]:
        del frame
        counts["instructions"] += event == "opcode"
        return step

    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(None)
    return {name: counts[name] for name in ("instructions", "vertices", "values")}


def _arguments(frame: FrameType) -> Iterator[Any]:
    for value in frame.f_locals.values():
        yield from value if isinstance(value, tuple) else [value]


def _count_vertices(value: object) -> int:
    if isinstance(value, tuple):
        return sum(map(_count_vertices, value))
    if isinstance(value, BaseGeometry) or (isinstance(value, np.ndarray) and value.dtype == object):
        try:
            return int(shapely.get_num_coordinates(value).sum())
        except TypeError:  # an array of other objects
            return 0
    return 0


def _count_values(value: object) -> int:
    return len(value) if isinstance(value, pa.Array | pa.ChunkedArray) else 0


def find_differences(counted: dict[str, Counts], known: dict[str, Counts]) -> list[str]:
    """Name the counts that are more than the tolerance away from the committed ones."""
    differences = [f"{name}: only in one of both" for name in sorted(counted.keys() ^ known.keys())]
    for name in sorted(counted.keys() & known.keys()):
        for kind, now in counted[name].items():
            before = known[name][kind]
            if abs(now - before) > TOLERANCE * before:
                change = f" ({now / before - 1:+.1%})" if before else ""
                differences.append(f"{name}: {now:,} {kind}, committed are {before:,}{change}")
    return differences
