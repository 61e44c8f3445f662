"""The chosen scenes of an event as STAC items, for manifests.

They are made from the columns of candidates, so they are the same from every catalog. Therefore
their link to the collection is relative to the catalog, whose address a manifest does not know.

An extension is declared where the item has what its schema requires. That of ``sar`` requires an
instrument mode and a frequency band, which candidates do not have.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson
import shapely

from floodscan.geometry.footprints import bbox_of
from floodscan.model import Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    Json = dict[str, Any]

_EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "sat:": "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
}
_PROPERTIES = {
    "eo:cloud_cover": "cloud_cover",
    "sat:orbit_state": "orbit_state",
    "sat:relative_orbit": "relative_orbit",
    "platform": "platform",
    "s2:mgrs_tile": "mgrs_tile",
    "s2:processing_baseline": "processing_baseline",
    "sar:polarizations": "polarizations",
    "proj:epsg": "proj_epsg",
}
SCENE_COLUMNS = [
    *("processing_baseline", "polarizations", "proj_epsg", "proj_bbox", "proj_shapes"),
    *("assets", "geometry"),
]
"""Columns of CANDIDATES that items have and that candidates are not measured by."""

_TYPES = {
    ".tif": {"type": "image/tiff; application=geotiff"},
    ".tiff": {"type": "image/tiff; application=geotiff"},
    ".jp2": {"type": "image/jp2"},
}
_NOTHING: Json = {}
_SIGN = r'!"$-.0->@-Z\\^-~'  # printable ASCII without # / ? [ ]
_PLAIN_HREF = re.compile(rf"https://[/{_SIGN}]*/[{_SIGN}]+(?P<ending>\.[0-9A-Za-z]+)")
"""The https address of a file, as nearly all are; to take the others apart takes longer."""

_PHASES = [str(phase) for phase in Phase]
_ORBIT_STATES = ("ascending", "descending", "geostationary")
_ALL_TIME = {"start_datetime": "0001-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}


def list_items(rows: Iterable[Json]) -> list[Json]:
    """List the chosen scenes as STAC items, each once, in the order of the candidates.

    Args:
        rows: Rows of CANDIDATES of all targets.
    """
    slots: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        if row["selected"]:
            slots.setdefault((row["collection"], row["item_id"]), []).append(row)
    if not slots:
        return []
    places = _describe_places({rows[0]["geometry"] for rows in slots.values()})
    return [_make_item(rows, places[rows[0]["geometry"]]) for rows in slots.values()]


def _describe_places(footprints: Collection[bytes]) -> dict[bytes, Json]:
    """Describe where scenes lie, by footprint in WKB: scenes of one track often have the same."""
    areas = shapely.from_wkb(list(footprints))
    shapes = orjson.loads(f"[{','.join(shapely.to_geojson(areas).tolist())}]")
    return {
        footprint: {"geometry": shape, "bbox": list(bbox_of(area))}
        for footprint, shape, area in zip(footprints, shapes, areas, strict=True)
    }


def _make_item(rows: Sequence[Json], place: Json) -> Json:
    """Make the item of a scene from its rows in all slots that it fills."""
    row = rows[0]
    properties = _describe_scene(row)
    phases = {each["phase"] for each in rows}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": _list_extensions(tuple(properties)),
        "id": row["item_id"],
        "collection": row["collection"],
        **place,
        "properties": {
            **_describe_time(row["datetime"]),
            **properties,
            "floodscan:phases": [phase for phase in _PHASES if phase in phases],
        },
        "assets": _describe_assets(row),
        "links": [
            {
                "rel": "collection",
                "type": "application/json",
                "href": f"collections/{_quote(row['collection'])}",
            }
        ],
    }


@lru_cache(maxsize=64)
def _list_extensions(properties: tuple[str, ...]) -> list[str]:
    prefixes = {f"{name.partition(':')[0]}:" for name in properties}
    return [url for prefix, url in _EXTENSIONS.items() if prefix in prefixes]


@lru_cache(maxsize=64)
def _quote(collection: str) -> str:
    return quote(collection, safe="")


def _describe_time(time: datetime | None) -> Json:
    """STAC has no item without a time; an unknown one is any time."""
    return {"datetime": format_time(time), **({} if time is not None else _ALL_TIME)}


def _describe_scene(row: Json) -> Json:
    """Return the properties that are known, and that the schemas of STAC allow."""
    found = {name: row[column] for name, column in _PROPERTIES.items() if row[column] is not None}
    if not 0 <= found.get("eo:cloud_cover", 0) <= 100:  # noqa: PLR2004 - percent
        del found["eo:cloud_cover"]
    if found.get("sat:orbit_state", _ORBIT_STATES[0]) not in _ORBIT_STATES:
        del found["sat:orbit_state"]
    if found.get("sat:relative_orbit", 1) < 1:
        del found["sat:relative_orbit"]
    return found


def _describe_assets(row: Json) -> Json:
    grids = _describe_grids(row)
    return {
        key: {"href": href, **_name_type(href), "roles": ["data"], **grids.get(key, _NOTHING)}
        for key, href in row["assets"]
    }


def _describe_grids(row: Json) -> dict[str, Json]:
    """Describe the grid of each asset whose shape is known; most assets share one."""
    edges = row["proj_bbox"]
    if row["proj_epsg"] is None or edges is None or row["proj_shapes"] is None:
        return {}
    shapes = [(key, tuple(shape)) for key, shape in row["proj_shapes"]]
    grids = {shape: _describe_grid(edges, shape) for shape in {shape for _, shape in shapes}}
    return {key: grids[shape] for key, shape in shapes}


def _name_type(href: str) -> Json:
    """Name the media type that the ending of a file stands for."""
    plain = _PLAIN_HREF.fullmatch(href)
    return _TYPES.get(plain["ending"].lower() if plain else _find_ending(href), _NOTHING)


def _find_ending(href: str) -> str:
    """Return the ending of a file in lower case, wherever it lies; none is an empty text."""
    try:
        return PurePosixPath(urlsplit(href).path).suffix.lower()
    except ValueError:
        return ""


def _describe_grid(edges: Sequence[float], shape: Sequence[int]) -> Json:
    (west, south, east, north), (rows, columns) = edges, shape
    transform = [(east - west) / columns, 0.0, west, 0.0, (south - north) / rows, north]
    return {"proj:shape": [rows, columns], "proj:transform": transform}


def format_time(time: datetime | None) -> str | None:
    """Return a time as catalogs write it: in UTC with ``Z``, with 0, 3 or 6 decimals as needed."""
    if time is None:
        return None
    unit = (
        "microseconds"
        if time.microsecond % 1000
        else "milliseconds"
        if time.microsecond
        else "seconds"
    )
    return time.isoformat(timespec=unit).replace("+00:00", "Z")
