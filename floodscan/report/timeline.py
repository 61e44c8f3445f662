"""A picture of an event in time: every candidate of its area against windows, dates and onset."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from floodscan.model import Policy, Sensor, TimeWindow
from floodscan.planning.targets import AOI
from floodscan.report.drawing import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SENSOR_COLOURS,
    SKY,
    VERMILION,
    fold,
    halo,
    house_style,
    imagery_sensors,
    save,
    scene_lines,
    signed_days,
    why_empty,
    write_caption,
    write_legend,
)
from floodscan.selection import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from matplotlib.axes import Axes

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]
    Looks = dict[str, Any]

_WIDTH, _BAND_HEIGHT = 12.6, 0.78
"""Lengths of the sheet are inches."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 1.72, 2.42, 0.62, 1.05
_FLOOR, _CEILING = (
    0.10,
    0.64,
)  # where in its band, 1 high, a candidate of 0 and of 100 % overlap stands
_LEGEND_LINE = 0.3
_LETTERS, _REASON_LINES, _STEPS_LINES = 34, 5, 2
_LEGEND_LETTERS, _MARK_LETTERS = 180, 7  # of a line, and what a mark takes of it

_MARKS: Mapping[tuple[str, ...], Looks] = {
    (Verdict.SELECTED, Verdict.ELIGIBLE): {"marker": "o", "s": 26, "color": BLUE, "linewidths": 0},
    (Verdict.TOO_CLOUDY, Verdict.OUTSIDE_WINDOW): {
        "marker": "o", "s": 16, "facecolors": "white", "edgecolors": GREY, "linewidths": 0.9
    },
    (Verdict.OTHER_TRACK, Verdict.OUT_OF_ORDER, Verdict.USED_IN_OTHER_PHASE, Verdict.REDUNDANT, Verdict.SUPERSEDED): {
        "marker": "D", "s": 16, "facecolors": "white", "edgecolors": BLUE, "linewidths": 0.9
    },
    (Verdict.WRONG_SIDE_OF_ONSET,): {"marker": "_", "s": 30, "color": GREY, "linewidths": 1.2},
    (Verdict.MISSING_ASSETS,): {"marker": "v", "s": 34, "color": ORANGE, "linewidths": 0},
    (Verdict.MISSING_POLARIZATIONS,): {"marker": "s", "s": 24, "color": PURPLE, "linewidths": 0},
    (Verdict.NO_OVERLAP, Verdict.COVERS_TOO_LITTLE): {"marker": "x", "s": 20, "color": BLACK, "linewidths": 1},
    (Verdict.INCOMPLETE_ANSWER,): {"marker": "D", "s": 22, "color": SKY, "linewidths": 0},
}  # fmt: skip
"""How candidates are drawn, by verdict; the first ones lie on top."""

_RING: Looks = {
    "marker": "o",
    "s": 110,
    "facecolors": "none",
    "edgecolors": VERMILION,
    "linewidths": 1.8,
}


def draw_timeline(manifest: Manifest, candidates: pa.Table, path: Path) -> None:
    """Draw when every candidate of an event's study area was taken, and what became of it.

    Args:
        manifest: Of the event.
        candidates: CANDIDATES of the event; those of tiles and of the DEM are left out.
        path: File to write, ``.png`` or ``.svg``; the same input gives the same bytes.
    """
    with house_style():
        save(_compose(manifest, candidates), path)


@dataclass(frozen=True, slots=True)
class _Band:
    """The strip of one slot: ``base`` is its lower edge, and it is 1 high."""

    base: int
    phase: str
    sensor: Sensor
    day: date
    window: TimeWindow | None
    widest: TimeWindow | None
    choice: Json | None

    def height(self, overlap_frac: Any) -> Any:  # noqa: ANN401 - one fraction or an array of them
        """Tell where candidates stand that cover this much of the area."""
        return self.base + _FLOOR + (_CEILING - _FLOOR) * overlap_frac


def _compose(manifest: Manifest, candidates: pa.Table) -> Figure:
    bands = _bands(manifest)
    shown = candidates.filter((pc.field("target_id") == AOI) & pc.field("phase").is_valid())
    marks = _mark_legend(shown)
    bottom = _BOTTOM + (len(marks) - 1) * _LEGEND_LINE
    inside = max(len(bands), 1) * _BAND_HEIGHT
    height = _TOP + inside + bottom
    figure = Figure(figsize=(_WIDTH, height))
    box = (_LEFT / _WIDTH, bottom / height, 1 - (_LEFT + _RIGHT) / _WIDTH, inside / height)
    axes = figure.add_axes(box)
    _frame(axes, manifest, bands, shown)
    for band in bands:
        _draw_band(axes, band)
        _draw_candidates(axes, band, shown)
        _draw_rings(axes, band, shown)
        _write_choice(axes, band, manifest)
    _draw_onset(axes, manifest)
    write_caption(
        figure, manifest, note="height in a band: how much of the study area a candidate covers"
    )
    for number, handles in enumerate([_line_legend(bands), *reversed(marks)]):
        write_legend(figure, handles, bottom=0.08 + number * _LEGEND_LINE)
    return figure


