"""Rows of a file → ITEMS."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely import GeometryType

from floodscan.catalogs.archive.columns import read_boxes, read_geometries, read_times, stored
from floodscan.catalogs.archive.layout import AssetForm, Layout, is_text
from floodscan.catalogs.item_table import coerce_values, parse_edges, unsigned
from floodscan.catalogs.page_json import EDGES, SCENE_PROPERTIES, Asset
from floodscan.geometry.footprints import extents_of_empty, fill_from_bbox, repair
from floodscan.schemas import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries

_ASSETS = msgspec.json.Decoder(dict[str, Asset | None])


def find_named(found: pa.Table) -> NDArray[np.bool_]:
    """Return whether each row has an id; rows without one are left out, shape (n,)."""
    lengths = pc.binary_length(stored(found["id"]))
    named: NDArray[np.bool_] = np.asarray(pc.fill_null(pc.greater(lengths, 0), False))
    return named


def decode_rows(found: pa.Table, layout: Layout, assets: Sequence[str]) -> pa.Table:
    """Make ITEMS of rows that have an id.

    Args:
        found: Columns ``Layout.item_columns`` of some rows.
        layout: Layout of their file.
        assets: Keys of the assets to keep.
    """
    footprints, extents = _read_footprints(found)
    hrefs, edges = _read_assets(found, layout, assets)
    columns = {
        "collection": _read_collections(found, layout),
        "item_id": stored(found["id"]).cast(pa.string()),
        "datetime": read_times(found, layout.times),
        **{name: _coalesce(found, name) for name in SCENE_PROPERTIES},
        "proj_bbox": parse_edges(edges),
        "assets": hrefs,
        "geometry": shapely.to_wkb(footprints),
        "extent": shapely.to_wkb(extents),
    }
    return check_table(pa.table(columns, schema=ITEMS), ITEMS)


def _read_collections(found: pa.Table, layout: Layout) -> pa.Array:
    if layout.collection is not None:
        return pa.array([layout.collection] * len(found), pa.string())
    return stored(found["collection"]).cast(pa.string())


def _coalesce(found: pa.Table, column: str) -> pa.Array:
    kind = ITEMS.field(column).type
    there = [name for name in SCENE_PROPERTIES[column] if name in found.column_names]
    present = [_cast(stored(found[name]), kind) for name in there]
    return pc.coalesce(*present) if present else pa.nulls(len(found), kind)


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast a column; a value of a wrong type counts as missing, as in the items of an API."""
    if is_text(values.type) == is_text(kind):
        with suppress(pa.ArrowException):
            return values.cast(kind)
    return coerce_values(values.to_pylist(), kind)


def _read_footprints(found: pa.Table) -> tuple[Geometries, Geometries]:
    footprints, missing = read_geometries(found["geometry"])
    boxes = [None if np.isnan(box).any() else box.tolist() for box in read_boxes(found)]
    footprints = _to_polygons(footprints)
    fill_from_bbox(footprints, boxes, where=missing)
    footprints = repair(footprints)
    return footprints, extents_of_empty(footprints, boxes)


def _to_polygons(geometries: Geometries) -> Geometries:
    """Give geometries the form that they have from an API: flat polygons, and several if needed.

    Geometries of another type, and those with an empty ring, become empty.
    """
    footprints = shapely.force_2d(geometries)
    kinds = shapely.get_type_id(footprints)
    single = (kinds == GeometryType.MULTIPOLYGON) & (shapely.get_num_geometries(footprints) == 1)
    footprints[single] = shapely.get_geometry(footprints[single], 0)
    known = np.isin(kinds, [GeometryType.POLYGON, GeometryType.MULTIPOLYGON])
    footprints[~known | _have_empty_rings(footprints)] = shapely.Polygon()
    return footprints


