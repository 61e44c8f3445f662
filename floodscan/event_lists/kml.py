"""Polygons of KML, as the Global Flood Database writes them into a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import shapely

from floodscan.inputs.notices import FieldError, quote

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_CELL_LETTERS: Final = 32_000  # spreadsheets cut a cell at 32,767


def parse_kml(field: str, text: str) -> BaseGeometry:
    """Read a Polygon or a MultiGeometry of polygons, without repair.

    Raises:
        FieldError: It is something else, or ends before its last tag.
    """
    if "<!" in text:  # an entity may become gigabytes
        raise FieldError(field, f"is not KML: {quote(text)}")
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - without "<!" there are no entities
    except ET.ParseError as err:
        if text.lstrip().startswith("<") and len(text) >= _CELL_LETTERS:
            raise FieldError(
                field, f"is cut off after {len(text)} letters, as spreadsheets do with long cells"
            ) from err
        raise FieldError(field, f"is not KML: {quote(text)}") from err
    polygons = [_polygon(field, each) for each in root.iter() if _name(each) == "Polygon"]
    if not polygons:
        raise FieldError(field, f"has no polygon: {quote(text)}")
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _polygon(field: str, element: ET.Element) -> shapely.Polygon:
    rings: dict[str, list[list[tuple[float, float]]]] = {}
    for boundary in element:
        for found in boundary.iter():
            if _name(found) == "coordinates":
                rings.setdefault(_name(boundary), []).append(_points(field, found.text or ""))
    outer = rings.get("outerBoundaryIs", [])
    if len(outer) != 1:
        raise FieldError(field, "has a polygon without an outer boundary, or with several")
    try:
        return shapely.Polygon(outer[0], rings.get("innerBoundaryIs"))
    except (ValueError, shapely.GEOSException) as err:
        raise FieldError(field, "has a ring that is no ring") from err


def _points(field: str, text: str) -> list[tuple[float, float]]:
    try:
        points = [tuple(map(float, point.split(",")[:2])) for point in text.split()]
        return [(x, y) for x, y in points]
    except ValueError as err:
        raise FieldError(field, f"has coordinates that are no numbers: {quote(text)}") from err


def _name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
