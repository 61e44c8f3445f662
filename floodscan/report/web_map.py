"""Maps to pan and zoom in a notebook, with folium.

Its tooltips are HTML: all text in them is escaped, because ids of catalogs are untrusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import folium
import orjson
import shapely

from floodscan.assessment.labels import Status
from floodscan.assessment.manifest_files import read_manifest
from floodscan.errors import InputError
from floodscan.geometry.areas import unroll
from floodscan.markup import BLUE, GREEN, ORANGE, VERMILION, text
from floodscan.model import Sensor
from floodscan.report.event_ids import check_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from floodscan.assessment.manifest import Manifest
    from floodscan.store import RunFolder

    Json = dict[str, Any]

MOST_EVENTS: Final = 2_000
"""A browser draws more areas slowly."""

_STATUS_COLOURS: Final = {
    Status.COMPLETE: BLUE,
    Status.PARTIAL: ORANGE,
    Status.FAILED: VERMILION,
}
_SENSOR_COLOURS: Final = {Sensor.S1RTC: BLUE, Sensor.S2L2A: GREEN, Sensor.DEM: ORANGE}
_COLUMNS: Final = ["event_id", "status", "n_filled", "n_slots", "joint_frac", "reason", "reasons"]


def map_run(folder: RunFolder) -> folium.Map:
    """Draw the areas of all events that have a manifest, a layer for each status.

    Raises:
        InputError: The run has more than 2,000 events.
    """
    folder.check_events()
    if (n_events := len(folder.events.read(["event_id"]))) > MOST_EVENTS:
        message = f"has {n_events:,} events, and a map shows at most {MOST_EVENTS:,}"
        raise InputError(f"{folder.path}: {message}; name one of them")
    shapes: dict[Status, list[Json]] = {status: [] for status in _STATUS_COLOURS}
    boxes = []
    for row, event in _read_events(folder):
        shapes[Status(row["status"])].append(_draw_event(row, event))
        boxes.append(event["bbox"])
    drawn = _open_map(boxes)
    for status, found in shapes.items():
        _add_layer(drawn, f"{status}: {len(found)} of {n_events}", found, _STATUS_COLOURS[status])
    folium.LayerControl(collapsed=False).add_to(drawn)
    return drawn


def _read_events(folder: RunFolder) -> Iterator[tuple[Json, Json]]:
    """Yield row and facts of each event that has a manifest, a batch at a time."""
    for batch, table in folder.events.batches(_COLUMNS):
        rows = [
            row
            for row in table.to_pylist()
            if all(reason["target_id"] is not None for reason in row["reasons"])
        ]
        contents = folder.read_manifests(batch, [row["event_id"] for row in rows])
        for row, content in zip(rows, contents, strict=True):
            yield row, orjson.loads(content)["event"]


def _draw_event(row: Json, event: Json) -> Json:
    return _feature(
        event["aoi"],
        event["bbox"],
        {
            "event": row["event_id"],
            "status": row["status"],
            "slots": f"{row['n_filled']} of {row['n_slots']} filled",
            "joint coverage": row["joint_frac"],
            "reason": row["reason"],
        },
    )


def map_event(folder: RunFolder, event_id: str) -> folium.Map:
    """Draw the area of an event, and the footprints of its chosen scenes, a layer for each slot.

    Raises:
        InputError: There is no such event.
        ManifestError: The event has no manifest.
    """
    check_event(folder, event_id)
    manifest = read_manifest(folder.path, event_id)
    event = manifest.content["event"]
    drawn = _open_map([event["bbox"]])
    for name, sensor, items in _list_layers(manifest):
        shapes = [_draw_scene(item, event["bbox"]) for item in items if item["geometry"]]
        _add_layer(drawn, name, shapes, _SENSOR_COLOURS[sensor])
    area = _feature(event["aoi"], event["bbox"], {"event": event_id, "onset": event["onset"]})
    _add_layer(drawn, "area", [area], VERMILION)
    folium.LayerControl(collapsed=False).add_to(drawn)
    return drawn


def _list_layers(manifest: Manifest) -> Iterator[tuple[str, Sensor, list[Json]]]:
    for phase, slots in manifest.content["selected"].items():
        for sensor in slots:
            items = [item.to_dict() for item in manifest.items(sensor, phase)]
            yield f"{phase} {sensor}", Sensor(sensor), items
    if Sensor.DEM in manifest.content["collections"]:
        items = [item.to_dict() for item in manifest.items(Sensor.DEM)]
        yield str(Sensor.DEM), Sensor.DEM, items


def _draw_scene(item: Json, bbox: Sequence[float]) -> Json:
    facts = {
        "scene": item["id"],
        "time": item["properties"].get("datetime"),
        "platform": item["properties"].get("platform"),
    }
    return _feature(item["geometry"], bbox, facts)


def _feature(geometry: Json, bbox: Sequence[float], facts: Mapping[str, object]) -> Json:
    """Make a feature of GeoJSON whose one property is the HTML of its tooltip."""
    area = unroll(shapely.geometry.shape(geometry), bbox)
    lines = (f"{text(name)}: {text(value)}" for name, value in facts.items() if value is not None)
    return {
        "type": "Feature",
        "geometry": orjson.loads(shapely.to_geojson(area)),
        "properties": {"facts": "<br>".join(lines)},
    }


def _open_map(boxes: Sequence[Sequence[float]]) -> folium.Map:
    drawn = folium.Map(tiles="OpenStreetMap", control_scale=True)
    if boxes:
        wests, souths, easts, norths = zip(*boxes, strict=True)
        edges = [e + 360 * (w > e) for w, e in zip(wests, easts, strict=True)]
        drawn.fit_bounds([[min(souths), min(wests)], [max(norths), max(edges)]])
    return drawn


def _add_layer(drawn: folium.Map, name: str, shapes: Sequence[Json], colour: str) -> None:
    if not shapes:
        return
    layer = folium.FeatureGroup(name=name)
    folium.GeoJson(
        {"type": "FeatureCollection", "features": list(shapes)},
        style_function=lambda _: {"color": colour, "weight": 2, "fillOpacity": 0.1},
        tooltip=folium.GeoJsonTooltip(fields=["facts"], labels=False),
    ).add_to(layer)
    layer.add_to(drawn)
