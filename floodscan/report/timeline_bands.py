"""The bands of a timeline: one strip for each slot, with its window, its date and its choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from matplotlib.dates import date2num
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import TimeWindow
from floodscan.report.drawing import GREY, PALE, SENSOR_COLOURS, imagery_sensors
from floodscan.report.wording import fold, scene_lines, why_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from floodscan.assessment.manifest import Manifest
    from floodscan.model import Sensor

    Json = dict[str, Any]
    Looks = dict[str, Any]

FLOOR, CEILING = 0.10, 0.64
"""Heights in a band, which is 1 high, of candidates that cover 0 % and 100 % of the area."""

_LETTERS, _REASON_LINES, _STEPS_LINES = 34, 5, 2


@dataclass(frozen=True, slots=True)
class Band:
    """The strip of one slot.

    Attributes:
        base: Its lower edge; the strip is 1 high.
        phase: Phase of the slot.
        sensor: Sensor of the slot.
        day: Date of the phase.
        window: Window that is searched first; None for all time.
        widest: Window with all steps of the ladder; None for all time.
        choice: The slot's choice in the manifest; None if the slot is empty.
    """

    base: int
    phase: str
    sensor: Sensor
    day: date
    window: TimeWindow | None
    widest: TimeWindow | None
    choice: Json | None

    def height(self, overlap_frac: Any) -> Any:  # noqa: ANN401 - one fraction or an array of them
        """Return the height of candidates that cover this share of the area."""
        return self.base + FLOOR + (CEILING - FLOOR) * overlap_frac


def list_bands(manifest: Manifest) -> list[Band]:
    """List the bands of an event from top to bottom: by sensor, then by phase."""
    content = manifest.content
    recipe = recipe_from_dict(content["provenance"]["recipe"], source=manifest.event_id)
    slots = [
        (sensor, phase) for sensor in imagery_sensors(manifest) for phase in content["phase_order"]
    ]
    bands = []
    for number, (sensor, phase) in enumerate(slots, 1):
        day = date.fromisoformat(content["event"]["phase_dates"][phase])
        rules = recipe.rules[sensor]
        window = _window(day, rules.asked.window_days)
        widest = _window(day, rules.widest_window_days)
        choice = content["selected"][phase][sensor]
        bands.append(Band(len(slots) - number, phase, sensor, day, window, widest, choice))
    return bands


def draw_band(axes: Axes, band: Band) -> None:
    """Draw the windows and the date of a slot, and its name on the left."""
    colour = SENSOR_COLOURS[band.sensor]
    axes.axhline(band.base, color=GREY, linewidth=0.5, zorder=1)
    start, end = axes.get_xlim() if band.window is None else _ends(band.window)
    axes.fill_between(
        [start, end], band.base, band.base + 1, color=colour, alpha=0.13, linewidth=0, zorder=0.5
    )
    if band.widest is not None and band.widest != band.window:
        start, end = _ends(band.widest)
        corner = (start, band.base + 0.02)
        axes.add_patch(Rectangle(corner, end - start, 0.96, **_outline(colour)))
    date_line = days(noon(band.day))
    axes.vlines(date_line, band.base, band.base + 1, color=colour, linewidth=1.4, zorder=1.5)
    _write_slot(axes, band)


def write_choice(axes: Axes, band: Band, manifest: Manifest) -> None:
    """Describe the choice of a slot on the right, or write why it is empty."""
    middle = (1, band.base + 0.5)
    looks: Looks = {**_beside(axes), "fontsize": 8, "linespacing": 1.25}
    if band.choice is None:
        reason = why_empty(manifest, band.phase, band.sensor)
        folded = fold(reason, width=_LETTERS, lines=_REASON_LINES)
        axes.annotate(folded, middle, (8, 0), color=GREY, **looks)
        return
    *facts, steps = scene_lines(manifest, band.choice)
    lines = [*facts, fold(steps, width=_LETTERS, lines=_STEPS_LINES)]
    axes.annotate("\n".join(lines).strip(), middle, (8, 0), **looks)


def band_legend(bands: Sequence[Band]) -> list[Line2D | Patch]:
    """Make the legend for ``draw_band``."""
    wider = any(band.widest != band.window for band in bands)
    return [
        Patch(facecolor=PALE, label="window"),
        *([Patch(label="widest window of the ladder", **_outline(GREY))] if wider else []),
        Line2D([], [], color=GREY, linewidth=1.4, label="phase's date"),
    ]


def days(times: Any) -> Any:  # noqa: ANN401 - one time or an array of them
    """Convert times to matplotlib's numbers, which are days."""
    return date2num(times)  # type: ignore[no-untyped-call]


def noon(day: date) -> datetime:
    """Return the middle of a UTC day."""
    return datetime.combine(day, time(12), UTC)


def _window(day: date, n_days: int | None) -> TimeWindow | None:
    return None if n_days is None else TimeWindow.around(day, n_days)


def _ends(window: TimeWindow) -> tuple[float, float]:
    return days(window.start), days(window.end)


def _write_slot(axes: Axes, band: Band) -> None:
    middle = (0, band.base + 0.5)
    looks = _beside(axes)
    axes.annotate(band.phase, middle, (-116, 7), fontsize=10, fontweight="bold", **looks)
    text, colour = f"{band.sensor}, {band.day}", SENSOR_COLOURS[band.sensor]
    axes.annotate(text, middle, (-116, -7), fontsize=8.5, color=colour, **looks)


def _beside(axes: Axes) -> Looks:
    """Place text beside a band, by its height in the picture's units and an offset in points."""
    return {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "ha": "left",
    }


def _outline(colour: str) -> Looks:
    return {"fill": False, "edgecolor": colour, "linewidth": 0.7, "linestyle": (0, (2, 2))}
