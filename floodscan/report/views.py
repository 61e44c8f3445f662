"""A window on the Earth: its frame, coasts and borders, and shapes drawn in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from math import cos, radians
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from floodscan.report.drawing import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.geometry.footprints import BBox

    Bounds = tuple[float, float, float, float]

_LEAST_COSINE = 0.1
_FLATTEST, _TALLEST = 1.5, 0.8  # width by height, as drawn
_FINENESS = 500  # steps in half a panel, which has about 300 pixels
DASHES: dict[str, Any] = {"coast": "solid", "border": (0, (4, 2))}
"""How coasts and borders are drawn."""


@dataclass(frozen=True, slots=True)
class View:
    """A window in degrees of longitude and latitude.

    It is drawn so that one kilometre has the same length in both directions at its centre.

    Attributes:
        lon: Longitude of its centre.
        lat: Latitude of its centre.
        half_width: Degrees of longitude from the centre to either side.
        half_height: Degrees of latitude from the centre to top and bottom.
    """

    lon: float
    lat: float
    half_width: float
    half_height: float

    @classmethod
    def around(cls, bbox: BBox, margin_degrees: float) -> View:
        """Put a margin around a bbox, and widen a window that is too narrow or too flat.

        Args:
            bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
            margin_degrees: Margin on each side, in degrees of latitude.
        """
        west, south, east, north = bbox
        east += 360 if west > east else 0
        shrink = _cosine((south + north) / 2)
        height = (north - south) / 2 + margin_degrees
        width = (east - west) / 2 * shrink + margin_degrees
        width, height = max(width, height * _TALLEST), max(height, width / _FLATTEST)
        return cls((west + east) / 2, (south + north) / 2, width / shrink, height)

    @property
    def aspect(self) -> float:
        """Drawn length of a degree of latitude, divided by that of a degree of longitude."""
        return 1 / _cosine(self.lat)

    @property
    def proportion(self) -> float:
        """Width divided by height, as drawn."""
        return self.half_width / self.aspect / self.half_height

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north; a window across the antimeridian goes beyond ±180."""
        return (
            self.lon - self.half_width,
            self.lat - self.half_height,
            self.lon + self.half_width,
            self.lat + self.half_height,
        )

    def bring(self, shape: BaseGeometry) -> BaseGeometry:
        """Move a shape next to the window, and join its parts if the antimeridian cuts it."""
        moved = shapely.transform(shape, self.unwrap)
        parts = shapely.get_parts(moved)
        return shapely.union_all(parts) if len(parts) > 1 else moved

    def unwrap(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move points by whole turns, to at most 180° from the centre.

        Args:
            points: Longitude and latitude in degrees, shape (n, 2).
        """
        turns = np.floor((points[:, 0] - self.lon + 180) / 360)
        return np.column_stack([points[:, 0] - 360 * turns, points[:, 1]])

    def frame(self, axes: Axes, *, ticks: int) -> None:
        """Set limits, aspect and ticks."""
        west, south, east, north = self.bounds
        axes.set(xlim=(west, east), ylim=(south, north), aspect=self.aspect)
        axes.xaxis.set(
            major_locator=MaxNLocator(ticks, steps=[1, 2, 5, 10]),
            major_formatter=FuncFormatter(_longitude),
        )
        axes.yaxis.set(
            major_locator=MaxNLocator(ticks, steps=[1, 2, 5, 10]),
            major_formatter=FuncFormatter(_latitude),
        )
        axes.tick_params(length=2, width=0.5, color=GREY, labelcolor=GREY, labelsize=7)

    def widen(self, degrees: float) -> View:
        """Add a margin, in degrees of latitude, and keep the proportion."""
        half_height = self.half_height + degrees
        return replace(
            self,
            half_width=self.half_width * half_height / self.half_height,
            half_height=half_height,
        )

    def draw_borders(self, axes: Axes, *, width: float = 0.9) -> None:
        """Draw the coasts and borders in the window."""
        for kind, dashes in DASHES.items():
            lines = LineCollection(
                _borders_in(self)[kind],
                colors=GREY,
                linewidths=width,
                linestyles=[dashes],
                zorder=3,
            )
            axes.add_collection(lines, autolim=False)

    def draw_shape(self, axes: Axes, shape: BaseGeometry, **looks: Any) -> None:  # noqa: ANN401
        """Draw a polygon or a multipolygon.

        Args:
            axes: Where to draw.
            shape: Polygons in degrees.
            **looks: Properties of matplotlib's ``PathPatch``.
        """
        rings = shapely.get_rings(shapely.get_parts(self.bring(shape)))
        if len(rings):
            outlines = [Outline(shapely.get_coordinates(ring), closed=True) for ring in rings]
            axes.add_patch(PathPatch(Outline.make_compound_path(*outlines), **looks))


@lru_cache(maxsize=2)
def _borders_in(view: View) -> dict[str, list[NDArray[np.float64]]]:
    """Read the coasts and borders in a window, simplified to the detail that it can show."""
    west, south, east, north = view.bounds
    # a window across the antimeridian has a part on its other side, one turn away
    boxes = [(west + turn, south, east + turn, north) for turn in (-360, 0, 360)]
    inside = [box for box in boxes if box[0] <= 180 and box[2] >= -180]  # noqa: PLR2004 - degrees
    path = str(files("floodscan.data") / "borders.parquet")
    found = pd.concat([gpd.read_parquet(path, bbox=box) for box in inside])
    moved = shapely.transform(found.geometry.to_numpy(), view.unwrap)
    shown = shapely.simplify(
        shapely.clip_by_rect(moved, *view.bounds), view.half_height / _FINENESS
    )
    parts, rows = shapely.get_parts(shown, return_index=True)
    kinds = found["kind"].to_numpy()[rows]
    return {
        kind: [shapely.get_coordinates(line) for line in parts[kinds == kind]] for kind in DASHES
    }


def _cosine(lat: float) -> float:
    return max(cos(radians(lat)), _LEAST_COSINE)


def _longitude(value: float, _: object = None) -> str:
    lon = (value + 180) % 360 - 180
    return f"{abs(lon):g}°{_side(lon % 180, 'W' if lon < 0 else 'E')}"


def _latitude(value: float, _: object = None) -> str:
    return f"{abs(value):g}°{_side(value, 'S' if value < 0 else 'N')}"


def _side(value: float, letter: str) -> str:
    return letter if value else ""  # 0° and 180° have no side
