"""A map of the world with all events of a list, as a picture."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import shapely
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from floodscan.errors import OutputError
from floodscan.report.drawing import BLUE, GREY, house_style, save
from floodscan.report.views import DASHES, View

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.report.event_lists import ListSummary

_WORLD = View(lon=0.0, lat=12.0, half_width=180.0, half_height=72.0)
_FORMATS = (".png", ".svg")
_KM_PER_POINT = 12.0  # edge of a square as large as an event, by the area of its dot
_LEAST_POINTS, _MOST_POINTS = 4.0, 90.0  # areas of dots, in square points
_TOLERANCE_DEGREES = 0.1


def draw_events(summary: ListSummary, path: Path) -> None:
    """Draw a dot for each event, the larger the larger its area.

    Args:
        summary: The events.
        path: File to write, ``.png`` or ``.svg``; the same events give the same bytes.

    Raises:
        OutputError: It has another ending, or can't be written.
    """
    if path.suffix not in _FORMATS:
        raise OutputError(f"{path}: must end in {' or '.join(_FORMATS)}")
    try:
        with house_style():
            save(_compose(summary), path)
    except OSError as err:
        raise OutputError(f"{path}: can't be written: {err.strerror or err}") from err


def _compose(summary: ListSummary) -> Figure:
    figure = Figure(figsize=(10, 4.6))
    axes = figure.add_axes((0.05, 0.11, 0.94, 0.8))
    _WORLD.frame(axes, ticks=9)
    axes.set_aspect("auto")  # the whole world, plate carrée
    for lines in _read_borders():
        axes.add_collection(lines, autolim=False)
    lon, lat = np.array(summary.points).T
    dots = np.clip(np.sqrt(summary.sizes_km2) / _KM_PER_POINT, _LEAST_POINTS, _MOST_POINTS)
    order = np.argsort(-dots, kind="stable")  # small ones on top
    axes.scatter(
        lon[order],
        lat[order],
        dots[order],
        color=BLUE,
        alpha=0.45,
        edgecolor="white",
        linewidth=0.3,
        zorder=5,
    )
    first, last = min(summary.days), max(summary.days)
    axes.set_title(f"{len(lon):,} events, {first} to {last}", loc="left", fontsize=11)
    figure.text(
        0.99, 0.015, "Coasts and borders: Natural Earth", color=GREY, fontsize=7, ha="right"
    )
    return figure


def _read_borders() -> list[LineCollection]:
    """Read coasts and borders. ``View`` would move a line that ends at 180° to the other side."""
    table = pq.read_table(str(files("floodscan.data") / "borders.parquet"))
    lines = shapely.simplify(shapely.from_wkb(table["geometry"].to_numpy()), _TOLERANCE_DEGREES)
    kinds = np.array(table["kind"].to_pylist())
    return [
        LineCollection(
            [shapely.get_coordinates(line) for line in lines[kinds == kind]],
            colors=GREY,
            linewidths=0.4,
            linestyles=[dashes],
            zorder=3,
        )
        for kind, dashes in DASHES.items()
    ]
