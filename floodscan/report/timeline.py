"""A picture of an event in time: every candidate of its area against windows, dates and onset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from floodscan.recipe import Sensor, TimeWindow
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
from floodscan.scoring import ELIGIBLE, INCOMPLETE, MISSING_ASSETS, MISSING_POLARIZATIONS, NO_OVERLAP, TOO_CLOUDY
from floodscan.selection import SELECTED
from floodscan.tiling import AOI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    from matplotlib.axes import Axes

    from floodscan.manifest import Manifest

    Json = dict[str, Any]
    Looks = dict[str, Any]

_WIDTH, _BAND_HEIGHT = 12.6, 0.78
"""Lengths of the sheet are inches."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 1.72, 2.42, 0.62, 1.05
_FLOOR, _CEILING = 0.10, 0.64  # where in its band, 1 high, a candidate of 0 and of 100 % overlap stands
_REASON_WIDTH = 34

_MARKS: Mapping[str, Looks] = {
    SELECTED: {"marker": "o", "s": 26, "color": BLUE, "linewidths": 0},
    ELIGIBLE: {"marker": "o", "s": 26, "color": BLUE, "linewidths": 0},
    TOO_CLOUDY: {"marker": "o", "s": 16, "facecolors": "white", "edgecolors": GREY, "linewidths": 0.9},
    MISSING_ASSETS: {"marker": "v", "s": 34, "color": ORANGE, "linewidths": 0},
    MISSING_POLARIZATIONS: {"marker": "s", "s": 24, "color": PURPLE, "linewidths": 0},
    NO_OVERLAP: {"marker": "x", "s": 20, "color": BLACK, "linewidths": 1},
    INCOMPLETE: {"marker": "D", "s": 22, "color": SKY, "linewidths": 0},
}
_RING: Looks = {"marker": "o", "s": 110, "facecolors": "none", "edgecolors": VERMILION, "linewidths": 1.8}


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
    choice: Json | None

    def height(self, overlap_frac: Any) -> Any:  # noqa: ANN401 - one fraction or an array of them
        """Tell where candidates stand that cover this much of the area."""
        return self.base + _FLOOR + (_CEILING - _FLOOR) * overlap_frac


def _compose(manifest: Manifest, candidates: pa.Table) -> Figure:
    bands = _bands(manifest)
    shown = candidates.filter((pc.field("target_id") == AOI) & pc.field("phase").is_valid())
    inside = max(len(bands), 1) * _BAND_HEIGHT
    height = _TOP + inside + _BOTTOM
    figure = Figure(figsize=(_WIDTH, height))
    box = (_LEFT / _WIDTH, _BOTTOM / height, 1 - (_LEFT + _RIGHT) / _WIDTH, inside / height)
    axes = figure.add_axes(box)
    _frame(axes, manifest, bands, shown)
    for band in bands:
        _draw_band(axes, band)
        _draw_candidates(axes, band, shown)
        _draw_choice(axes, band, manifest)
    _draw_onset(axes, manifest)
    _write_words(figure, manifest, shown)
    return figure


def _bands(manifest: Manifest) -> list[_Band]:
    content = manifest.content
    slots = [(sensor, phase) for sensor in imagery_sensors(manifest) for phase in content["phase_order"]]
    bands = []
    for base, (sensor, phase) in enumerate(reversed(slots)):
        day = date.fromisoformat(content["event"]["phase_dates"][phase])
        window_days = content["provenance"]["recipe"]["sensors"][sensor]["window_days"]
        window = None if window_days is None else TimeWindow.around(day, window_days)
        bands.append(_Band(base, phase, sensor, day, window, content["selected"][phase][sensor]))
    return bands[::-1]


