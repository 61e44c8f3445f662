"""Shared by all pictures: colours, a style, caption and legend, and reproducible files."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from matplotlib import style
from matplotlib.patheffects import withStroke
from PIL import Image

from floodscan.model import Sensor
from floodscan.report.screen import clean
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from floodscan.assessment.manifest import Manifest

# The palette of Okabe and Ito: people with any kind of colour vision can tell these apart.
# Source: https://jfly.uni-koeln.de/color/
BLACK, GREY, ORANGE, SKY, GREEN = "#000000", "#8a8a8a", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
PALE = "#e6e6e6"

SENSOR_COLOURS = {Sensor.S1RTC: BLUE, Sensor.S2L2A: GREEN, Sensor.DEM: ORANGE}
DPI = 150
_COLOURS = 256
_EDGE = 0.15  # inches

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "text.parse_math": False,  # a dollar sign in an id is no formula
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "svg.hashsalt": "floodscan",  # ids in SVG files are random otherwise
    "svg.fonttype": "none",  # text stays text, so that it can be searched
    "pdf.fonttype": 42,  # TrueType, which publishers accept
}
_LOCK = Lock()


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in one style, whatever the user's ``matplotlibrc`` says.

    Only one picture is drawn at a time, because matplotlib's style is global.
    """
    with _LOCK, style.context(["default", _STYLE]):
        yield


def halo(width: float = 2) -> list[withStroke]:
    """Put white around text, so that it is readable on any ground."""
    return [withStroke(linewidth=width, foreground="white")]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as ``.png``, ``.svg`` or ``.pdf``, whole or not at all.

    The file holds no date and no version, so the same figure gives the same bytes.
    """
    content = _RENDERERS[path.suffix](figure)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _render_png(figure: Figure) -> bytes:
    """Render with a palette of 256 colours, which takes a third of the bytes.

    No channel is off by more than a few of its 256 steps.
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


def _render_pdf(figure: Figure) -> bytes:
    drawn = BytesIO()
    figure.savefig(
        drawn, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None}
    )
    return drawn.getvalue()


_RENDERERS: Mapping[str, Callable[[Figure], bytes]] = {
    ".png": _render_png,
    ".svg": _render_svg,
    ".pdf": _render_pdf,
}


def write_caption(figure: Figure, manifest: Manifest, *, note: str) -> None:
    """Write the names of the event and the catalog at the top, and a note at the bottom."""
    width, height = figure.get_size_inches()
    left, right, top = _EDGE / width, 1 - _EDGE / width, 1 - _EDGE / height
    catalog = clean(f"catalog {manifest.content['provenance']['catalog']}")
    figure.text(left, top, manifest.event_id, fontsize=12, fontweight="bold", va="top")
    figure.text(right, top, catalog, fontsize=9, color=GREY, ha="right", va="top")
    figure.text(right, _EDGE / height, note, fontsize=8, color=GREY, ha="right", va="bottom")


def write_legend(figure: Figure, handles: Sequence[Artist], *, bottom: float) -> None:
    """Write one line of a legend, ``bottom`` inches above the lower edge."""
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
    """List the sensors that have one slot for each phase: all but the DEM."""
    return [Sensor(name) for name in manifest.content["collections"] if name != Sensor.DEM]
