"""Draw the wall time, the CPU and the quality of each way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from floodscan.report.drawing import BLUE, DPI, GREEN, GREY, ORANGE, VERMILION, house_style

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_VIOLATIONS = (
    ("out_of_order", "phases out of order", VERMILION),
    ("reused", "a scene in two phases", ORANGE),
    ("mixed_tracks", "mixed tracks", GREY),
)


def draw(rows: Sequence[dict[str, Any]], path: Path, *, n_events: int) -> None:
    """Draw a bar for each way: seconds, and the events with a violation.

    Args:
        rows: A row of the table for each way.
        path: PNG file to write.
        n_events: Number of events.
    """
    names = [f"{row['way']}\n({row['source']})" for row in rows]
    places = np.arange(len(rows))
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
    with house_style():
        figure = Figure(figsize=(9.6, 0.52 * len(rows) + 1.4), layout="constrained")
        times, faults = figure.subplots(1, 2, sharey=True)
        for key, label, color, shift in (
            ("wall_seconds", "wall time", BLUE, -0.19),
            ("cpu_seconds", "CPU of the client", GREEN, 0.19),
        ):
            times.barh(places + shift, [row[key] for row in rows], 0.36, color=color, label=label)
        times.set(xscale="log", xlabel=f"seconds for {n_events} events", yticks=places)
        times.set_yticklabels(names)
        times.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        times.xaxis.set_major_formatter("{x:g}")
        times.xaxis.set_minor_formatter(NullFormatter())
        times.invert_yaxis()
        times.legend(**above)
        for number, (key, label, color) in enumerate(_VIOLATIONS):
            shares = [100 * row[key] / n_events for row in rows]
            faults.barh(places + 0.25 * (number - 1), shares, 0.23, color=color, label=label)
        faults.set(xlim=(0, 100), xlabel="% of events")
        faults.legend(**above)
        figure.savefig(path, dpi=DPI)
