"""A picture of an event's choices on the map: a panel for each phase and sensor, one for the DEM, one to find it."""

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
    fold,
    halo,
    house_style,
    imagery_sensors,
    percent,
    save,
    scene_lines,
    why_empty,
    write_caption,
    write_legend,
)
from floodscan.report.views import DASHES, View

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_PANEL_WIDTH = 2.12
"""Lengths of the sheet are inches."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 0.95, 0.15, 0.78, 0.75
_COLUMN_GAP, _ROW_GAP, _ASIDE_GAP = 0.16, 0.52, 0.3
_N_ASIDE = 2  # the DEM and the surroundings

_LEAST_MARGIN_DEGREES, _MOST_MARGIN_DEGREES = 0.5, 3.0
_SURROUNDINGS_DEGREES = 9.0
_LETTERS, _REASON_LINES, _STEPS_LINES = 30, 8, 2


def draw_map(manifest: Manifest, path: Path) -> None:
    """Draw the study area and the chosen footprints of an event over coasts and borders.

    Args:
        manifest: Of the event.
        path: File to write, ``.png`` or ``.svg``; the same manifest gives the same bytes.
    """
    with house_style():
        save(_compose(_Ground.of(manifest)), path)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the panels are drawn from."""

    manifest: Manifest
    view: View
    area: BaseGeometry
    footprints: dict[str, BaseGeometry]
    tiles: list[BaseGeometry]

    @classmethod
    def of(cls, manifest: Manifest) -> _Ground:
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
    """Where the panels are: rows of sensors × columns of phases, and a block aside."""

    n_sensors: int
    n_phases: int
    panel_height: float

    @property
    def n_rows(self) -> int:
        return max(self.n_sensors, 1)

    @property
    def aside(self) -> float:
        """Left edge of the block aside."""
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


def _compose(ground: _Ground) -> Figure:
    phases, sensors = ground.manifest.content["phase_order"], imagery_sensors(ground.manifest)
    sheet = _Sheet(len(sensors), len(phases), _PANEL_WIDTH / ground.view.proportion)
    figure = Figure(figsize=sheet.size)
    for row, sensor in enumerate(sensors):
        for column, phase in enumerate(phases):
            axes = sheet.add_slot(figure, row, column)
            _draw_slot(axes, ground, phase, sensor)
            axes.tick_params(labelleft=column == 0, labelbottom=row == len(sensors) - 1)
            if row == 0:
                _write_phase(axes, phase, ground.manifest.content["event"]["phase_dates"][phase])
            if column == 0:
                _write_sensor(axes, sensor, ground.manifest.content["collections"][sensor])
    _draw_dem(sheet.add_aside(figure, 0), ground)
    _draw_surroundings(sheet.add_aside(figure, 1), ground)
    write_caption(figure, ground.manifest, note="Coasts and borders: Natural Earth")
    write_legend(figure, _legend(ground), bottom=0.08)
    return figure


def _draw_slot(axes: Axes, ground: _Ground, phase: str, sensor: Sensor) -> None:
    choice = ground.manifest.content["selected"][phase][sensor]
    _draw_ground(axes, ground)
    if choice is None:
        _write_reason(axes, ground, phase, sensor)
        return
    for scene in choice["items"]:
        _draw_footprint(axes, ground, scene, sensor, gid=f"{phase}.{sensor}.{scene['id']}")
    when, fit, name, steps = scene_lines(ground.manifest, choice)
    _write_title(axes, f"{when}\n{fit}")
    words = f"{name}\n{fold(steps, width=_LETTERS, lines=_STEPS_LINES)}".strip()
    axes.text(
        0.03, 0.03, words, transform=axes.transAxes, fontsize=7.5, path_effects=halo(), zorder=9
    )


def _draw_dem(axes: Axes, ground: _Ground) -> None:
    _draw_ground(axes, ground)
    axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
    tiles = ground.manifest.content["dem_items"]
    for tile in tiles:
        _draw_footprint(axes, ground, tile, Sensor.DEM, gid=f"DEM.{tile['id']}")
    if tiles:
        covered = min(sum(tile["aoi_overlap_frac"] for tile in tiles), 1.0)
        _write_title(axes, f"DEM: {len(tiles)} tiles\n{percent(round(covered, 6))} of area")
    elif Sensor.DEM in ground.manifest.content["collections"]:
        _write_title(axes, "DEM", colour=GREY)
        _write_reason(axes, ground, None, Sensor.DEM)
    else:
        _write_title(axes, "DEM: not asked for", colour=GREY)


def _draw_surroundings(axes: Axes, ground: _Ground) -> None:
    view = ground.view.widen(_SURROUNDINGS_DEGREES)
    view.frame(axes, ticks=3)
    axes.tick_params(left=False, labelleft=False)
    view.draw_borders(axes, width=0.5)
    view.draw_shape(
        axes, ground.area, facecolor=VERMILION, edgecolor=VERMILION, linewidth=2, zorder=5
    )
    west, south, east, north = ground.view.bounds
    axes.plot(
        [west, east, east, west, west],
        [south, south, north, north, south],
        color=BLACK,
        linewidth=0.7,
        zorder=6,
    )
    _write_title(axes, "Where it is")


def _draw_ground(axes: Axes, ground: _Ground) -> None:
    ground.view.frame(axes, ticks=4)
    ground.view.draw_borders(axes)
    for tile in ground.tiles:
        ground.view.draw_shape(axes, tile, fill=False, edgecolor=GREY, linewidth=0.4, zorder=5)
    ground.view.draw_shape(
        axes, ground.area, fill=False, edgecolor="white", linewidth=3.4, zorder=6
    )
    ground.view.draw_shape(
        axes, ground.area, fill=False, edgecolor=VERMILION, linewidth=1.8, zorder=7
    )


def _draw_footprint(axes: Axes, ground: _Ground, scene: Json, sensor: Sensor, *, gid: str) -> None:
    colour = SENSOR_COLOURS[sensor]
    shape = ground.footprints[scene["id"]]
    ground.view.draw_shape(
        axes, shape, facecolor=colour, edgecolor="none", alpha=0.22, zorder=2, gid=gid
    )
    ground.view.draw_shape(axes, shape, fill=False, edgecolor=colour, linewidth=1.2, zorder=4)


def _write_title(axes: Axes, text: str, *, colour: str = BLACK) -> None:
    axes.set_title(text, loc="left", fontsize=8.5, color=colour, pad=4, linespacing=1.25)


def _write_reason(axes: Axes, ground: _Ground, phase: str | None, sensor: Sensor) -> None:
    reason = fold(why_empty(ground.manifest, phase, sensor), width=_LETTERS, lines=_REASON_LINES)
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


def _legend(ground: _Ground) -> list[Line2D | Patch]:
    sensors = map(Sensor, ground.manifest.content["collections"])
    tiles = [Line2D([], [], color=GREY, linewidth=0.6, label="tiles")] if ground.tiles else []
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
