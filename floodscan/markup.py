"""Small HTML for notebooks: all text is escaped, and nothing is loaded from elsewhere.

Text of catalogs and lists is untrusted: it may look like a tag. Colours are those of the page, so
that light and dark notebooks show them, but for marks, whose colours suit all kinds of vision.
"""

from __future__ import annotations

from html import escape
from math import cos, radians
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from floodscan.errors import clean
from floodscan.geometry.areas import unroll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

BLUE, GREEN, ORANGE, VERMILION = "#0072B2", "#009E73", "#E69F00", "#D55E00"
"""Of the palette of Okabe and Ito, https://jfly.uni-koeln.de/color/."""

_LONGEST, _SHORT = 300, 40  # letters
_CELL: Final = "text-align:left;vertical-align:top;padding:1px 8px 1px 0"
_EDGE: Final = 4.0  # pixels


def text(value: object) -> str:
    """Write a value as text without any effect; a long one is cut, and None is a dash."""
    if value is None:
        return "\N{EN DASH}"
    shown = f"{value:.3f}" if isinstance(value, float) else clean(value)
    return escape(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}")


def block(title: str, *parts: str) -> str:
    """Put parts, which are HTML, below a title, which is text."""
    shown = "".join(f'<div style="margin:3px 0">{part}</div>' for part in parts if part)
    return f'<div class="floodscan"><div><b>{text(title)}</b></div>{shown}</div>'


def beside(*parts: str) -> str:
    """Put parts, which are HTML, side by side where the page is wide enough."""
    shown = "".join(f"<div>{part}</div>" for part in parts)
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{shown}</div>'


def facts(values: Mapping[str, object]) -> str:
    """Make a table of names and values; values that are None are left out."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{text(name)}</th><td style="{_CELL}">{text(value)}</td></tr>'
        for name, value in values.items()
        if value is not None
    )
    return f'<table style="margin:0">{rows}</table>'


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Make a table of texts and numbers, each row of shape (c,)."""
    names = "".join(f'<th style="{_CELL}">{text(name)}</th>' for name in header)
    lines = "".join(f"<tr>{''.join(map(_write_cell, row))}</tr>" for row in rows)
    return (
        f'<div style="overflow-x:auto"><table style="margin:0"><thead><tr>{names}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _write_cell(value: object) -> str:
    """Write a cell of a table; a short one stays on one line."""
    shown = text(value)
    wrap = "" if len(shown) > _SHORT else ";white-space:nowrap"
    return f'<td style="{_CELL}{wrap}">{shown}</td>'


def draw_outline(area: BaseGeometry, bbox: BBox, *, label: str, width: int = 180) -> str:
    """Draw the outline of an area as SVG.

    Args:
        area: Degrees of WGS 84; cut in two if it crosses the antimeridian.
        bbox: West, south, east, north of it; west > east crosses the antimeridian.
        label: What it is, for people who can't see it.
        width: Of the drawing, pixels.
    """
    west, south, east, north = bbox
    east += 360 * (west > east)
    scale = cos(radians((south + north) / 2))
    span = max((east - west) * scale, north - south)
    pixels = (width - 2 * _EDGE) / span

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        return np.column_stack([(x - west) * scale, north - y]) * pixels + _EDGE

    # half a pixel is too small to see, and keeps the drawing small
    drawn = shapely.simplify(shapely.transform(unroll(area, bbox), project), 0.5)
    height = (north - south) * pixels + 2 * _EDGE
    path = "".join(map(_draw_ring, shapely.get_rings(shapely.get_parts(drawn))))
    shape = f'<path d="{path}" fill="{BLUE}" fill-opacity=".25" stroke="{BLUE}"/>'
    return frame(shape, label=label, width=width, height=height)


def _draw_ring(ring: BaseGeometry) -> str:
    points = shapely.get_coordinates(ring).round(1)
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z"


def frame(shapes: str, *, label: str, width: float, height: float) -> str:
    """Make an SVG of shapes, which are SVG.

    Args:
        shapes: The shapes, in pixels.
        label: What it shows, for people who can't see it.
        width: Of the drawing, pixels.
        height: Of the drawing, pixels.
    """
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    style = 'style="max-width:100%" fill="currentColor" font-size="11"'
    return f'<svg {size} role="img" aria-label="{text(label)}" {style}>{shapes}</svg>'
