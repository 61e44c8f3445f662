"""The metadata of a stac-geoparquet file: its geometries, its collection and its catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GEOPARQUET_VERSION = "1.1.0"
_STAC_GEOPARQUET_VERSION = "1.1.0"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def describe_items(
    collection: Mapping[str, Any],
    bbox: Sequence[float] | None,
    *,
    catalog: Mapping[str, str],
    geometry_types: Sequence[str] = ("Polygon",),
) -> dict[str, str]:
    """Return the metadata of a file with the items of one collection.

    Args:
        collection: The STAC collection.
        bbox: West, south, east and north of all items; None if they are not known.
        catalog: Id and title of the catalog.
        geometry_types: Types of all geometries, as in GeoJSON; empty if they are not known.
    """
    geometry = {
        "encoding": "WKB",
        "geometry_types": list(geometry_types),
        **({} if bbox is None else {"bbox": list(bbox)}),
        "covering": {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}},
    }
    geo = {
        "version": _GEOPARQUET_VERSION,
        "primary_column": "geometry",
        "columns": {"geometry": geometry},
    }
    stac = {"version": _STAC_GEOPARQUET_VERSION, "collections": {collection["id"]: collection}}
    return {
        "geo": json.dumps(geo),
        "stac-geoparquet": json.dumps(stac),
        "floodscan:catalog": json.dumps(catalog),
    }
