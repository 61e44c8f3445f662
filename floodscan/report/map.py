"""A map of an event's choices: one panel for each slot, one for the DEM, and a locator map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from floodscan.geometry.footprints import bbox_polygon
from floodscan.model import Sensor
from floodscan.report.drawing import (
    BLACK,
    GREY,
    SENSOR_COLOURS,
    VERMILION,
    halo,
    house_style,
    imagery_sensors,
    save,
    write_caption,
    write_legend,
)
from floodscan.report.views import DASHES, View
from floodscan.report.wording import fold, percent, scene_lines, why_empty

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_PANEL_WIDTH = 2.12
"""Lengths of the picture are inches."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 0.95, 0.15, 0.78, 0.75
_COLUMN_GAP, _ROW_GAP, _ASIDE_GAP = 0.16, 0.52, 0.3
_N_ASIDE = 2  # the DEM and the locator map

_LEAST_MARGIN_DEGREES, _MOST_MARGIN_DEGREES = 0.5, 3.0
_SURROUNDINGS_DEGREES = 9.0
_REASON_LETTERS, _REASON_LINES = 30, 8
_STEPS_LETTERS, _STEPS_LINES = 32, 2


def draw_map(manifest: Manifest, path: Path) -> None:
    """Draw the study area and the chosen footprints of an event over coasts and borders.

    Args:
        manifest: Manifest of the event.
        path: File to write, ``.png``, ``.svg`` or ``.pdf``; the same manifest gives the same bytes.
    """
    with house_style():
        save(_compose(_MappedEvent.of(manifest)), path)


