"""A stac-geoparquet archive as a catalog: a file or a folder of files on disk."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import shapely

from floodscan.catalogs.base import Answer
from floodscan.catalogs.hrefs import unsigned
from floodscan.catalogs.page_json import (
    GRID_FIELDS,
    SCENE_PROPERTIES,
    STAC_NAMES,
    TIME_PROPERTIES,
)
from floodscan.catalogs.raster_grids import GridValues, make_grids
from floodscan.errors import CatalogError, MissingCollectionError
from floodscan.geometry.footprints import extents_of_empty, fill_from_bbox, repair
from floodscan.schemas import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries
    from floodscan.model import Search

CATALOG_KEY = b"floodscan:catalog"
"""Key of the metadata of a file: its value is JSON with the ``id`` of the archived catalog."""

_TAIL_BYTES = 8
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class ArchiveCatalog:
    """Items in stac-geoparquet.

    Attributes:
        path: A ``.parquet`` file, or a folder of them.
        label: Name to show instead of the path.
    """

    path: Path
    label: str | None = None

    @property
    def location(self) -> str:
        """The label, or the path."""
        return self.label or str(self.path)

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the archive can be read and has these collections, and return its STAC id."""
        files = self._files()
        found = {name for file in files for name in file.collections}
        for collection in collections:
            if collection not in found:
                problem = f"has no collection '{collection}'; it has {', '.join(sorted(found))}"
                raise MissingCollectionError(self.location, problem)
        return _catalog_id(files[0].dataset.schema) or self.path.stem

    def digest(self) -> str:
        """Return a digest of the footers of its files, which sum up their content.

        A copy of an archive has the same digest.
        """
        try:
            footers = b"".join(map(_read_footer, _list_files(self.path)))
        except OSError as err:
            raise CatalogError(self.location, f"can't be read: {err}") from err
        return hashlib.sha256(footers).hexdigest()[:16]

    def search(self, search: Search) -> Answer:
        """Find items by the columns ``collection``, ``bbox`` and ``datetime``."""
        try:
            tables = [
                _read_items(file.dataset, search)
                for file in self._files()
                if search.collection in file.collections
            ]
        except (pa.ArrowException, OSError) as err:
            raise CatalogError(self.location, f"can't be read: {err}") from err
        return Answer(items=pa.concat_tables([ITEMS.empty_table(), *tables]))

    def _files(self) -> tuple[_File, ...]:
        try:
            return _open_files(self.path)
        except (pa.ArrowException, OSError) as err:
            raise CatalogError(self.location, f"can't be read as stac-geoparquet: {err}") from err


@dataclass(frozen=True, slots=True)
class _File:
    """A file of its own schema: the assets of collections differ."""

    dataset: ds.Dataset
    collections: frozenset[str]


@lru_cache(maxsize=8)
def _open_files(path: Path) -> tuple[_File, ...]:
    return tuple(map(_open_file, _list_files(path)))


def _list_files(path: Path) -> list[Path]:
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        message = f"no .parquet file in {path}"
        raise FileNotFoundError(message)
    return paths


def _read_footer(path: Path) -> bytes:
    """Read the footer: schema, statistics and positions of all columns.

    Source: https://parquet.apache.org/docs/file-format/
    """
    with path.open("rb") as file:
        file.seek(-_TAIL_BYTES, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-_TAIL_BYTES - length, os.SEEK_END)
        return file.read()


def _open_file(path: Path) -> _File:
    dataset = ds.dataset(path, format="parquet")
    if missing := {"id", "collection", "geometry"}.difference(dataset.schema.names):
        message = f"{path} has no column {', '.join(sorted(missing))}"
        raise OSError(message)
    names = dataset.to_table(columns=["collection"])["collection"].unique().to_pylist()
    return _File(dataset, frozenset(name for name in names if isinstance(name, str)))


def _catalog_id(schema: pa.Schema) -> str | None:
    """Read the STAC id that the metadata of a file gives; None if they give none."""
    with suppress(orjson.JSONDecodeError):
        facts = orjson.loads((schema.metadata or {}).get(CATALOG_KEY, b"null"))
        if isinstance(facts, dict) and isinstance(facts.get("id"), str):
            return str(facts["id"])
    return None


def _read_items(file: ds.Dataset, search: Search) -> pa.Table:
    columns = {
        name: ds.field(name)
        for name in ("id", "collection", "geometry", "bbox", *STAC_NAMES)
        if name in file.schema.names
    }
    columns |= {
        f"asset {key}": ds.field("assets", key, "href") for key in _asset_keys(file, search.assets)
    }
    columns |= {
        f"asset {key} {name}": ds.field("assets", key, name)
        for key in search.assets
        for name in GRID_FIELDS
        if _asset_field(file.schema, key, name) is not None
    }
    found = file.to_table(columns=columns, filter=_filter(file.schema, search))
    footprints, extent = _parse_geometries(found)
    edges, shapes = _read_grids(found, search.assets)
    return check_table(
        pa.table(
            {
                "collection": found["collection"],
                "item_id": found["id"],
                "datetime": _coalesce(found, TIME_PROPERTIES, ITEMS.field("datetime").type),
                **{
                    name: _coalesce(found, sources, ITEMS.field(name).type)
                    for name, sources in SCENE_PROPERTIES.items()
                },
                "proj_bbox": edges,
                "proj_shapes": shapes,
                "refused_assets": pa.nulls(len(found), ITEMS.field("refused_assets").type),
                "assets": _read_assets(found, search.assets),
                "geometry": shapely.to_wkb(footprints),
                "extent": shapely.to_wkb(extent),
            },
            schema=ITEMS,
        ),
        ITEMS,
    )


