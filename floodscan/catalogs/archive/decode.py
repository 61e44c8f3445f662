"""Rows of a file → ITEMS."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely import GeometryType

from floodscan.catalogs.archive.columns import read_boxes, read_geometries, read_times, stored
from floodscan.catalogs.archive.grids import read_column_grids, read_row_grids
from floodscan.catalogs.archive.layout import AssetForm, Layout, is_text
from floodscan.catalogs.hrefs import RefusedHrefError, resolve, unsigned
from floodscan.catalogs.item_table import coerce_values, name_tiles
from floodscan.catalogs.page_json import GRID_FIELDS, SCENE_PROPERTIES
from floodscan.geometry.footprints import extents_of_empty, fill_from_bbox, repair
from floodscan.schemas import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries

_N_AXES = 2


def find_named(found: pa.Table) -> NDArray[np.bool_]:
    """Return whether each row has an id; rows without one are left out, shape (n,)."""
    lengths = pc.binary_length(stored(found["id"]))
    named: NDArray[np.bool_] = np.asarray(pc.fill_null(pc.greater(lengths, 0), False))
    return named


def decode_rows(
    found: pa.Table, outlines: pa.Table, layout: Layout, assets: Sequence[str]
) -> pa.Table:
    """Make ITEMS of rows that have an id.

    Args:
        found: Columns ``Layout.item_columns`` of some rows.
        outlines: Their columns ``geometry`` and ``extent``.
        layout: Layout of their file.
        assets: Keys of the assets to keep.
    """
    hrefs, (edges, shapes) = _read_assets(found, layout, assets)
    columns = {
        "collection": _read_collections(found, layout),
        "item_id": stored(found["id"]).cast(pa.string()),
        "datetime": read_times(found, layout.times),
        **{name: _coalesce(found, name) for name in SCENE_PROPERTIES},
        "mgrs_tile": name_tiles(_coalesce(found, "mgrs_tile")),
        "proj_bbox": edges,
        "proj_shapes": shapes,
        "refused_assets": hrefs.refused,
        "assets": hrefs.assets,
        "geometry": outlines["geometry"],
        "extent": outlines["extent"],
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


def read_footprints(found: pa.Table) -> tuple[Geometries, Geometries]:
    """Read the columns ``Layout.outline_columns`` as footprints, and as extents of empty ones."""
    footprints, missing = read_geometries(found["geometry"])
    boxes = read_boxes(found)
    footprints = _to_polygons(footprints)
    fill_from_bbox(footprints, boxes, where=missing)
    footprints = repair(footprints)
    return footprints, extents_of_empty(footprints, boxes)


def _to_polygons(geometries: Geometries) -> Geometries:
    """Give geometries the form that they have from an API: flat polygons, and several if needed.

    Geometries of another type, and those with an empty ring, become empty.
    """
    footprints = geometries.copy()
    tall = shapely.get_coordinate_dimension(footprints) > _N_AXES
    footprints[tall] = shapely.force_2d(footprints[tall])
    kinds = shapely.get_type_id(footprints)
    single = (kinds == GeometryType.MULTIPOLYGON) & (shapely.get_num_geometries(footprints) == 1)
    footprints[single] = shapely.get_geometry(footprints[single], 0)
    plain = (kinds == GeometryType.POLYGON) & (shapely.get_num_interior_rings(footprints) == 0)
    if plain.all():
        return footprints
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
) -> tuple[_Hrefs, tuple[pa.Array, pa.Array]]:
    """Read the hrefs of the wanted assets, and the grids of their rasters."""
    form, n = layout.asset_form, len(found)
    if form is AssetForm.MISSING or "assets" not in found.column_names:
        return _Hrefs.of(wanted, {}, n), read_column_grids(found, {}, wanted)
    values = stored(found["assets"])
    if form is AssetForm.STRUCT:
        members = {
            (key, name): column
            for key in wanted
            for name in ("href", *GRID_FIELDS)
            if (column := _member(values, key, name)) is not None
        }
        hrefs = {key: members[key, "href"] for key in wanted if (key, "href") in members}
        return _Hrefs.of(wanted, hrefs, n), read_column_grids(found, members, wanted)
    rows = [_parse_assets(each) for each in values.to_pylist()]
    texts = {key: _texts([(row.get(key) or {}).get("href") for row in rows]) for key in wanted}
    return _Hrefs.of(wanted, texts, n), read_row_grids(found, rows, wanted)


def _parse_assets(assets: Any) -> Mapping[str, Mapping[str, Any]]:  # noqa: ANN401 - JSON or a map
    if isinstance(assets, str):
        try:
            assets = orjson.loads(assets)
        except orjson.JSONDecodeError:
            return {}
    if isinstance(assets, list):
        assets = dict(assets)
    members = assets if isinstance(assets, dict) else {}
    return {key: asset for key, asset in members.items() if isinstance(asset, dict)}


def _member(values: pa.Array, key: str, name: str) -> pa.Array | None:
    """Return a member of an asset; null where the asset is; None if no asset has it."""
    for part in (key, name):
        if not pa.types.is_struct(values.type) or values.type.get_field_index(part) < 0:
            return None
        values = pc.struct_field(values, part)
    return values


def _texts(values: list[Any]) -> pa.Array:
    return pa.array([value if isinstance(value, str) else None for value in values], pa.string())


@dataclass(frozen=True, slots=True)
class _Hrefs:
    """Two columns of ITEMS.

    Attributes:
        assets: Key → unsigned href, in the wanted order.
        refused: Key → why an href is not used; null without any.
    """

    assets: pa.Array
    refused: pa.Array

    @classmethod
    def of(cls, wanted: Sequence[str], hrefs: Mapping[str, pa.Array], n: int) -> _Hrefs:
        """Make both columns.

        Args:
            wanted: Keys of the wanted assets.
            hrefs: The hrefs of each key that is there, shape (n,).
            n: Number of rows.
        """
        refused: dict[int, list[tuple[str, str]]] = {}
        columns = [_clean(hrefs.get(key), n, key, refused) for key in wanted]
        there = np.array([np.asarray(column.is_valid()) for column in columns], dtype=bool)
        there = there.reshape(len(wanted), n).T
        ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        rows, keys = np.nonzero(there)
        joined = pa.concat_arrays([pa.nulls(0, pa.string()), *columns])
        assets = pa.MapArray.from_arrays(
            pa.array(ends, pa.int32()),
            pa.array(wanted, pa.string()).take(pa.array(keys)),
            joined.take(pa.array(keys * n + rows)),
        )
        kind = ITEMS.field("refused_assets").type
        if not refused:
            return cls(assets, pa.nulls(n, kind))
        return cls(assets, pa.array(map(refused.get, range(n)), kind))


def _clean(
    column: pa.Array | None, n: int, key: str, refused: dict[int, list[tuple[str, str]]]
) -> pa.Array:
    """Return unsigned hrefs; null where there is none, or where it is refused."""
    if column is None:
        return pa.nulls(n, pa.string())
    texts = column.cast(pa.string()) if is_text(column.type) else _texts(column.to_pylist())
    # one search through the bytes of all hrefs is much faster than one through each href
    written = texts.buffers()[2]
    content = b"" if written is None else written.to_pybytes()
    marked = b"?" in content or b"@" in content
    plain = pc.fill_null(pc.and_(pc.starts_with(texts, "https://"), not marked), True)
    if pc.all(plain).as_py():
        return texts
    cleaned = texts.to_pylist()
    for row in np.flatnonzero(~np.asarray(plain)).tolist():
        try:
            cleaned[row] = unsigned(resolve(cleaned[row], lambda: None)) or None
        except RefusedHrefError as err:
            cleaned[row] = None
            refused.setdefault(row, []).append((key, str(err)))
    return pa.array(cleaned, pa.string())
