"""Areas of foreign lists: circles around points, and pieces of areas that are too large."""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyproj
import shapely

from floodscan.geometry.areas import area_km2, unroll
from floodscan.geometry.footprints import bbox_of, repair
from floodscan.inputs.notices import FieldError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapely.geometry.base import BaseGeometry

_EARTH: Final = pyproj.Geod(ellps="WGS84")
_CORNERS: Final = 64
_TURN: Final = 360.0
_HALF_TURN: Final = 180.0
_POLAR: Final = 90.0
_MOST_PIECES: Final = 10_000


def point_of(value: object) -> shapely.Point | None:
    """Return the point that a geometry of shapely, GeoJSON, WKT or WKB is; None for others.

    Raises:
        FieldError: It is a point without coordinates.
    """
    found: Any = value
    if isinstance(value, dict) and value.get("type") == "Point":
        try:
            found = shapely.Point(value["coordinates"])
        except (KeyError, TypeError, ValueError) as err:
            raise FieldError("geometry", f"is not a point: {quote(value)}") from err
    elif isinstance(value, str) and value.lstrip()[:5].upper() == "POINT":
        found = shapely.from_wkt(value, on_invalid="ignore")
    elif isinstance(value, bytes):
        found = shapely.from_wkb(value, on_invalid="ignore")
    if not isinstance(found, shapely.Point):
        return None
    if found.is_empty:
        raise FieldError("geometry", "is a point without coordinates")
    return found


def draw_circle(point: shapely.Point, radius_km: float | None, *, hint: str) -> BaseGeometry:
    """Draw the area around a point: a circle on the ellipsoid, of 64 corners.

    Args:
        point: Degrees of WGS 84.
        radius_km: Its radius; None is an error.
        hint: What a user without a radius can do.

    Raises:
        FieldError: There is no radius, or the point is not on the Earth.
    """
    x, y = point.x, point.y
    if not (abs(x) <= _TURN and abs(y) <= _POLAR):
        raise FieldError("geometry", f"point {x:g} {y:g} is not within ±180° and ±90°")
    if radius_km is None:
        raise FieldError("geometry", f"is a point, which has no area; {hint}")
    azimuths = np.linspace(0, _TURN, _CORNERS, endpoint=False)
    ones = np.ones(_CORNERS)
    lon, lat, _ = _EARTH.fwd(x * ones, y * ones, azimuths, radius_km * 1000 * ones)
    if abs(y) + radius_km / 111 >= _POLAR:
        raise FieldError("geometry", "a circle around it contains a pole")
    turns = np.round((lon - x) / _TURN)
    return shapely.Polygon(np.column_stack([lon - turns * _TURN, lat]))


def cut_area(area: BaseGeometry, max_km2: float) -> list[BaseGeometry]:
    """Cut an area into pieces of at most ``max_km2``.

    The bbox of a piece that is too large is cut in two, across its longer side, again and again.
    The same area gives the same pieces, from west to east and from south to north.

    Raises:
        FieldError: It would be more than 10,000 pieces.
    """
    if area_km2(area) <= max_km2:
        return [area]
    if area_km2(area) > max_km2 * _MOST_PIECES:
        raise FieldError("geometry", f"would be more than {_MOST_PIECES} pieces of {max_km2:g} km²")
    whole = unroll(area, bbox_of(area))
    return [repair(np.array([piece], dtype=object))[0] for piece in _halve(whole, max_km2)]


def _halve(area: BaseGeometry, max_km2: float) -> Iterator[BaseGeometry]:
    if area_km2(area) <= max_km2:
        yield area
        return
    west, south, east, north = area.bounds
    if (east - west) * cos(radians((south + north) / 2)) >= north - south:
        middle = (west + east) / 2
        halves = [(west, south, middle, north), (middle, south, east, north)]
    else:
        middle = (south + north) / 2
        halves = [(west, south, east, middle), (west, middle, east, north)]
    for half in halves:
        piece = _polygons(shapely.intersection(area, shapely.box(*half)))
        if not piece.is_empty:
            yield from _halve(piece, max_km2)


def _polygons(area: BaseGeometry) -> BaseGeometry:
    """Leave lines and points out, at which a cut may touch an area."""
    parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