@dataclass(frozen=True, slots=True)
class _MappedEvent:
    """The content of the panels.

    Attributes:
        manifest: Manifest of the event.
        view: The window on the Earth.
        area: The study area.
        footprints: Footprint of each chosen scene, by item id.
        tiles: The tiles of the study area; empty if it is not cut.
    """

    manifest: Manifest
    view: View
    area: BaseGeometry
    footprints: dict[str, BaseGeometry]
    tiles: list[BaseGeometry]

    @classmethod
    def of(cls, manifest: Manifest) -> _MappedEvent:
        content = manifest.content
        west, south, east, north = content["event"]["bbox"]
        size = max(north - south, (east - west) % 360)
        margin = min(max(size * 0.8, _LEAST_MARGIN_DEGREES), _MOST_MARGIN_DEGREES)
        return cls(
            manifest=manifest,
            view=View.around((west, south, east, north), margin),
            area=_shape(content["event"]["aoi"]),
            footprints={item["id"]: _shape(item["geometry"]) for item in content["items"]},
            tiles=[bbox_polygon(*tile["bbox"]) for tile in content["tiles"]],
        )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The places of the panels: rows of sensors, columns of phases, and a block on the right."""

    n_sensors: int
    n_phases: int
    panel_height: float

    @property
    def n_rows(self) -> int:
        return max(self.n_sensors, 1)

    @property
    def aside(self) -> float:
        """Left edge of the block on the right."""
        columns = self.n_phases if self.n_sensors else 0
        return _LEFT + columns * (_PANEL_WIDTH + _COLUMN_GAP) + (_ASIDE_GAP if columns else 0)

    @property
    def size(self) -> tuple[float, float]:
        columns_aside = -(-_N_ASIDE // self.n_rows)
        width = self.aside + columns_aside * (_PANEL_WIDTH + _COLUMN_GAP) - _COLUMN_GAP + _RIGHT
        return width, _TOP + self.n_rows * (self.panel_height + _ROW_GAP) + _BOTTOM

    def add(self, figure: Figure, row: int, left: float) -> Axes:
        width, height = self.size
        bottom = height - _TOP - (row + 1) * (self.panel_height + _ROW_GAP)
        return figure.add_axes(
            (left / width, bottom / height, _PANEL_WIDTH / width, self.panel_height / height),
            facecolor="white",
        )

    def add_slot(self, figure: Figure, row: int, column: int) -> Axes:
        return self.add(figure, row, _LEFT + column * (_PANEL_WIDTH + _COLUMN_GAP))

    def add_aside(self, figure: Figure, number: int) -> Axes:
        column, row = divmod(number, self.n_rows)
        return self.add(figure, row, self.aside + column * (_PANEL_WIDTH + _COLUMN_GAP))


def _compose(event: _MappedEvent) -> Figure:
    phases, sensors = event.manifest.content["phase_order"], imagery_sensors(event.manifest)
    sheet = _Sheet(len(sensors), len(phases), _PANEL_WIDTH / event.view.proportion)
    figure = Figure(figsize=sheet.size)
    for row, sensor in enumerate(sensors):
        for column, phase in enumerate(phases):
            axes = sheet.add_slot(figure, row, column)
            _draw_slot(axes, event, phase, sensor)
            axes.tick_params(labelleft=column == 0, labelbottom=row == len(sensors) - 1)
            if row == 0:
                _write_phase(axes, phase, event.manifest.content["event"]["phase_dates"][phase])
            if column == 0:
                _write_sensor(axes, sensor, event.manifest.content["collections"][sensor])
    _draw_dem(sheet.add_aside(figure, 0), event)
    _draw_surroundings(sheet.add_aside(figure, 1), event)
    write_caption(figure, event.manifest, note="Coasts and borders: Natural Earth")
    write_legend(figure, _legend(event), bottom=0.08)
    return figure


def _draw_slot(axes: Axes, event: _MappedEvent, phase: str, sensor: Sensor) -> None:
    choice = event.manifest.content["selected"][phase][sensor]
    _draw_background(axes, event)
    if choice is None:
        _write_reason(axes, event, phase, sensor)
        return
    for scene in choice["items"]:
        _draw_footprint(axes, event, scene, sensor, gid=f"{phase}.{sensor}.{scene['id']}")
    when, fit, name, steps = scene_lines(event.manifest, choice)
    _write_title(axes, f"{when}\n{fit}")
    words = f"{name}\n{fold(steps, width=_STEPS_LETTERS, lines=_STEPS_LINES)}".strip()
    axes.text(
        0.03, 0.03, words, transform=axes.transAxes, fontsize=7.5, path_effects=halo(), zorder=9
    )


def _draw_dem(axes: Axes, event: _MappedEvent) -> None:
    _draw_background(axes, event)
    axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
    tiles = event.manifest.content["dem_items"]
    for tile in tiles:
        _draw_footprint(axes, event, tile, Sensor.DEM, gid=f"DEM.{tile['id']}")
    if tiles:
        covered = min(sum(tile["aoi_overlap_frac"] for tile in tiles), 1.0)
        _write_title(axes, f"DEM: {len(tiles)} tiles\n{percent(round(covered, 6))} of area")
    elif Sensor.DEM in event.manifest.content["collections"]:
        _write_title(axes, "DEM", colour=GREY)
        _write_reason(axes, event, None, Sensor.DEM)
    else:
        _write_title(axes, "DEM: not in the recipe", colour=GREY)


def _draw_surroundings(axes: Axes, event: _MappedEvent) -> None:
    view = event.view.widen(_SURROUNDINGS_DEGREES)
    view.frame(axes, ticks=3)
    axes.tick_params(left=False, labelleft=False)
    view.draw_borders(axes, width=0.5)
    view.draw_shape(
        axes, event.area, facecolor=VERMILION, edgecolor=VERMILION, linewidth=2, zorder=5
    )
    west, south, east, north = event.view.bounds
    axes.plot(
        [west, east, east, west, west],
        [south, south, north, north, south],
        color=BLACK,
        linewidth=0.7,
        zorder=6,
    )
    _write_title(axes, "Location")


def _draw_background(axes: Axes, event: _MappedEvent) -> None:
    event.view.frame(axes, ticks=4)
    event.view.draw_borders(axes)
    for tile in event.tiles:
        event.view.draw_shape(axes, tile, fill=False, edgecolor=GREY, linewidth=0.4, zorder=5)
    event.view.draw_shape(axes, event.area, fill=False, edgecolor="white", linewidth=3.4, zorder=6)
    event.view.draw_shape(
        axes, event.area, fill=False, edgecolor=VERMILION, linewidth=1.8, zorder=7
    )


def _draw_footprint(
    axes: Axes, event: _MappedEvent, scene: Json, sensor: Sensor, *, gid: str
) -> None:
    colour = SENSOR_COLOURS[sensor]
    shape = event.footprints[scene["id"]]
    event.view.draw_shape(
        axes, shape, facecolor=colour, edgecolor="none", alpha=0.22, zorder=2, gid=gid
    )
    event.view.draw_shape(axes, shape, fill=False, edgecolor=colour, linewidth=1.2, zorder=4)


def _write_title(axes: Axes, text: str, *, colour: str = BLACK) -> None:
    axes.set_title(text, loc="left", fontsize=8.5, color=colour, pad=4, linespacing=1.25)


def _write_reason(axes: Axes, event: _MappedEvent, phase: str | None, sensor: Sensor) -> None:
    reason = fold(
        why_empty(event.manifest, phase, sensor), width=_REASON_LETTERS, lines=_REASON_LINES
    )
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": GREY, "linewidth": 0.6}
    axes.text(
        0.5,
        0.95,
        reason,
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=8,
        bbox=box,
        zorder=9,
    )


def _write_phase(axes: Axes, phase: str, day: str) -> None:
    words: Json = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(phase, (0, 1), (0, 36), fontsize=11, fontweight="bold", **words)
    axes.annotate(day, (1, 1), (0, 36), fontsize=9, ha="right", color=GREY, **words)


def _write_sensor(axes: Axes, sensor: Sensor, collection: str) -> None:
    words: Json = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "ha": "center",
        "va": "center",
    }
    words |= {"rotation": "vertical", "color": SENSOR_COLOURS[sensor]}
    axes.annotate(sensor, (0, 0.5), (-54, 0), fontsize=11, fontweight="bold", **words)
    axes.annotate(collection, (0, 0.5), (-40, 0), fontsize=8, **words)


def _legend(event: _MappedEvent) -> list[Line2D | Patch]:
    sensors = map(Sensor, event.manifest.content["collections"])
    tiles = [Line2D([], [], color=GREY, linewidth=0.6, label="tiles")] if event.tiles else []
    return [
        Line2D([], [], color=VERMILION, linewidth=1.8, label="study area"),
        *(
            Patch(
                facecolor=f"{SENSOR_COLOURS[s]}38", edgecolor=SENSOR_COLOURS[s], label=f"chosen {s}"
            )
            for s in sensors
        ),
        *tiles,
        *(
            Line2D([], [], color=GREY, linewidth=0.9, linestyle=dashes, label=kind)
            for kind, dashes in DASHES.items()
        ),
    ]


def _shape(geometry: Json) -> BaseGeometry:
    return shapely.geometry.shape(geometry)
