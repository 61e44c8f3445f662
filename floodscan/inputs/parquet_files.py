"""Reader of GeoParquet, some thousand rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from floodscan.inputs.arrow_rows import list_header, tabulate
from floodscan.inputs.columns import Table, is_known
from floodscan.inputs.coordinates import NO_CRS, find_crs, to_wgs84
from floodscan.inputs.notices import Notes, file_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.geometry.footprints import Geometries
    from floodscan.inputs.columns import Keep, Row

_ROWS_AT_ONCE: Final = 2000


def read_parquet(path: Path, notes: Notes, keep: Keep = is_known) -> Table:
    """Read a GeoParquet file by row groups. Areas are converted to WGS 84.

    Raises:
        EventError: It has no geometries, or an unknown coordinate system.
        OSError: The file can't be read.
        ValueError: It is no Parquet file; so do errors of Arrow.
    """
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    column, about = _find_geometry(schema, path)
    crs = find_crs(about["crs"], path) if about.get("crs") else None
    if "crs" in about and about["crs"] is None:  # without the key, it is WGS 84
        notes.add(NO_CRS, path.name)
    return Table(list_header(schema.names, column), _read_rows(path, column, about, crs, keep))


def _find_geometry(schema: pa.Schema, path: Path) -> tuple[str, dict[str, Any]]:
    """Find the column of geometries, and its description."""
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        raise file_error(path, "is not GeoParquet: it has no metadata 'geo'; geopandas writes it")
    geo = orjson.loads(text)
    column, columns = (
        (geo.get("primary_column"), geo.get("columns")) if isinstance(geo, dict) else (None, None)
    )
    if isinstance(columns, dict) and isinstance(column, str) and column in schema.names:
        about = columns.get(column)
        if isinstance(about, dict):
            return column, about
    raise file_error(path, "has no column of geometries", "geometry")


def _read_rows(
    path: Path,
    column: str,
    about: dict[str, Any],
    crs: Any,  # noqa: ANN401 - pyproj has no types
    keep: Keep,
) -> Iterator[Row]:
    # pre_buffer keeps all bytes that were read until the file is closed
    with pq.ParquetFile(path, pre_buffer=False) as file:
        names = [name for name in file.schema_arrow.names if keep(name) or name == column]
        number = 1
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names):
            rows = pa.Table.from_batches([batch])
            areas = to_wgs84(_decode(rows, column, about), crs)
            yield from tabulate(rows.drop_columns([column]), areas, first=number, keep=keep)
            number += len(rows)


def _decode(rows: pa.Table, column: str, about: dict[str, Any]) -> Geometries:
    if about.get("encoding") == "WKB":
        found: Geometries = shapely.from_wkb(rows[column].to_numpy(), on_invalid="ignore")
        return found
    import geopandas as gpd  # noqa: PLC0415 - takes a second, and few need it

    sink = pa.BufferOutputStream()
    kept = {b"geo": rows.schema.metadata[b"geo"]}
    pq.write_table(rows.select([column]).replace_schema_metadata(kept), sink)
    frame = gpd.read_parquet(pa.BufferReader(sink.getvalue()))
    areas: Geometries = frame.geometry.to_numpy()
    return areas
