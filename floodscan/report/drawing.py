"""What all pictures share: colours, a style, the words for a scene, and files whose bytes are always the same."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from matplotlib import style
from matplotlib.patheffects import withStroke
from PIL import Image

from floodscan.model import Sensor
from floodscan.planning.targets import AOI
from floodscan.report.objective import describe_steps, mean_cloud, scene_clouds
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart
BLACK, GREY, ORANGE, SKY, GREEN = "#000000", "#8a8a8a", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
PALE = "#e6e6e6"

SENSOR_COLOURS = {Sensor.S1RTC: BLUE, Sensor.S2L2A: GREEN, Sensor.DEM: ORANGE}
DPI = 150
_COLOURS = 256
_EDGE = 0.15  # inches

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "svg.hashsalt": "floodscan",
    "svg.fonttype": "none",  # text stays text, which can be searched
}
_LOCK = Lock()
_WORD = re.compile(r".+?(?: (?!\d)|$)")  # a count stays with what it counts
_PLATFORM = re.compile(r"(\d[A-Z])$")


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in one style, whatever a person's matplotlibrc says.

    One picture at a time, for a style is global.
    """
    with _LOCK, style.context(["default", _STYLE]):
        yield


def halo(width: float = 2) -> list[withStroke]:
    """Put white around text, so that it reads over anything."""
    return [withStroke(linewidth=width, foreground="white")]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as ``.png`` or ``.svg``, whole or not at all, without dates or versions in it."""
    content = _RENDERERS[path.suffix](figure)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _render_png(figure: Figure) -> bytes:
    """Render with a palette, which is a third of the size.

    No channel is off by more than a few of 256 steps.
    """
    drawn, packed = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    image = Image.open(drawn).convert("RGB")
    image.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        packed, "png", optimize=True
    )
    return packed.getvalue()


def _render_svg(figure: Figure) -> bytes:
    drawn = BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


_RENDERERS: Mapping[str, Callable[[Figure], bytes]] = {".png": _render_png, ".svg": _render_svg}


def write_caption(figure: Figure, manifest: Manifest, *, note: str) -> None:
    """Write which event and catalog a picture is of, and a note at its foot."""
    width, height = figure.get_size_inches()
    left, right, top = _EDGE / width, 1 - _EDGE / width, 1 - _EDGE / height
    catalog = f"catalog {manifest.content['provenance']['catalog']}"
    figure.text(left, top, manifest.event_id, fontsize=12, fontweight="bold", va="top")
    figure.text(right, top, catalog, fontsize=9, color=GREY, ha="right", va="top")
    figure.text(right, _EDGE / height, note, fontsize=8, color=GREY, ha="right", va="bottom")


def write_legend(figure: Figure, handles: Sequence[Artist], *, bottom: float) -> None:
    """Write one line of a legend, ``bottom`` inches above the foot."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(_EDGE / width, bottom / height),
        ncols=max(len(handles), 1),
        frameon=False,
        fontsize=8.5,
        handlelength=1.6,
        columnspacing=1.6,
        scatterpoints=1,
        borderaxespad=0,
        borderpad=0.2,
    )


def imagery_sensors(manifest: Manifest) -> list[Sensor]:
    """List the sensors that have a scene per phase."""
    return [Sensor(name) for name in manifest.content["collections"] if name != Sensor.DEM]


def scene_lines(manifest: Manifest, choice: Json) -> tuple[str, str, str, str]:
    """Tell of a choice when it was taken, how well it fits, which scenes it is, and which steps it needed.

    Args:
        manifest: Of the event.
        choice: One of its choices; a mosaic is named by its first scene.
    """
    cloud = mean_cloud([choice], scene_clouds(manifest))
    grade, more = choice.get("grade"), len(choice["items"]) - 1
    fit = [
        f"{percent(choice['coverage_frac'])} of area",
        "" if cloud is None else f"{cloud:.1f} % cloud",
        "" if grade is None else f"SAR grade {grade}",
    ]
    names = [
        _platform(choice),
        _place(choice),
        f"+{more} scene{'s' if more > 1 else ''}" if more else "",
    ]
    return (
        f"{_moment(choice['datetime'])}{signed_days(choice['day_offset'], before=', ')}",
        ", ".join(filter(None, fit)),
        ", ".join(filter(None, names)),
        describe_steps(choice["relaxed"]) if choice["relaxed"] else "",
    )


def percent(fraction: float) -> str:
    """Write a fraction in percent; what is not all of it never reads as 100."""
    return "100 %" if fraction == 1 else f"{min(100 * fraction, 99.9):.1f} %"


def signed_days(days: int | None, *, before: str = "") -> str:
    """Write days from a phase's date with their sign; nothing where they are unknown."""
    return (
        ""
        if days is None
        else f"{before}{days:{'+' if days else ''}d} d".replace("-", "\N{MINUS SIGN}")
    )


def why_empty(manifest: Manifest, phase: str | None, sensor: str) -> str:
    """Tell why no scene fills a slot of the AOI."""
    slot = (AOI, phase, sensor)
    reasons = [
        f["reason"] for f in manifest.failures if (f["target_id"], f["phase"], f["sensor"]) == slot
    ]
    return ": ".join(["no scene", *reasons])


def fold(text: str, *, width: int, lines: int) -> str:
    """Break a text into lines, words that are longer than one after ``_``, ``=`` or ``.``.

    Cut what is too much.
    """
    inside = re.compile(rf".{{0,{width - 1}}}[_=.](?!\d)|.{{1,{width}}}")
    folded = [""]
    for word in _WORD.findall(text):
        for part in [word] if len(word.rstrip()) <= width else inside.findall(word):
            if len(folded[-1] + part.rstrip()) > width:
                folded.append("")
            folded[-1] += part
    if len(folded) > lines:
        folded[lines - 1 :] = [f"{folded[lines - 1][: width - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"]
    return "\n".join(line.rstrip() for line in folded)


def _moment(text: str | None) -> str:
    return "time unknown" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _platform(choice: Json) -> str:
    """Shorten ``SENTINEL-1A`` to ``S1A``."""
    name = str(choice["platform"] or "")
    found = _PLATFORM.search(name.upper())
    return f"S{found[1]}" if found else name


def _place(choice: Json) -> str:
    if choice.get("mgrs_tile"):
        return f"tile {choice['mgrs_tile']}"
    if choice.get("relative_orbit") is None:
        return ""
    return " ".join(filter(None, (f"orbit {choice['relative_orbit']}", choice.get("orbit_state"))))
