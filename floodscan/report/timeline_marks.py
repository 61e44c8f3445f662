"""The marks of a timeline: every candidate by its verdict, and a ring around each chosen one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
from matplotlib.figure import Figure

from floodscan.report.drawing import BLACK, BLUE, GREY, ORANGE, PURPLE, SKY, VERMILION, halo
from floodscan.report.timeline_bands import days
from floodscan.report.wording import signed_days
from floodscan.selection import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from matplotlib.axes import Axes

    from floodscan.report.timeline_bands import Band

    Json = dict[str, Any]
    Looks = dict[str, Any]

_LEGEND_LETTERS, _MARK_LETTERS = 180, 7  # of a line, and the space that a mark takes

_HOLLOW: Looks = {"s": 16, "facecolors": "white", "linewidths": 0.9}
_MARKS: Mapping[tuple[Verdict, ...], Looks] = {
    (Verdict.SELECTED, Verdict.ELIGIBLE): {"marker": "o", "s": 26, "color": BLUE, "linewidths": 0},
    (Verdict.TOO_CLOUDY, Verdict.OUTSIDE_WINDOW): {"marker": "o", "edgecolors": GREY, **_HOLLOW},
    (
        Verdict.OTHER_TRACK,
        Verdict.DECIDED_OTHERWISE,
        Verdict.OUT_OF_ORDER,
        Verdict.USED_IN_OTHER_PHASE,
        Verdict.REDUNDANT,
        Verdict.SUPERSEDED,
    ): {"marker": "D", "edgecolors": BLUE, **_HOLLOW},
    (Verdict.WRONG_SIDE_OF_ONSET,): {"marker": "_", "s": 30, "color": GREY, "linewidths": 1.2},
    (Verdict.MISSING_ASSETS,): {"marker": "v", "s": 34, "color": ORANGE, "linewidths": 0},
    (Verdict.MISSING_POLARIZATIONS,): {"marker": "s", "s": 24, "color": PURPLE, "linewidths": 0},
    (Verdict.NO_OVERLAP, Verdict.COVERS_TOO_LITTLE): {
        "marker": "x",
        "s": 20,
        "color": BLACK,
        "linewidths": 1,
    },
    (Verdict.INCOMPLETE_ANSWER, Verdict.NOT_COVERED): {
        "marker": "D",
        "s": 22,
        "color": SKY,
        "linewidths": 0,
    },
}
"""How candidates are drawn, by verdict; the first marks lie on top.

``no_time`` has no mark: a candidate without a time has no place in the picture.
"""

_BESIDE: Looks = {"textcoords": "offset points", "fontsize": 8, "color": BLACK, "zorder": 6}
_RING: Looks = {
    "marker": "o",
    "s": 110,
    "facecolors": "none",
    "edgecolors": VERMILION,
    "linewidths": 1.8,
}


def draw_marks(axes: Axes, band: Band, shown: pa.Table) -> None:
    """Draw the candidates of a slot.

    Args:
        axes: Where to draw.
        band: The slot's strip.
        shown: CANDIDATES of the event's study area.
    """
    rows = shown.filter(_is_drawn(band))
    times = days(rows["datetime"].to_numpy())
    heights = band.height(rows["overlap_frac"].to_numpy())
    verdicts = rows["verdict"].to_numpy()
    for order, (judged, mark) in enumerate(reversed([*_MARKS.items()])):
        found = np.isin(verdicts, judged)
        if found.any():
            axes.scatter(times[found], heights[found], zorder=3 + order / 10, **mark)
    chosen = rows.filter(pc.field("verdict") == Verdict.SELECTED).sort_by("rank").to_pylist()
    for row in chosen:
        _draw_ring(axes, band, row)
    for row in chosen[:1]:
        _write_days(axes, band, row)


def mark_unknown_ground(axes: Axes, band: Band, shown: pa.Table) -> None:
    """Put a question mark beside the admissible candidates of a slot of unknown clear ground."""
    admissible = pc.field("verdict").isin([Verdict.SELECTED, Verdict.ELIGIBLE])
    rows = shown.filter(_is_drawn(band) & admissible & pc.field("clear_points").is_null())
    heights = band.height(rows["overlap_frac"].to_numpy())
    for time, height in zip(days(rows["datetime"].to_numpy()), heights, strict=True):
        axes.annotate("?", (time, height), (6, 0), va="center", **_BESIDE)


def _is_drawn(band: Band) -> Any:  # noqa: ANN401 - an expression of pyarrow, which has no types
    here = (pc.field("phase") == band.phase) & (pc.field("sensor") == str(band.sensor))
    return here & pc.field("datetime").is_valid()


def _draw_ring(axes: Axes, band: Band, row: Json) -> None:
    """Put a ring around a chosen scene; the ids of an SVG name phase, sensor and scene."""
    height = band.height(row["overlap_frac"])
    ring = axes.scatter(days(row["datetime"]), height, zorder=5, **_RING)
    ring.set_gid(f"{band.phase}.{band.sensor}.{row['item_id']}")


def _write_days(axes: Axes, band: Band, row: Json) -> None:
    """Write the days from the phase's date above the place of the highest possible mark."""
    axes.annotate(
        signed_days(row["day_offset"]),
        (days(row["datetime"]), band.height(1)),
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


def mark_legend(shown: pa.Table) -> list[list[Any]]:
    """Make a legend of all marks that are drawn, with the number of candidates of each verdict.

    Args:
        shown: CANDIDATES of the event's study area.

    Returns:
        Handles for matplotlib, in as many lines as they need.
    """
    drawn = shown.filter(pc.field("datetime").is_valid())
    counts = Counter(drawn["verdict"].to_pylist())
    axes = Figure().add_subplot()  # a handle is made by drawing; this figure is never shown
    ring = f"selected ({counts.pop(Verdict.SELECTED, 0)}), labelled with days from the phase's date"
    handles = [axes.scatter([], [], label=ring, **_RING)]
    for judged, mark in _MARKS.items():
        counted = [verdict for verdict in judged if counts[verdict]]
        if counted:
            label = ", ".join(f"{name.replace('_', ' ')} ({counts[name]})" for name in counted)
            handles.append(axes.scatter([], [], label=label, **mark))
    if n_timeless := len(shown) - len(drawn):
        label = f"time unknown, not drawn ({n_timeless})"
        handles.append(axes.scatter([], [], label=label, marker="none"))
    return _in_lines(handles)


def _in_lines(handles: Sequence[Any]) -> list[list[Any]]:
    """Break a legend into lines by the length of its labels: matplotlib has columns only."""
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
