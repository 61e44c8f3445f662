"""Candidates as GeoParquet, for geopandas, DuckDB and QGIS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

if TYPE_CHECKING:
    from floodscan.geometry.footprints import Geometries

    Json = dict[str, Any]

COVERING = pa.struct([(corner, pa.float64()) for corner in ("xmin", "ymin", "xmax", "ymax")])
"""The type of the bbox column."""


def to_geoparquet(candidates: pa.Table) -> pa.Table:
    """Add the bbox column and the metadata of GeoParquet 1.1 to a CANDIDATES table.

    Each scene is a candidate of several slots, so footprints are decoded once.

    Source: https://geoparquet.org/releases/v1.1.0/
    """
    footprints = candidates["geometry"].combine_chunks().dictionary_encode()
    geometries = shapely.from_wkb(footprints.dictionary.to_numpy(zero_copy_only=False))
    bounds = shapely.bounds(geometries)[footprints.indices.to_numpy()]
    empty = np.isnan(bounds).any(axis=1)
    corners = [pa.array(column) for column in bounds.T]
    covering = pa.StructArray.from_arrays(corners, fields=list(COVERING), mask=pa.array(empty))
    column: Json = {
        "encoding": "WKB",
        "geometry_types": _name_types(geometries),
        "covering": {"bbox": {corner.name: ["bbox", corner.name] for corner in COVERING}},
    }
    if not empty.all():
        column["bbox"] = [float(v) for v in shapely.total_bounds(geometries)]
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return candidates.append_column("bbox", covering).replace_schema_metadata(
        {"geo": orjson.dumps(geo)}
    )


def _name_types(geometries: Geometries) -> list[str]:
    """Name the types of geometries, each once."""
    _, firsts = np.unique(shapely.get_type_id(geometries), return_index=True)
    return sorted(geometry.geom_type for geometry in geometries[firsts])
