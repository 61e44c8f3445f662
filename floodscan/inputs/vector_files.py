"""Reader of Shapefiles, GeoPackage and FlatGeobuf, by GDAL."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import shapely

from floodscan.inputs.arrow_rows import list_header, tabulate
from floodscan.inputs.columns import Table, is_known
from floodscan.inputs.coordinates import NO_CRS, find_crs, to_wgs84
from floodscan.inputs.notices import Notes, file_error

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from floodscan.inputs.columns import Keep


def read_vector(path: Path, notes: Notes, keep: Keep = is_known) -> Table:
    """Read a file of one layer as a whole.

    Raises:
        EventError: It can't be read, or has several layers.
        OSError: The file can't be opened.
    """
    path.open("rb").close()  # GDAL has no short words for a missing file
    meta, table = _read_layer(path, notes)
    crs = find_crs(meta["crs"], path) if meta["crs"] else None
    if crs is None:
        notes.add(NO_CRS, path.name)
    geometry = meta["geometry_name"] or "wkb_geometry"
    if geometry not in table.column_names:
        raise file_error(path, "has no geometries")
    found = shapely.from_wkb(table[geometry].to_numpy(), on_invalid="ignore")
    header = list_header(table.column_names, geometry)
    return Table(header, tabulate(table, to_wgs84(found, crs), first=1, keep=keep))


def _read_layer(path: Path, notes: Notes) -> tuple[dict[str, Any], pa.Table]:
    import pyogrio  # noqa: PLC0415 - takes half a second, and few need it

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
            if len(layers) != 1:
                named = ", ".join(layers) or "none with geometries"
                raise file_error(path, f"must have one layer, but has: {named}")
            found: tuple[dict[str, Any], pa.Table] = pyogrio.read_arrow(
                path,
                layer=layers[0],
                datetime_as_string=True,  # GDAL's times in Arrow may lose their zone
            )
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as err:
            raise file_error(path, f"can't be read: {' '.join(str(err).split())}") from err
    for warning in caught:
        notes.add("GDAL warns", " ".join(str(warning.message).split()))
    return found