def _have_empty_rings(footprints: Geometries) -> NDArray[np.bool_]:
    """Find polygons with an empty ring, on which GEOS crashes."""
    parts, owners = shapely.get_parts(footprints, return_index=True)
    rings, places = shapely.get_rings(parts, return_index=True)
    found = np.zeros(len(footprints), dtype=bool)
    found[owners[places[shapely.is_empty(rings)]]] = True
    return found


def _read_assets(
    found: pa.Table, layout: Layout, wanted: Sequence[str]
) -> tuple[pa.Array, Sequence[object]]:
    """Read the unsigned hrefs of the wanted assets by key, and the edges of the first one."""
    nothing: list[object] = [None] * len(found)
    if layout.asset_form is AssetForm.MISSING or "assets" not in found.column_names:
        return _make_maps(found, wanted, {}), nothing
    values = stored(found["assets"])
    if layout.asset_form is AssetForm.STRUCT:
        hrefs = {key: _member(values, key, "href") for key in wanted}
        edges = _member(values, wanted[0], EDGES) if wanted else None
        return _make_maps(found, wanted, hrefs), nothing if edges is None else edges.to_pylist()
    if layout.asset_form is AssetForm.MAP:
        rows = [dict(each or ()) for each in values.to_pylist()]
        read: list[Mapping[str, Asset | None]] = [
            {key: Asset((asset or {}).get("href")) for key, asset in row.items()} for row in rows
        ]
        edges_found = [(row.get(wanted[0]) or {}).get(EDGES) if wanted else None for row in rows]
    else:
        read = [_parse_assets(text) for text in values.to_pylist()]
        edges_found = [_parse_edges(row.get(wanted[0]) if wanted else None) for row in read]
    columns = {key: _texts([(row.get(key) or Asset()).href for row in read]) for key in wanted}
    return _make_maps(found, wanted, columns), edges_found


def _parse_assets(text: str | None) -> Mapping[str, Asset | None]:
    with suppress(msgspec.DecodeError):
        return _ASSETS.decode(text) if text else {}
    return {}


def _parse_edges(asset: Asset | None) -> object:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(asset.edges) if asset else None
    return None


def _member(values: pa.Array, key: str, name: str) -> pa.Array | None:
    """Return a member of an asset; null where the asset is; None if no asset has it."""
    for part in (key, name):
        if not pa.types.is_struct(values.type) or values.type.get_field_index(part) < 0:
            return None
        values = pc.struct_field(values, part)
    return values


def _texts(values: list[Any]) -> pa.Array:
    return pa.array([value if isinstance(value, str) else None for value in values], pa.string())


def _make_maps(
    found: pa.Table, wanted: Sequence[str], hrefs: Mapping[str, pa.Array | None]
) -> pa.Array:
    """Make a map of the hrefs that are there in each row, with the keys in the wanted order."""
    columns = [_clean(hrefs.get(key), len(found)) for key in wanted]
    there = np.array([np.asarray(column.is_valid()) for column in columns], dtype=bool)
    there = there.reshape(len(wanted), len(found)).T
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    rows, keys = np.nonzero(there)
    joined = pa.concat_arrays([pa.nulls(0, pa.string()), *columns])
    return pa.MapArray.from_arrays(
        pa.array(ends, pa.int32()),
        pa.array(wanted, pa.string()).take(pa.array(keys)),
        joined.take(pa.array(keys * len(found) + rows)),
    )


def _clean(column: pa.Array | None, n: int) -> pa.Array:
    """Return unsigned hrefs; null where there is none."""
    if column is None:
        return pa.nulls(n, pa.string())
    texts = column.cast(pa.string()) if is_text(column.type) else _texts(column.to_pylist())
    texts = pc.if_else(pc.fill_null(pc.greater(pc.binary_length(texts), 0), False), texts, None)
    odd = pc.fill_null(pc.match_substring_regex(texts, "[?@]"), False)
    if not pc.any(odd).as_py():
        return texts
    return pa.array([text and unsigned(text) for text in texts.to_pylist()], pa.string())
