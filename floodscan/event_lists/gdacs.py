"""Floods of GDACS, the Global Disaster Alert and Coordination System.

A flood has several episodes. Each has a file of the event, which is a point, and a file of
geometries, with the area that is affected. All files of a flood become one event.

Source: https://www.gdacs.org/gdacsapi/api/events/geteventdata
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import shapely

from floodscan.event_lists.json_files import members, read_json
from floodscan.event_lists.observatory import ASSUMED_ONSET_HOUR
from floodscan.event_lists.places import draw_circle, point_of
from floodscan.event_lists.rows import ListOptions, ListRow, text_of
from floodscan.event_lists.times import read_end, read_time
from floodscan.geometry.footprints import parse_polygon
from floodscan.inputs.areas import parse_area
from floodscan.inputs.notices import FieldError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from floodscan.inputs.notices import Notes

    Json = dict[str, Any]

_CLASSES: Final = ("Poly_Affected", "Poly_Global")
"""What a polygon shows: the area affected in an episode; or in all episodes so far."""


def read_gdacs(paths: Sequence[Path], options: ListOptions, notes: Notes) -> Iterator[ListRow]:
    """Read files of events and of geometries; the order of the files does not matter."""
    floods: dict[str, list[tuple[Path, Json]]] = {}
    for path in paths:
        for number, feature in enumerate(list_features(read_json(path)), 1):
            about = feature.get("properties") if isinstance(feature, dict) else None
            code = text_of(about.get("eventid")) if isinstance(about, dict) else None
            if code is None:
                missing = FieldError("eventid", "is missing")
                yield ListRow(path, f"feature {number}", missing)
            else:
                floods.setdefault(code, []).append((path, feature))
    for code, features in floods.items():
        path = min(path for path, _ in features)
        row = f"event {code}"
        try:
            found = _read_flood(code, [each for _, each in features], options, notes)
            yield ListRow(path, row, found)
        except FieldError as err:
            yield ListRow(path, row, err)


def list_features(raw: object) -> list[Any]:
    """List the features of a GeoJSON file."""
    return members(raw, "features") or [raw]


def _read_flood(code: str, features: list[Json], options: ListOptions, notes: Notes) -> Json:
    row, abouts = f"event {code}", [feature["properties"] for feature in features]
    kind = text_of(abouts[0].get("eventtype"))
    if kind != "FL":
        raise FieldError("eventtype", f"is {quote(kind or '')}, which is no flood")
    times = sorted(
        {read_time("fromdate", about.get("fromdate")) for about in abouts},
        key=lambda time: (time[0], str(time[1])),
    )
    day, onset = times[0]
    ends = [
        read_end("todate", about.get("todate"), None, began=day, notes=notes, row=row)
        for about in abouts
    ]
    return {
        "event_id": f"GDACS_FL_{code}",
        "event_date": day,
        "onset": onset,
        "assumed_onset_hour": None if onset else ASSUMED_ONSET_HOUR,
        "end": max((end for end in ends if end), default=None),
        "name": _first(abouts, "name"),
        "country": _first(abouts, "country"),
        "source": "GDACS",
        "geometry": _find_area(features, options, notes, row),
    }


def _first(abouts: list[Json], name: str) -> str | None:
    return min(filter(None, (text_of(about.get(name)) for about in abouts)), default=None)


def _find_area(features: list[Json], options: ListOptions, notes: Notes, row: str) -> BaseGeometry:
    """Join the affected areas of all episodes."""
    for kind in _CLASSES:
        parts = [
            parse_polygon(orjson.dumps(feature.get("geometry")))
            for feature in features
            if feature["properties"].get("Class") == kind
        ]
        if parts:
            valid = [
                parse_area("geometry", part, lambda fact, detail="": notes.add(fact, row, detail))[
                    0
                ]
                for part in parts
            ]
            joined: BaseGeometry = shapely.union_all(valid)
            return joined
    points = filter(None, (point_of(feature.get("geometry")) for feature in features))
    hint = "add the files of geometries, whose addresses are in url.geometry, or use --buffer-km"
    if (point := next(points, None)) is None:
        raise FieldError("geometry", "has neither an affected area nor a point")
    return draw_circle(point, options.buffer_km, hint=hint)
