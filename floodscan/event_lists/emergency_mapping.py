"""Activations of Copernicus EMS Rapid Mapping, as its public API and as MMFlood list them.

The API has the time of an event and the later time of its activation: in EMSR871, experts used a
pass 14 hours after the first and 10 hours before the second. So ``eventTime`` is the onset. Each
area of an activation becomes an event of its own.

Sources: https://rapidmapping.emergency.copernicus.eu/backend/dashboard-api,
https://github.com/edornd/mmflood
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import shapely

from floodscan.event_lists.json_files import members, read_json
from floodscan.event_lists.places import draw_circle, point_of
from floodscan.event_lists.rows import ListOptions, ListRow, text_of
from floodscan.event_lists.times import read_time
from floodscan.inputs.moments import is_missing
from floodscan.inputs.notices import FieldError, file_error, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from floodscan.inputs.notices import Notes

    Json = dict[str, Any]

SOURCE: Final = "Copernicus EMS Rapid Mapping"
_MMFLOOD: Final = "MMFlood"
_CIRCLES: Final = "--buffer-km draws a circle around it"


def read_activations(
    paths: Sequence[Path], options: ListOptions, notes: Notes
) -> Iterator[ListRow]:
    """Read answers of the API: lists of activations, with their areas or without."""
    for path in paths:
        raw = read_json(path)
        found = [raw] if isinstance(raw, dict) and "code" in raw else members(raw, "results")
        if not found:
            raise file_error(path, "has no activation in it", "results")
        total = raw.get("count") if isinstance(raw, dict) else None
        if isinstance(total, int) and total > len(found):
            notes.add(f"{path.name} is a page with {len(found)} of {total} activations")
        for number, activation in enumerate(found, 1):
            yield from _read_activation(path, number, activation, options, notes)


def _read_activation(
    path: Path, number: int, activation: object, options: ListOptions, notes: Notes
) -> Iterator[ListRow]:
    if not isinstance(activation, dict):
        yield ListRow(path, f"activation {number}", FieldError("", "must be an object"))
        return
    label = text_of(activation.get("code")) or f"activation {number}"
    try:
        about = _read_about(activation, label, notes)
        if "aois" not in activation:
            yield ListRow(path, label, _at_centroid(about, activation, options))
            return
    except FieldError as err:
        yield ListRow(path, label, err)
        return
    areas = members(activation, "aois")
    if not areas:
        yield ListRow(path, label, FieldError("aois", "has no areas yet"))
    for place, aoi in enumerate(areas, 1):
        row = f"{label}, area {place}"
        try:
            yield ListRow(path, row, _read_area(aoi, about, row, notes))
        except FieldError as err:
            yield ListRow(path, row, err)


def _read_about(activation: Json, label: str, notes: Notes) -> Json:
    """Read what all areas of an activation share."""
    _check_category(activation, label, notes)
    has_event = not is_missing(activation.get("eventTime"))
    field = "eventTime" if has_event else "activationTime"
    day, onset = read_time(field, activation.get(field))
    countries = [
        text_of(each.get("name") if isinstance(each, dict) else each)
        for each in members(activation, "countries")
    ]
    return {
        "event_id": text_of(activation.get("code")),
        "event_date": day,
        "onset": onset if has_event else None,
        "date_kind": None if has_event else "activation",
        "name": text_of(activation.get("name")),
        "country": ", ".join(filter(None, countries)) or None,
        "source": SOURCE,
    }


def _check_category(activation: Mapping[str, Any], label: str, notes: Notes) -> None:
    """Reject what is no flood; a storm may be one."""
    words = [text_of(activation.get(name)) or "" for name in ("category", "subCategory", "name")]
    if any("flood" in word.casefold() for word in words):
        return
    if words[0].casefold() != "storm":
        raise FieldError("category", f"is {quote(words[0])}, which is no flood")
    notes.add("storms are taken as floods", label)


def _at_centroid(about: Json, activation: Mapping[str, Any], options: ListOptions) -> Json:
    point = point_of(activation.get("centroid"))
    if point is None:
        raise FieldError("centroid", "is missing, and there are no areas")
    code = about["event_id"]
    hint = f"{_CIRCLES}, and floodscan events fetch {code} gets the areas"
    return {**about, "geometry": draw_circle(point, options.buffer_km, hint=hint)}


def _read_area(aoi: object, about: Json, row: str, notes: Notes) -> Json:
    if not isinstance(aoi, dict):
        raise FieldError("aois", "must be an object")
    number = aoi.get("number")
    if not isinstance(number, int) or isinstance(number, bool):
        raise FieldError("number", f"must be a whole number, but is {quote(number)}")
    names = [name for name in (about["name"], text_of(aoi.get("name"))) if name]
    return {
        **about,
        "event_id": about["event_id"] and f"{about['event_id']}_AOI{number:02}",
        "name": ": ".join(names) or None,
        "expert_scenes": _list_scenes(aoi, row, notes),
        "geometry": aoi.get("extent"),
    }


def _list_scenes(aoi: Json, row: str, notes: Notes) -> list[Json]:
    """List the scenes that experts used for an area, each once for a product, in order of time."""
    scenes: dict[tuple[Any, ...], Json] = {}
    for product in members(aoi, "products"):
        for found in members(product, "images"):
            image = found if isinstance(found, dict) else {}
            try:
                _, time = read_time("acquisitionTime", image.get("acquisitionTime"))
            except FieldError:
                notes.add("scenes of experts without a readable time are left out", row)
                continue
            scene = {
                "satellite": text_of(image.get("sensorName")),
                "sensor_type": text_of(image.get("sensorType")),
                "time": time,
                "product": text_of(product.get("type")),
            }
            scenes[tuple(scene.values())] = scene
    return sorted(scenes.values(), key=lambda scene: [str(scene["time"]), str(scene)])


def read_mmflood(paths: Sequence[Path], options: ListOptions, _: Notes) -> Iterator[ListRow]:
    """Read the activations of MMFlood: points, dated by the activation."""
    for path in paths:
        raw = read_json(path)
        if not isinstance(raw, dict):
            raise file_error(path, "must be an object of activations")
        for code, activation in raw.items():
            try:
                yield ListRow(path, code, _read_point(code, activation, options))
            except FieldError as err:
                yield ListRow(path, code, err)


def _read_point(code: str, activation: object, options: ListOptions) -> Json:
    if not isinstance(activation, dict):
        raise FieldError("", "must be an object")
    day, _ = read_time("start", activation.get("start"))
    lon, lat = activation.get("lon"), activation.get("lat")
    if not (isinstance(lon, int | float) and isinstance(lat, int | float)):
        raise FieldError("lon", "and lat must be numbers")
    point = shapely.Point(lon, lat)
    return {
        "event_id": code,
        "event_date": day,
        "date_kind": "activation",
        "name": text_of(activation.get("title")),
        "country": text_of(activation.get("country")),
        "source": _MMFLOOD,
        "geometry": draw_circle(point, options.buffer_km, hint=_CIRCLES),
    }