def _asset_keys(file: ds.Dataset, wanted: Sequence[str]) -> list[str]:
    """Keep the asset keys that have a column of hrefs."""
    return [key for key in wanted if _asset_field(file.schema, key, "href") is not None]


def _read_grids(found: pa.Table, keys: Sequence[str]) -> tuple[pa.Array, pa.MapArray]:
    """Read the grids of the wanted assets, and of whole items for assets that have none."""
    edges, shape, transform = GRID_FIELDS
    first = f"asset {keys[0]}" if keys else ""
    by_key = [_values(found, f"asset {key} {shape}") for key in keys]
    return make_grids(
        keys,
        GridValues(
            edges=_values(found, f"{first} {edges}"),
            shapes=[value for row in zip(*by_key, strict=True) for value in row],
            transforms=_values(found, f"{first} {transform}"),
        ),
        GridValues(
            *(_values(found, name) for name in (edges, shape, transform)),
        ),
    )


def _asset_field(schema: pa.Schema, *path: str) -> pa.DataType | None:
    """Find the type of a member of an asset; None if the file has no such column."""
    kind = pa.struct(schema)
    for name in ("assets", *path):
        place = kind.get_field_index(name) if pa.types.is_struct(kind) else -1
        if place < 0:
            return None
        kind = kind.field(place).type
    return kind


def _values(found: pa.Table, name: str) -> list[Any]:
    return found[name].to_pylist() if name in found.column_names else [None] * len(found)


def _filter(schema: pa.Schema, search: Search) -> pc.Expression:
    """Keep rows that may match; the exact box and window are applied later, for all catalogs."""
    keep = ds.field("collection") == search.collection
    if search.window is not None and "datetime" in schema.names:
        time = ds.field("datetime")
        keep &= time.is_null() | ((time >= search.window.start) & (time <= search.window.end))
    if "bbox" not in schema.names or not pa.types.is_struct(schema.field("bbox").type):
        return keep
    west, south, east, north = search.bbox
    xmin, ymin, xmax, ymax = (ds.field("bbox", corner) for corner in _CORNERS)
    keep &= (ymin <= north) & (ymax >= south)
    # a search or an item across the antimeridian has west > east: then only latitudes compare
    return keep if west > east else keep & ((xmin > xmax) | ((xmin <= east) & (xmax >= west)))


def _coalesce(found: pa.Table, sources: Iterable[str], kind: pa.DataType) -> pa.Array:
    present = [_cast(found[source], kind) for source in sources if source in found.column_names]
    return pc.coalesce(*present) if present else pa.nulls(len(found), kind)


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast a column; a text for a number, such as ``EPSG:32632``, gives the number at its end."""
    if (
        pa.types.is_integer(kind)
        and not pa.types.is_integer(values.type)
        and not pa.types.is_floating(values.type)
    ):
        values = pc.extract_regex(values.cast(pa.string()), r"^EPSG:(?P<code>[0-9]{4,6})$")
        values = pc.struct_field(values, "code")
    return values.cast(kind, safe=False)


def _parse_geometries(found: pa.Table) -> tuple[Geometries, Geometries]:
    raw = found["geometry"].cast(pa.binary())
    corners = [_corners(bbox) for bbox in _values(found, "bbox")]
    footprints = shapely.from_wkb(np.asarray(raw, dtype=object), on_invalid="ignore")
    footprints[shapely.is_missing(footprints) | _have_empty_rings(footprints)] = shapely.Polygon()
    fill_from_bbox(footprints, corners, where=raw.is_null().to_numpy())
    footprints = repair(footprints)
    return footprints, extents_of_empty(footprints, corners)


def _have_empty_rings(footprints: Geometries) -> NDArray[np.bool_]:
    """Find polygons with an empty ring, on which GEOS crashes."""
    parts, owners = shapely.get_parts(footprints, return_index=True)
    rings, places = shapely.get_rings(parts, return_index=True)
    found = np.zeros(len(footprints), dtype=bool)
    found[owners[places[shapely.is_empty(rings)]]] = True
    return found


def _corners(bbox: Any) -> list[float] | None:  # noqa: ANN401 - a struct, a list or null
    return [bbox[name] for name in _CORNERS] if isinstance(bbox, dict) else bbox


def _read_assets(found: pa.Table, wanted: Sequence[str]) -> pa.MapArray:
    """Zip the columns of hrefs into one map per row, without the assets that a row lacks."""
    keys = [key for key in wanted if f"asset {key}" in found.column_names]
    hrefs = [found[f"asset {key}"].to_pylist() for key in keys]
    rows = [
        [
            (key, unsigned(href))
            for key, href in zip(keys, row, strict=True)
            if href and isinstance(href, str)
        ]
        for row in zip(*hrefs, strict=True)
    ]
    return pa.array(rows or [[]] * len(found), ITEMS.field("assets").type)
