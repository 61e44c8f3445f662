"""A picture of coverage: how many slots see each place of an event, and how much each slot sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from floodscan.model import Sensor
from floodscan.planning.targets import AOI
from floodscan.report.drawing import (
    BLACK,
    GREY,
    PALE,
    SENSOR_COLOURS,
    house_style,
    imagery_sensors,
    save,
    write_caption,
)
from floodscan.report.views import View
from floodscan.report.wording import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.manifest import Manifest

    Slot = tuple[str | None, Sensor]

_WIDTH, _HEIGHT = 9.0, 4.3
"""Lengths of the picture are inches."""

_MAP, _SCALE, _BARS = (0.07, 0.13, 0.42, 0.74), (0.51, 0.13, 0.015, 0.74), (0.74, 0.13, 0.19, 0.74)
_CELLS = 400  # of the map, in each direction
_MARGIN = 0.12  # of the larger edge of the area
_LEAST_MARGIN_DEGREES = 0.02


def draw_coverage(manifest: Manifest, path: Path) -> None:
    """Draw how many slots cover each place of an event's area, and the share that each covers.

    Args:
        manifest: Manifest of the event.
        path: File to write, ``.png``, ``.svg`` or ``.pdf``; the same manifest gives the same bytes.
    """
    with house_style():
        save(_compose(manifest), path)


def _compose(manifest: Manifest) -> Figure:
    slots = list_slots(manifest)
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    _draw_counts(figure, manifest, slots)
    _draw_shares(figure.add_axes(_BARS), manifest, slots)
    write_caption(figure, manifest, note="Coasts and borders: Natural Earth")
    return figure


def list_slots(manifest: Manifest) -> list[Slot]:
    """List the slots of the area: by sensor, then by phase; the DEM last."""
    phases: list[str] = manifest.content["phase_order"]
    slots: list[Slot] = [(p, sensor) for sensor in imagery_sensors(manifest) for p in phases]
    has_dem = Sensor.DEM in manifest.content["collections"]
    return slots + ([(None, Sensor.DEM)] if has_dem else [])


def _draw_counts(figure: Figure, manifest: Manifest, slots: Sequence[Slot]) -> None:
    west, south, east, north = manifest.content["event"]["bbox"]
    margin = max(_MARGIN * max(north - south, (east - west) % 360), _LEAST_MARGIN_DEGREES)
    view = View.around((west, south, east, north), margin)
    area = shapely.geometry.shape(manifest.content["event"]["aoi"])
    axes = figure.add_axes(_MAP)
    view.frame(axes, ticks=4)
    axes.set_anchor("E")  # beside its scale
    colours = colormaps["cividis"].resampled(len(slots) + 1)
    edges = BoundaryNorm(np.arange(len(slots) + 2) - 0.5, colours.N)
    west, south, east, north = view.bounds
    image = axes.imshow(
        count_slots(manifest, slots, view),
        extent=(west, east, south, north),
        origin="lower",
        cmap=colours,
        norm=edges,
        interpolation="nearest",
        aspect=view.aspect,
    )
    view.draw_borders(axes, width=0.7)
    view.draw_shape(axes, area, fill=False, edgecolor=BLACK, linewidth=1.2, zorder=5)
    axes.set_title("slots whose scenes cover a place", loc="left", fontsize=9)
    scale = figure.colorbar(image, cax=figure.add_axes(_SCALE), ticks=range(len(slots) + 1))
    scale.ax.tick_params(length=2, labelsize=8, color=GREY)


def count_slots(manifest: Manifest, slots: Sequence[Slot], view: View) -> NDArray[np.float64]:
    """Count the slots whose scenes cover the centre of each cell of a window.

    Args:
        manifest: Manifest of the event.
        slots: The slots that count.
        view: The window.

    Returns:
        Shape (n, n), from south to north and from west to east; NaN outside of the area.
    """
    west, south, east, north = view.bounds
    lon = west + (np.arange(_CELLS) + 0.5) * (east - west) / _CELLS
    lat = south + (np.arange(_CELLS) + 0.5) * (north - south) / _CELLS
    x, y = np.meshgrid(lon, lat)
    area = shapely.geometry.shape(manifest.content["event"]["aoi"])
    inside = _covers(view.bring(area), x, y)
    counts = np.where(inside, 0.0, np.nan)
    for shape in _unite(manifest, slots).values():
        counts += _covers(view.bring(shape), x, y)
    return counts


def _covers(
    shape: BaseGeometry, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    shapely.prepare(shape)
    found: NDArray[np.bool_] = shapely.contains_xy(shape, x, y)
    return found


def _unite(manifest: Manifest, slots: Sequence[Slot]) -> dict[Slot, BaseGeometry]:
    """Return the ground of each slot: its footprints together."""
    footprints: Mapping[str, BaseGeometry] = {
        item["id"]: shapely.geometry.shape(item["geometry"]) for item in manifest.content["items"]
    }
    return {
        slot: shapely.union_all([footprints[name] for name in _scene_ids(manifest, slot)])
        for slot in slots
    }


def _scene_ids(manifest: Manifest, slot: Slot) -> list[str]:
    phase, sensor = slot
    if phase is None:
        return [item["id"] for item in manifest.content["dem_items"]]
    choice = manifest.content["selected"][phase][sensor]
    return [item["id"] for item in choice["items"]] if choice else []


def _draw_shares(axes: Axes, manifest: Manifest, slots: Sequence[Slot]) -> None:
    """Draw a bar for each slot, and one for all filled slots together."""
    bars = [(_name(slot), _share(manifest, slot), SENSOR_COLOURS[slot[1]]) for slot in slots]
    joint = manifest.content["coverage"]["filled_frac"].get(AOI)
    names, shares, colours = zip(*bars, ("all filled slots", joint or 0.0, GREY), strict=True)
    places = np.arange(len(names))[::-1]
    axes.barh(places, np.ones(len(names)), color=PALE, height=0.62)
    axes.barh(places, shares, color=colours, height=0.62)
    axes.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0 %", "50 %", "100 %"))
    axes.set_yticks(places, names, fontsize=8)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    axes.set_title("share of the area", loc="left", fontsize=9)
    for place, share in zip(places, shares, strict=True):
        axes.text(1.04, place, percent(share) if share else "none", fontsize=8, va="center")


def _name(slot: Slot) -> str:
    return " ".join(filter(None, slot))


def _share(manifest: Manifest, slot: Slot) -> float:
    phase, sensor = slot
    if phase is None:
        tiles = manifest.content["dem_items"]
        covered: float = sum(tile["aoi_overlap_frac"] for tile in tiles)
        return min(round(covered, 6), 1.0)
    choice = manifest.content["selected"][phase][sensor]
    return float(choice["coverage_frac"]) if choice else 0.0
