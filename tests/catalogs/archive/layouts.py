"""The demo's archive in the forms that other tools write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from floodscan import Recipe
from floodscan.catalogs import open_catalog
from floodscan.model import Search
from floodscan.selection.pairing import find_unique
from floodscan.testing.build_demo import DEMO_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPTICAL, RADAR, DEM = "sentinel-2-l2a", "sentinel-1-rtc", "cop-dem-glo-30"
ASSETS = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
WORLD = (-180.0, -90.0, 180.0, 90.0)
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def demo_table(collection: str = OPTICAL) -> pa.Table:
    """Read a file of the demo."""
    return pq.read_table(DEMO_FOLDER / f"{collection}.parquet")


def find_all(address: str | Path, collection: str = OPTICAL) -> pa.Table:
    """Find all items of a collection, sorted."""
    search = Search(collection, WORLD, None, ASSETS[collection])
    items = open_catalog(str(address)).search(search).items
    return items.take(find_unique(items)).combine_chunks()


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:  # noqa: ANN401 - an array
    """Replace a column."""
    return table.set_column(table.schema.get_field_index(name), name, values)


def _cast(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: replaced(table, name, table[name].cast(kind, safe=False))


def _naive(table: pa.Table) -> pa.Table:
    return replaced(table, "datetime", table["datetime"].cast(pa.timestamp("us")))


def _as_text(table: pa.Table) -> pa.Table:
    times = [time.isoformat().replace("+00:00", "Z") for time in table["datetime"].to_pylist()]
    return replaced(table, "datetime", pa.array(times))


def _text_without_zone(table: pa.Table) -> pa.Table:
    times = [time.isoformat(" ")[:-6] for time in table["datetime"].to_pylist()]
    return replaced(table, "datetime", pa.array(times))


def _start_only(table: pa.Table) -> pa.Table:
    started = table.append_column("start_datetime", table["datetime"])
    return replaced(started, "datetime", pa.nulls(len(table), table["datetime"].type))


def _list_box(table: pa.Table, *, heights: bool = False) -> pa.Table:
    rows = [[box[corner] for corner in CORNERS] for box in table["bbox"].to_pylist()]
    if heights:
        rows = [[*row[:2], 0.0, *row[2:], 100.0] for row in rows]
    return replaced(table, "bbox", pa.array(rows))


def _short_box(table: pa.Table) -> pa.Table:
    kind = pa.struct([pa.field(corner, pa.float32()) for corner in CORNERS])
    return replaced(table, "bbox", table["bbox"].cast(kind))


def _no_box(table: pa.Table) -> pa.Table:
    return table.drop_columns(["bbox"])


def _some_boxes(table: pa.Table) -> pa.Table:
    rows = [None if n % 3 else box for n, box in enumerate(table["bbox"].to_pylist())]
    return replaced(table, "bbox", pa.array(rows, table.schema.field("bbox").type))


def _json_assets(table: pa.Table) -> pa.Table:
    return replaced(table, "assets", pa.array(map(json.dumps, table["assets"].to_pylist())))


def _map_assets(table: pa.Table) -> pa.Table:
    fields = [
        pa.field("href", pa.string()),
        pa.field("proj:bbox", pa.list_(pa.float64())),
        pa.field("proj:shape", pa.list_(pa.int64())),
        pa.field("proj:transform", pa.list_(pa.float64())),
    ]
    rows = [
        [(key, {f.name: asset.get(f.name) for f in fields}) for key, asset in row.items() if asset]
        for row in table["assets"].to_pylist()
    ]
    kind = pa.map_(pa.string(), pa.struct(fields))
    return replaced(table, "assets", pa.array(rows, kind))


def _native_geometry(table: pa.Table) -> pa.Table:
    polygons = shapely.from_wkb(table["geometry"].to_numpy())
    _, points, (rings, shells) = shapely.to_ragged_array(polygons)
    structs = pa.StructArray.from_arrays([points[:, 0], points[:, 1]], names=["x", "y"])
    ring_lists = pa.ListArray.from_arrays(pa.array(rings, pa.int32()), structs)
    nested = pa.ListArray.from_arrays(pa.array(shells, pa.int32()), ring_lists)
    return replaced(table, "geometry", nested)


def _native_multipolygons(table: pa.Table) -> pa.Table:
    polygons = shapely.from_wkb(table["geometry"].to_numpy())
    parts = np.array([shapely.MultiPolygon([polygon]) for polygon in polygons])
    _, points, (rings, shells, owners) = shapely.to_ragged_array(parts)
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 2)
    nested = pairs
    for offsets in (rings, shells, owners):
        nested = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), nested)
    return replaced(table, "geometry", nested)


def _shuffled_columns(table: pa.Table) -> pa.Table:
    more = table.append_column("s2:extra", pa.array(["x"] * len(table)))
    return more.select(sorted(more.column_names, reverse=True))


LAYOUTS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "datetime without zone": _naive,
    "datetime in nanoseconds": _cast("datetime", pa.timestamp("ns", tz="UTC")),
    "datetime of another zone": _cast("datetime", pa.timestamp("us", tz="+05:30")),
    "datetime as text": _as_text,
    "datetime as text without zone": _text_without_zone,
    "start_datetime alone": _start_only,
    "bbox as list": _list_box,
    "bbox with heights": lambda table: _list_box(table, heights=True),
    "bbox of short floats": _short_box,
    "bbox missing": _no_box,
    "bbox of some": _some_boxes,
    "assets as JSON": _json_assets,
    "assets as map": _map_assets,
    "geometry of polygons": _native_geometry,
    "geometry of multipolygons": _native_multipolygons,
    "large geometry": _cast("geometry", pa.large_binary()),
    "large text": _cast("id", pa.large_string()),
    "collection as dictionary": lambda t: replaced(
        t, "collection", pc.dictionary_encode(t["collection"])
    ),
    "columns in another order": _shuffled_columns,
}
"""The same items, in other columns."""