def _frame(axes: Axes, manifest: Manifest, bands: list[_Band], shown: pa.Table) -> None:
    first, last = _span(manifest, bands, shown)
    axes.set(xlim=(_days(first), _days(last)), ylim=(0, max(len(bands), 1)))
    locator = AutoDateLocator(tz=UTC, minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    dates = DateFormatter("%Y-%m-%d", tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set(major_locator=locator, major_formatter=dates)
    axes.grid(visible=True, axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    ends = [(band.base + end, text) for band in bands for end, text in ((_FLOOR, "0 %"), (_CEILING, "100 %"))]
    axes.set_yticks([y for y, _ in ends], [text for _, text in ends], fontsize=7.5, color=GREY)
    axes.tick_params(axis="y", length=2, width=0.5, color=GREY, pad=2)
    axes.tick_params(axis="x", length=3, width=0.6, color=GREY, labelsize=8.5)


def _span(manifest: Manifest, bands: list[_Band], shown: pa.Table) -> tuple[datetime, datetime]:
    """Tell from when to when the picture reaches: windows, dates, onset and candidates, and a day around."""
    windows = [band.window for band in bands if band.window is not None]
    times = [time for window in windows for time in (window.start, window.end)]
    times += [_noon(date.fromisoformat(day)) for day in manifest.content["event"]["phase_dates"].values()]
    times += [time for time in pc.min_max(shown["datetime"]).as_py().values() if time is not None]
    times.append(_onset(manifest))
    return min(times) - timedelta(days=1), max(times) + timedelta(days=1)


def _draw_band(axes: Axes, band: _Band) -> None:
    axes.axhline(band.base, color=GREY, linewidth=0.5, zorder=1)
    start, end = axes.get_xlim()
    if band.window is not None:
        start, end = _days(band.window.start), _days(band.window.end)
    axes.fill_between(
        [start, end], band.base, band.base + 1, color=SENSOR_COLOURS[band.sensor], alpha=0.13, linewidth=0, zorder=0.5
    )
    noon = _days(_noon(band.day))
    axes.vlines(noon, band.base, band.base + 1, color=SENSOR_COLOURS[band.sensor], linewidth=1.4, zorder=1.5)
    words: Looks = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "va": "center", "ha": "left"}
    middle = (0, band.base + 0.5)
    axes.annotate(band.phase, middle, (-116, 7), fontsize=10, fontweight="bold", **words)
    axes.annotate(
        f"{band.sensor}, {band.day}", middle, (-116, -7), fontsize=8.5, color=SENSOR_COLOURS[band.sensor], **words
    )


def _draw_candidates(axes: Axes, band: _Band, shown: pa.Table) -> None:
    here = (pc.field("phase") == band.phase) & (pc.field("sensor") == str(band.sensor))
    rows = shown.filter(here & pc.field("datetime").is_valid())
    times = _days(rows["datetime"].to_numpy())
    heights = band.height(rows["overlap_frac"].to_numpy())
    verdicts = rows["verdict"].to_numpy()
    for order, (verdict, mark) in enumerate(reversed(list(_MARKS.items()))):
        found = verdicts == verdict
        if found.any():
            axes.scatter(times[found], heights[found], zorder=3 + order / 10, **mark)


def _draw_choice(axes: Axes, band: _Band, manifest: Manifest) -> None:
    middle = (1, band.base + 0.5)
    words: Looks = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 8.5,
    }
    if band.choice is None:
        reason = why_empty(manifest, band.phase, band.sensor, width=_REASON_WIDTH)
        axes.annotate(reason, middle, (8, 0), color=GREY, linespacing=1.3, **words)
        return
    axes.annotate("\n".join(scene_lines(band.choice)), middle, (8, 0), linespacing=1.35, **words)
    if band.choice["datetime"] is None:
        return
    taken = datetime.fromisoformat(band.choice["datetime"])
    place = (_days(taken), band.height(band.choice["aoi_overlap_frac"]))
    ring = axes.scatter(*place, zorder=5, **_RING)
    ring.set_gid(f"{band.phase}.{band.sensor}.{band.choice['id']}")
    axes.annotate(
        signed_days(band.choice["day_offset"]),
        place,
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


def _write_words(figure: Figure, manifest: Manifest, shown: pa.Table) -> None:
    write_caption(figure, manifest, note="height in a band: how much of the study area a candidate covers")
    write_legend(figure, _mark_legend(shown), bottom=0.38)
    write_legend(figure, _line_legend(), bottom=0.08)


def _mark_legend(shown: pa.Table) -> list[Any]:
    counts = {row["values"]: row["counts"] for row in pc.value_counts(shown["verdict"]).to_pylist()}
    known = [(verdict, counts[verdict]) for verdict in _MARKS if verdict in counts and verdict != SELECTED]
    axes = Figure().add_subplot()
    ring = axes.scatter([], [], label=f"selected ({counts.get(SELECTED, 0)}), with days from the phase's date", **_RING)
    rest = [axes.scatter([], [], label=f"{verdict.replace('_', ' ')} ({n})", **_MARKS[verdict]) for verdict, n in known]
    return [ring, *rest]


def _line_legend() -> list[Line2D | Patch]:
    return [
        Patch(facecolor=PALE, label="window"),
        Line2D([], [], color=GREY, linewidth=1.4, label="phase's date"),
        Line2D([], [], color=BLACK, linewidth=1.2, linestyle=(0, (5, 2)), label="onset"),
    ]


def _days(times: Any) -> Any:  # noqa: ANN401 - one time or an array of them, as matplotlib counts
    return date2num(times)  # type: ignore[no-untyped-call]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _onset(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.content["event"]["onset"])
