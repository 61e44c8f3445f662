"""A picture of an event in time: all candidates, windows, phase dates and the onset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from floodscan.model import Sensor
from floodscan.planning.targets import AOI
from floodscan.report.clear_ground import counts_clear_ground, show_clear_shares
from floodscan.report.drawing import (
    BLACK,
    GREY,
    PALE,
    house_style,
    save,
    write_caption,
    write_legend,
)
from floodscan.report.timeline_bands import (
    CEILING,
    FLOOR,
    band_legend,
    days,
    draw_band,
    list_bands,
    noon,
    write_choice,
)
from floodscan.report.timeline_marks import draw_marks, mark_legend, mark_unknown_ground

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    from matplotlib.axes import Axes

    from floodscan.assessment.manifest import Manifest
    from floodscan.report.timeline_bands import Band

_WIDTH, _BAND_HEIGHT = 12.6, 0.78
"""Lengths of the picture are inches."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 1.72, 2.42, 0.62, 1.05
_LEGEND_LINE = 0.3
_ONSET: dict[str, Any] = {"color": BLACK, "linewidth": 1.2, "linestyle": (0, (5, 2))}


def draw_timeline(manifest: Manifest, candidates: pa.Table, path: Path) -> None:
    """Draw the times of all candidates of an event's study area, and their verdicts.

    Args:
        manifest: Manifest of the event.
        candidates: CANDIDATES of the event; those of tiles and of the DEM are left out.
        path: File to write, ``.png``, ``.svg`` or ``.pdf``; the same input gives the same bytes.
    """
    with house_style():
        save(_compose(manifest, candidates), path)


def _compose(manifest: Manifest, candidates: pa.Table) -> Figure:
    bands = list_bands(manifest)
    shown = candidates.filter((pc.field("target_id") == AOI) & pc.field("phase").is_valid())
    shown = show_clear_shares(shown, manifest.content)
    marks = mark_legend(shown)
    bottom = _BOTTOM + (len(marks) - 1) * _LEGEND_LINE
    inside = max(len(bands), 1) * _BAND_HEIGHT
    height = _TOP + inside + bottom
    figure = Figure(figsize=(_WIDTH, height))
    box = (_LEFT / _WIDTH, bottom / height, 1 - (_LEFT + _RIGHT) / _WIDTH, inside / height)
    axes = figure.add_axes(box)
    _frame(axes, manifest, bands, shown)
    for band in bands:
        draw_band(axes, band)
        draw_marks(axes, band, shown)
        if counts_clear_ground(manifest.content, band.sensor):
            mark_unknown_ground(axes, band, shown)
        write_choice(axes, band, manifest)
    _draw_onset(axes, manifest)
    note = "height in a band: share of the study area that a candidate covers"
    if any(counts_clear_ground(manifest.content, sensor) for sensor in Sensor):
        note += ", or shows clear if optical (?: unknown)"
    write_caption(figure, manifest, note=note)
    lines = [*band_legend(bands), Line2D([], [], label="onset", **_ONSET)]
    for number, handles in enumerate([lines, *reversed(marks)]):
        write_legend(figure, handles, bottom=0.08 + number * _LEGEND_LINE)
    return figure


def _frame(axes: Axes, manifest: Manifest, bands: Sequence[Band], shown: pa.Table) -> None:
    first, last = _span(manifest, bands, shown)
    axes.set(xlim=(days(first), days(last)), ylim=(0, max(len(bands), 1)))
    locator = AutoDateLocator(tz=UTC, minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    dates = DateFormatter("%Y-%m-%d", tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set(major_locator=locator, major_formatter=dates)
    axes.grid(visible=True, axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    ticks = [
        (band.base + height, text)
        for band in bands
        for height, text in ((FLOOR, "0 %"), (CEILING, "100 %"))
    ]
    axes.set_yticks([y for y, _ in ticks], [text for _, text in ticks], fontsize=7.5, color=GREY)
    axes.tick_params(axis="y", length=2, width=0.5, color=GREY, pad=2)
    axes.tick_params(axis="x", length=3, width=0.6, color=GREY, labelsize=8.5)


def _span(manifest: Manifest, bands: Sequence[Band], shown: pa.Table) -> tuple[datetime, datetime]:
    """Return the ends of the time axis: all windows, dates and candidates, and one day more."""
    windows = [band.widest for band in bands if band.widest is not None]
    phase_dates = manifest.content["event"]["phase_dates"].values()
    times = [
        *(end for window in windows for end in (window.start, window.end)),
        *(noon(date.fromisoformat(day)) for day in phase_dates),
        *(end for end in pc.min_max(shown["datetime"]).as_py().values() if end is not None),
        _onset(manifest),
    ]
    return min(times) - timedelta(days=1), max(times) + timedelta(days=1)


def _draw_onset(axes: Axes, manifest: Manifest) -> None:
    onset = _onset(manifest)
    axes.axvline(days(onset), zorder=2, **_ONSET)
    axes.annotate(
        f"onset {onset:%Y-%m-%d %H:%M} UTC",
        (days(onset), 1),
        (0, 4),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8.5,
        fontweight="bold",
    )


def _onset(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.content["event"]["onset"])
