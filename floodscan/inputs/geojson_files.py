"""Reader of GeoJSON files: a collection, a feature or a bare geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import shapely

from floodscan.geometry.footprints import parse_polygon
from floodscan.inputs.columns import GEOMETRY, Table, fold, is_known
from floodscan.inputs.coordinates import find_crs, is_wgs84, to_wgs84
from floodscan.inputs.notices import FieldError, Notes, file_error
from floodscan.inputs.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from floodscan.inputs.columns import Keep

_GEOMETRIES: Final = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)


def read_geojson(path: Path, _: Notes, __: Keep = is_known) -> Table:
    """Read a GeoJSON file. One in another system than WGS 84 is converted.

    Raises:
        EventError: It is JSON of another kind.
        OSError: The file can't be read.
        ValueError: It is not JSON.
    """
    raw = orjson.loads(read_text(path))
    features = _list_features(raw, path)
    crs = _find_crs(raw, path)
    rows = [(f"feature {n}", _read_feature(each, crs)) for n, each in enumerate(features, 1)]
    records = [record for _, record in rows if not isinstance(record, FieldError)]
    names = dict.fromkeys(name for record in records for name in record)
    return Table(list(names) if records else None, rows)


def _list_features(raw: object, path: Path) -> list[Any]:
    kind = raw.get("type") if isinstance(raw, dict) else None
    if isinstance(raw, dict) and isinstance(features := raw.get("features"), list):
        return features
    if kind == "Feature":
        return [raw]
    if kind in _GEOMETRIES:
        return [{"type": "Feature", "properties": None, "geometry": raw}]
    raise file_error(path, "must be a FeatureCollection, a Feature or a geometry", "type")


def _find_crs(raw: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 - pyproj has no types
    """Read the member ``crs``, which GeoJSON had before RFC 7946."""
    named = raw.get("crs")
    properties = named.get("properties") if isinstance(named, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    crs = find_crs(name, path) if name else None
    return None if crs is None or is_wgs84(crs) else crs


def _read_feature(feature: object, crs: Any) -> Mapping[str, Any] | FieldError:  # noqa: ANN401
    if not isinstance(feature, dict):
        return FieldError("", "must be an object, a Feature")
    properties = feature.get("properties")
    if not isinstance(properties, dict | None):
        return FieldError("properties", "must be an object")
    geometry = feature.get("geometry")
    if crs is not None and isinstance(geometry, dict):
        geometry = to_wgs84(np.array([_parse(geometry)], dtype=object), crs)[0]
    others = {name: value for name, value in (properties or {}).items() if fold(name) != GEOMETRY}
    return {**others, GEOMETRY: geometry}


def _parse(geometry: Mapping[str, Any]) -> BaseGeometry | None:
    text = orjson.dumps(geometry)
    if geometry.get("type") == "Point":
        return shapely.from_geojson(text, on_invalid="ignore")
    return parse_polygon(text)
