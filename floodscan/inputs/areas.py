"""Areas of events: read from boxes and geometries, checked, repaired, and cut at 180°."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np
import orjson
import shapely
from shapely import GeometryType
from shapely.geometry.base import BaseGeometry

from floodscan.geometry.footprints import bbox_of, bbox_polygon, parse_polygon, repair
from floodscan.inputs.notices import FieldError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import BBox, Geometries

    class Note(Protocol):
        """Takes a fact about an area, and its details."""

        def __call__(self, fact: str, *, detail: str = "") -> None:
            """Note the fact."""


REPAIRED: Final = "invalid areas are repaired"
SPLIT: Final = "areas that cross 180° are split there"

_HALF_TURN = 180.0
_TURN = 360.0
_POLAR = 90.0
_FLAT = 2  # dimensions
_POLYGONS = ("Polygon", "MultiPolygon")
_OUTSIDE = "is not within ±180° longitude and ±90° latitude"
_WKT_TYPE = re.compile(r"\s*([A-Z]+)\s*(?:ZM?|M)?\s*(?:\(|EMPTY)", re.IGNORECASE)


def parse_bbox(value: object) -> tuple[BaseGeometry, BBox]:
    """Read a box: a list or a text of west, south, east and north.

    Raises:
        FieldError: It is no box on the Earth.
    """
    numbers = re.split(r"[\s,;]+", value.strip("[]() ")) if isinstance(value, str) else value
    try:
        west, south, east, north = map(float, numbers)  # type: ignore[call-overload]
    except (OverflowError, TypeError, ValueError) as err:
        raise FieldError(
            "bbox", f"must be four numbers, west, south, east, north, but is {quote(value)}"
        ) from err
    if not (_on_earth(west, south) and _on_earth(east, north)):
        raise FieldError("bbox", f"{[west, south, east, north]} {_OUTSIDE}")
    if south > north:
        raise FieldError("bbox", f"south {south} is above north {north}")
    if south == north or west == east:
        raise FieldError("bbox", "has no area")
    return bbox_polygon(west, south, east, north), (west, south, east, north)


class CheckedArea(NamedTuple):
    """An area that needed no change, in its canonical form.

    Attributes:
        area: A valid polygon or multipolygon.
        bbox: West, south, east, north in degrees.
    """

    area: BaseGeometry
    bbox: BBox


def check_areas(values: Sequence[object]) -> list[object]:
    """Check many areas at once, which takes a tenth of the time.

    Args:
        values: Of any type, shape (n,).

    Returns:
        A CheckedArea for each geometry that ``parse_area`` would only bring into its canonical
        form; the other values as they are, for ``parse_area``.
    """
    checked = list(values)
    places = [place for place, value in enumerate(values) if isinstance(value, BaseGeometry)]
    areas = np.array([values[place] for place in places], dtype=object)
    plain = _are_plain(areas)
    forms = shapely.normalize(areas[plain])
    boxes = shapely.bounds(forms).tolist()
    for place, form, box in zip(np.array(places)[plain].tolist(), forms, boxes, strict=True):
        checked[place] = CheckedArea(form, tuple(box))
    return checked


def _are_plain(areas: Geometries) -> NDArray[np.bool_]:
    """True for valid flat polygons, in one part or several, that lie on the map, shape (n,)."""
    kinds, n_parts = shapely.get_type_id(areas), shapely.get_num_geometries(areas)
    several = (kinds == GeometryType.MULTIPOLYGON) & (n_parts > 1)
    west, south, east, north = shapely.bounds(areas).T
    on_map = (west >= -_HALF_TURN) & (east <= _HALF_TURN) & (abs(south) <= _POLAR)
    on_map &= (abs(north) <= _POLAR) & (east - west <= _HALF_TURN)
    plain = ((kinds == GeometryType.POLYGON) | several) & on_map & (shapely.area(areas) > 0)
    plain &= shapely.get_coordinate_dimension(areas) == _FLAT
    plain[plain] = shapely.is_valid(areas[plain])
    found: NDArray[np.bool_] = plain
    return found


def parse_area(field: str, value: object, note: Note) -> tuple[BaseGeometry, BBox]:
    """Read a polygon or a multipolygon, and make it valid.

    Args:
        field: Name of the field, for messages.
        value: A shapely geometry, a GeoJSON geometry, WKT, WKB, or an area that is checked.
        note: Called with a fact and its details if the area is changed.

    Returns:
        The area in its canonical form, which is the same for each type of file, and its bbox.

    Raises:
        FieldError: It is no area on the Earth.
    """
    if isinstance(value, CheckedArea):
        return value
    area = shapely.force_2d(_read_geometry(field, value))
    if area.geom_type not in _POLYGONS:
        raise FieldError(field, f"must be a Polygon or MultiPolygon, but is a {area.geom_type}")
    if area.is_empty:
        raise FieldError(field, "has no area")
    _check_degrees(field, area)
    unrolled = _unroll(field, area)
    reason = "" if unrolled.is_valid else str(shapely.is_valid_reason(unrolled))
    crosses = _leaves_map(unrolled)
    whole = repair(np.array([unrolled], dtype=object))[0] if reason or crosses else unrolled
    if whole.area == 0:
        raise FieldError(field, f"has no area ({reason})" if reason else "has no area")
    if reason:
        note(REPAIRED, detail=reason)
    if crosses:
        note(SPLIT)
    found = _canonical(whole)
    return found, bbox_of(found)


def _read_geometry(field: str, value: object) -> BaseGeometry:
    if isinstance(value, BaseGeometry):
        return value
    if isinstance(value, bytes):
        return _read_wkb(field, value)
    if isinstance(value, str):
        return _read_wkt(field, value)
    if not isinstance(value, dict):
        raise FieldError(field, f"is not a geometry, but {quote(value)}")
    return _read_geojson(field, value)


def _read_wkb(field: str, value: bytes) -> BaseGeometry:
    geometry = shapely.from_wkb(value, on_invalid="ignore")
    if geometry is None:
        raise FieldError(field, "can't be read as WKB")
    return geometry


def _read_wkt(field: str, text: str) -> BaseGeometry:
    kind = _WKT_TYPE.match(text)
    if kind is None:
        raise FieldError(field, f"is not WKT, such as POLYGON ((6 49, 7 49, …)): {quote(text)}")
    if kind[1].casefold() not in map(str.casefold, _POLYGONS):
        raise FieldError(
            field, f"must be a Polygon or MultiPolygon, but is a {quote(kind[1])[1:-1]}"
        )
    geometry = shapely.from_wkt(text, on_invalid="ignore")
    if geometry is None:
        raise FieldError(field, f"can't be read as WKT: {quote(text)}")
    return geometry


def _read_geojson(field: str, geometry: Mapping[str, Any]) -> BaseGeometry:
    if (kind := geometry.get("type")) not in _POLYGONS:
        raise FieldError(field, f"must be a Polygon or MultiPolygon, but is a {quote(kind)[1:-1]}")
    found = parse_polygon(orjson.dumps(geometry))
    if found.is_empty and geometry.get("coordinates"):
        raise FieldError(field, "has no area, or coordinates that are no polygon")
    return found


def _check_degrees(field: str, area: BaseGeometry) -> None:
    points = shapely.get_coordinates(area)
    within = np.abs(points) <= (_TURN, _POLAR)  # NaN is not
    if not within.all() or (_leaves_map(area) and _is_wide(area)):
        raise FieldError(field, f"{_OUTSIDE}; is it WGS 84?")


def _unroll(field: str, area: BaseGeometry) -> BaseGeometry:
    """Let rings that jump between the edges of the map go on beyond 180°, as 177° to 181°."""
    if not _is_wide(area):
        return area
    parts = shapely.get_parts(area)
    west, _, east, _ = shapely.bounds(parts).T
    wide = east - west > _HALF_TURN
    parts[wide] = shapely.transform(parts[wide], _add_turn)
    west, _, east, _ = shapely.bounds(parts).T
    if (east - west > _HALF_TURN).any() or (east == west).any():
        raise FieldError(field, "is wider than half the Earth")
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def _add_turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points + np.where(points[:, :1] < 0, (_TURN, 0.0), (0.0, 0.0))


def _is_wide(area: BaseGeometry) -> bool:
    """Return whether a part is wider than half the Earth."""
    west, _, east, _ = shapely.bounds(shapely.get_parts(area)).T
    return bool((east - west > _HALF_TURN).any())


def _leaves_map(area: BaseGeometry) -> bool:
    west, _, east, _ = area.bounds
    return bool(west < -_HALF_TURN or east > _HALF_TURN)


def _canonical(area: BaseGeometry) -> BaseGeometry:
    """Return an area in the one form that all types of files lead to.

    Shapefiles turn rings round, and FlatGeobuf makes a multipolygon of each polygon.
    """
    parts = shapely.get_parts(area)
    form: BaseGeometry = shapely.normalize(parts[0] if len(parts) == 1 else area)
    return form


def _on_earth(longitude: float, latitude: float) -> bool:
    return abs(longitude) <= _HALF_TURN and abs(latitude) <= _POLAR


def utm_crs(bbox: BBox) -> str:
    """Return the UTM zone at the centre of a bbox."""
    west, south, east, north = bbox
    longitude = (west + (east - west) % 360 / 2 + 180) % 360
    hemisphere = 32600 if south + north >= 0 else 32700
    return f"EPSG:{hemisphere + int(longitude // 6) + 1}"