def _bands(manifest: Manifest) -> list[_Band]:
    content = manifest.content
    rules = content["provenance"]["recipe"]
    relaxed = rules["relax"] if rules["policy"] == Policy.CHANGE_DETECTION else []
    slots = [
        (sensor, phase) for sensor in imagery_sensors(manifest) for phase in content["phase_order"]
    ]
    bands = []
    for base, (sensor, phase) in enumerate(reversed(slots)):
        day = date.fromisoformat(content["event"]["phase_dates"][phase])
        days = rules["sensors"][sensor]["window_days"]
        wider = [
            step["window_days"]
            for step in relaxed
            if step["sensor"] == sensor and "window_days" in step
        ]
        window = None if days is None else TimeWindow.around(day, days)
        widest = window and TimeWindow.around(day, max([days, *wider]))
        bands.append(
            _Band(base, phase, sensor, day, window, widest, content["selected"][phase][sensor])
        )
    return bands[::-1]


def _frame(axes: Axes, manifest: Manifest, bands: list[_Band], shown: pa.Table) -> None:
    first, last = _span(manifest, bands, shown)
    axes.set(xlim=(_days(first), _days(last)), ylim=(0, max(len(bands), 1)))
    locator = AutoDateLocator(tz=UTC, minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    dates = DateFormatter("%Y-%m-%d", tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set(major_locator=locator, major_formatter=dates)
    axes.grid(visible=True, axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    ends = [
        (band.base + end, text)
        for band in bands
        for end, text in ((_FLOOR, "0 %"), (_CEILING, "100 %"))
    ]
    axes.set_yticks([y for y, _ in ends], [text for _, text in ends], fontsize=7.5, color=GREY)
    axes.tick_params(axis="y", length=2, width=0.5, color=GREY, pad=2)
    axes.tick_params(axis="x", length=3, width=0.6, color=GREY, labelsize=8.5)


def _span(manifest: Manifest, bands: list[_Band], shown: pa.Table) -> tuple[datetime, datetime]:
    """Tell from when to when the picture reaches: windows, dates, onset and candidates, and a day around."""
    windows = [band.widest for band in bands if band.widest is not None]
    times = [time for window in windows for time in (window.start, window.end)]
    times += [
        _noon(date.fromisoformat(day)) for day in manifest.content["event"]["phase_dates"].values()
    ]
    times += [time for time in pc.min_max(shown["datetime"]).as_py().values() if time is not None]
    times.append(_onset(manifest))
    return min(times) - timedelta(days=1), max(times) + timedelta(days=1)


def _draw_band(axes: Axes, band: _Band) -> None:
    axes.axhline(band.base, color=GREY, linewidth=0.5, zorder=1)
    start, end = axes.get_xlim()
    if band.window is not None:
        start, end = _days(band.window.start), _days(band.window.end)
    axes.fill_between(
        [start, end],
        band.base,
        band.base + 1,
        color=SENSOR_COLOURS[band.sensor],
        alpha=0.13,
        linewidth=0,
        zorder=0.5,
    )
    if band.widest is not None and band.widest != band.window:
        corner, width = _days(band.widest.start), _days(band.widest.end) - _days(band.widest.start)
        axes.add_patch(
            Rectangle(
                (corner, band.base + 0.02), width, 0.96, **_outline(SENSOR_COLOURS[band.sensor])
            )
        )
    noon = _days(_noon(band.day))
    axes.vlines(
        noon, band.base, band.base + 1, color=SENSOR_COLOURS[band.sensor], linewidth=1.4, zorder=1.5
    )
    words: Looks = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "ha": "left",
    }
    middle = (0, band.base + 0.5)
    axes.annotate(band.phase, middle, (-116, 7), fontsize=10, fontweight="bold", **words)
    axes.annotate(
        f"{band.sensor}, {band.day}",
        middle,
        (-116, -7),
        fontsize=8.5,
        color=SENSOR_COLOURS[band.sensor],
        **words,
    )


def _draw_candidates(axes: Axes, band: _Band, shown: pa.Table) -> None:
    rows = shown.filter(_is_drawn(band))
    times = _days(rows["datetime"].to_numpy())
    heights = band.height(rows["overlap_frac"].to_numpy())
    verdicts = rows["verdict"].to_numpy()
    for order, (judged, mark) in enumerate(reversed([*_MARKS.items()])):
        found = np.isin(verdicts, judged)
        if found.any():
            axes.scatter(times[found], heights[found], zorder=3 + order / 10, **mark)


def _is_drawn(band: _Band) -> Any:  # noqa: ANN401 - an expression of pyarrow, which has no types
    here = (pc.field("phase") == band.phase) & (pc.field("sensor") == str(band.sensor))
    return here & pc.field("datetime").is_valid()


def _draw_rings(axes: Axes, band: _Band, shown: pa.Table) -> None:
    """Put a ring around each chosen scene, and the days from the phase's date above all that may stand there."""
    rows = (
        shown.filter(_is_drawn(band) & (pc.field("verdict") == Verdict.SELECTED))
        .sort_by("rank")
        .to_pylist()
    )
    for row in rows:
        ring = axes.scatter(
            _days(row["datetime"]), band.height(row["overlap_frac"]), zorder=5, **_RING
        )
        ring.set_gid(f"{band.phase}.{band.sensor}.{row['item_id']}")
    for row in rows[:1]:
        axes.annotate(
            signed_days(row["day_offset"]),
            (_days(row["datetime"]), band.height(1)),
            (0, 7),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            fontweight="bold",
            color=VERMILION,
            path_effects=halo(),
            zorder=6,
        )


def _write_choice(axes: Axes, band: _Band, manifest: Manifest) -> None:
    middle = (1, band.base + 0.5)
    words: Looks = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 8,
        "linespacing": 1.25,
    }
    if band.choice is None:
        reason = fold(
            why_empty(manifest, band.phase, band.sensor), width=_LETTERS, lines=_REASON_LINES
        )
        axes.annotate(reason, middle, (8, 0), color=GREY, **words)
        return
    *facts, steps = scene_lines(manifest, band.choice)
    lines = [*facts, fold(steps, width=_LETTERS, lines=_STEPS_LINES)]
    axes.annotate("\n".join(lines).strip(), middle, (8, 0), **words)


def _draw_onset(axes: Axes, manifest: Manifest) -> None:
    onset = _onset(manifest)
    axes.axvline(_days(onset), color=BLACK, linewidth=1.2, linestyle=(0, (5, 2)), zorder=2)
    axes.annotate(
        f"onset {onset:%Y-%m-%d %H:%M} UTC",
        (_days(onset), 1),
        (0, 4),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8.5,
        fontweight="bold",
    )


def _mark_legend(shown: pa.Table) -> list[list[Any]]:
    """Tell what the marks are and how many there are of each, in as many lines as it takes."""
    drawn = shown.filter(pc.field("datetime").is_valid())
    counts = Counter(drawn["verdict"].to_pylist())
    axes = Figure().add_subplot()
    handles = [
        axes.scatter(
            [],
            [],
            label=f"selected ({counts.pop(Verdict.SELECTED, 0)}), with days from the phase's date",
            **_RING,
        )
    ]
    for judged, mark in _MARKS.items():
        if here := [
            f"{verdict.replace('_', ' ')} ({counts[verdict]})"
            for verdict in judged
            if counts[verdict]
        ]:
            handles.append(axes.scatter([], [], label=", ".join(here), **mark))
    if timeless := len(shown) - len(drawn):
        handles.append(
            axes.scatter([], [], label=f"time unknown, not drawn ({timeless})", marker="none")
        )
    return _in_lines(handles)


def _in_lines(handles: Sequence[Any]) -> list[list[Any]]:
    lines: list[list[Any]] = []
    left = 0
    for handle in handles:
        taken = len(handle.get_label()) + _MARK_LETTERS
        if taken > left:
            lines.append([])
            left = _LEGEND_LETTERS
        lines[-1].append(handle)
        left -= taken
    return lines


def _line_legend(bands: Sequence[_Band]) -> list[Line2D | Patch]:
    wider = any(band.widest != band.window for band in bands)
    return [
        Patch(facecolor=PALE, label="window"),
        *([Patch(label="the ladder's widest window", **_outline(GREY))] if wider else []),
        Line2D([], [], color=GREY, linewidth=1.4, label="phase's date"),
        Line2D([], [], color=BLACK, linewidth=1.2, linestyle=(0, (5, 2)), label="onset"),
    ]


def _outline(colour: str) -> Looks:
    return {"fill": False, "edgecolor": colour, "linewidth": 0.7, "linestyle": (0, (2, 2))}


def _days(times: Any) -> Any:  # noqa: ANN401 - one time or an array of them, as matplotlib counts
    return date2num(times)  # type: ignore[no-untyped-call]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _onset(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.content["event"]["onset"])
