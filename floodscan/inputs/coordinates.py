"""Coordinate systems of event files: all areas become WGS 84, longitude first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely

from floodscan.geometry.projections import WGS84, open_transformer
from floodscan.inputs.notices import file_error

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.geometry.footprints import Geometries

NO_CRS = "WGS 84 is assumed, because no coordinate system is named"


def find_crs(spelled: Any, path: Path) -> pyproj.CRS | None:  # noqa: ANN401 - as pyproj takes it
    """Read a coordinate system; None if the file says that it knows none.

    Raises:
        EventError: It is unknown, or has no relation to degrees on the Earth.
    """
    try:
        crs = pyproj.CRS.from_user_input(spelled)
        if crs.name.startswith(("Undefined", "unknown")) and crs.is_engineering:
            return None
        open_transformer(crs.to_wkt(), WGS84)
    except (pyproj.exceptions.ProjError, TypeError, ValueError) as err:
        raise file_error(path, "has a coordinate system that can't be converted", "crs") from err
    return crs


def is_wgs84(crs: pyproj.CRS) -> bool:
    """Return whether coordinates are degrees of WGS 84; the order of the axes does not matter."""
    return bool(crs.equals(pyproj.CRS(WGS84), ignore_axis_order=True))


def to_wgs84(geometries: Geometries, crs: pyproj.CRS | None) -> Geometries:
    """Convert geometries, shape (n,), to degrees; None of a system is WGS 84."""
    if crs is None or is_wgs84(crs):
        return geometries
    transformer = open_transformer(crs.to_wkt(), WGS84)
    converted: Geometries = shapely.transform(
        geometries, lambda points: np.column_stack(transformer.transform(*points.T))
    )
    return converted
