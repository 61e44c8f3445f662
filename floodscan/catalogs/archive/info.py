"""What an archive has, for a person: coverage, rows, files and layout of each collection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.catalogs.archive.index import describe_error
from floodscan.catalogs.archive.layout import Layout, ring_depth
from floodscan.catalogs.archive.storage import open_file
from floodscan.errors import CatalogError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from floodscan.catalogs.archive.catalog import ArchiveCatalog

    Json = dict[str, object]

_HIVE_PART = re.compile(r"/([^/=]+)=[^/]*(?=/)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionInfo:
    """What an archive has of a collection. Files with several collections count for each.

    Attributes:
        collection: STAC collection id.
        n_rows: Number of items.
        n_files: Number of files.
        n_bytes: Size of these files.
        n_row_groups: Number of row groups.
        rows_per_group: Least and most rows of a row group; None without any.
        coverage: The time that is covered, in words.
        bbox: West, south, east and north of all items; None if it is not known.
        n_without_id: Number of rows without an id, which are left out.
        files: How the files are laid out.
        columns: Form of the columns ``geometry``, ``bbox``, ``datetime`` and ``assets``, in the
            first file.
    """

    collection: str
    n_rows: int
    n_files: int
    n_bytes: int
    n_row_groups: int
    rows_per_group: tuple[int, int] | None
    coverage: str
    bbox: tuple[float, float, float, float] | None
    n_without_id: int
    files: str
    columns: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveInfo:
    """What an archive has.

    Attributes:
        archive: Its address, without secrets.
        catalog: STAC id of the catalog that it is a copy of; None if it does not say so.
        is_own: Whether ``floodscan archive build`` made it.
        n_files: Number of files.
        n_bytes: Size of the files.
        collections: Each collection, by name.
    """

    archive: str
    catalog: str | None
    is_own: bool
    n_files: int
    n_bytes: int
    collections: tuple[CollectionInfo, ...]


def describe_archive(archive: ArchiveCatalog) -> ArchiveInfo:
    """Describe an archive by the footers of its files.

    Raises:
        CatalogError: A file can't be read.
    """
    index = archive.read_index()
    rows = index.table.to_pylist()
    sizes = {row["file"]: row["size"] for row in rows}
    return ArchiveInfo(
        archive=archive.location,
        catalog=index.catalog_id,
        is_own=all(index.searched(name) for name in index.collections),
        n_files=len(sizes),
        n_bytes=sum(sizes.values()),
        collections=tuple(_describe(archive, name, rows) for name in index.collections),
    )


def _describe(archive: ArchiveCatalog, collection: str, rows: list[Json]) -> CollectionInfo:
    numbers = archive.index.numbers_of(collection)
    own = [rows[number] for number in numbers.tolist()]
    sizes = {str(row["file"]): row["size"] for row in own}
    counts = [int(str(row["n_rows"])) for row in own]
    known = bool(own) and all(row["west"] is not None for row in own)
    return CollectionInfo(
        collection=collection,
        n_rows=sum(counts),
        n_files=len(sizes),
        n_bytes=sum(int(str(size)) for size in sizes.values()),
        n_row_groups=len(own),
        rows_per_group=(min(counts), max(counts)) if counts else None,
        coverage=str(archive.measure_coverage(collection)),
        bbox=_enclose(archive.index.boxes[numbers]) if known else None,
        n_without_id=sum(int(str(row["n_without_id"])) for row in own),
        files=_name_layout([*sizes]),
        columns=_describe_columns(archive, next(iter(sizes))) if sizes else {},
    )


def _enclose(boxes: NDArray[np.float64]) -> tuple[float, float, float, float]:
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def _name_layout(paths: list[str]) -> str:
    keys = list(dict.fromkeys(key for path in paths for key in _HIVE_PART.findall(path)))
    if keys:
        return f"hive folders by {', '.join(keys)}"
    return "one file" if len(paths) == 1 else "a flat folder" if _share_folder(paths) else "folders"


def _share_folder(paths: list[str]) -> bool:
    return len({path.rpartition("/")[0] for path in paths}) == 1


def _describe_columns(archive: ArchiveCatalog, path: str) -> dict[str, str]:
    try:
        with open_file(archive.address, path) as source:
            layout = Layout.of(pq.read_schema(source), path)
    except (OSError, pa.ArrowException) as err:
        raise CatalogError(archive.location, f"can't be read: {describe_error(err)}") from None
    geometry, bbox = layout.kind("geometry"), layout.kind("bbox")
    times = [f"{name}: {layout.kind(name)}" for name in layout.times]
    return {
        "geometry": "GeoArrow" if geometry is not None and ring_depth(geometry) else "WKB",
        "bbox": "missing" if bbox is None else "struct" if pa.types.is_struct(bbox) else "list",
        "datetime": ", ".join(times) or "missing",
        "assets": str(layout.asset_form),
    }
