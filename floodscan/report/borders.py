"""Build the bundled coasts and borders that maps show.

Made with Natural Earth (https://www.naturalearthdata.com), public domain, in the TopoJSON of the
npm package ``world-atlas``: ``npm pack world-atlas@2.0.2``, then ``python -m
floodscan.report.borders countries-10m.json``.

A topology stores each line once, as an arc. An arc that only one country uses is a coast; an arc
that several countries share is a border.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from floodscan.store import to_geoparquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Json = dict[str, Any]
    Points = NDArray[np.float64]

BORDERS_PATH = Path(__file__).parents[1] / "data" / "borders.parquet"
ATTRIBUTION = (
    "Made with Natural Earth (naturalearthdata.com), public domain; 1:10m countries, version 4.1.0"
)

_TOLERANCE_DEGREES = 0.004  # the source is quantised to 0.0036°
# steps of a power of two leave the last bits of a double zero: the file is a third smaller
_STEPS_PER_DEGREE = 1024
_PIECE_POINTS = 256
_ROW_GROUP_PIECES = 512
_CELL_DEGREES = 10


def build_borders(topology: Json) -> pa.Table:
    """Make a GeoParquet table of the coasts and borders in a topology of countries.

    Args:
        topology: Parsed and quantised TopoJSON with an object ``countries``.

    Returns:
        Columns ``kind`` (``coast`` or ``border``), ``geometry`` (WKB line strings of at most 256
        points, degrees) and ``bbox``. Neighbours are next to each other, so a window is in few
        row groups.
    """
    arcs = _decode_arcs(topology)
    uses = _count_countries(topology)
    pieces = [
        (cell, kind, piece)
        for index, arc in enumerate(arcs)
        for kind in ["border" if uses[index] > 1 else "coast"]
        for part in _parts_off_the_seam(arc)
        for cell, piece in _cut(_thin(part))
        if piece.length > 0  # an islet may be thinned to a point
    ]
    pieces.sort(key=lambda piece: piece[0])
    _, kinds, lines = zip(*pieces, strict=True)
    table = to_geoparquet(
        pa.table({"kind": pa.array(kinds), "geometry": pa.array(shapely.to_wkb(lines))})
    )
    return table.replace_schema_metadata({**table.schema.metadata, "attribution": ATTRIBUTION})


def _decode_arcs(topology: Json) -> list[Points]:
    """Undo the delta coding of TopoJSON.

    Returns:
        The points of each arc, in degrees, shape (n, 2).
    """
    scale, translate = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    return [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]


def _count_countries(topology: Json) -> Counter[int]:
    """Count the countries that use each arc."""
    countries = topology["objects"]["countries"]["geometries"]
    return Counter(
        arc for country in countries for arc in set(_arc_numbers(country.get("arcs", [])))
    )


def _arc_numbers(rings: Any) -> Iterator[int]:  # noqa: ANN401 - nested lists
    if isinstance(rings, int):
        yield rings if rings >= 0 else ~rings  # a reversed arc is written as its complement
        return
    for ring in rings:
        yield from _arc_numbers(ring)


def _parts_off_the_seam(arc: Points) -> list[Points]:
    """Remove the steps that only close rings: along the antimeridian, and across it."""
    lon = arc[:, 0]
    at_seam = np.abs(lon) == 180  # noqa: PLR2004 - degrees
    seam = (at_seam[:-1] & at_seam[1:]) | (np.abs(np.diff(lon)) > 180)  # noqa: PLR2004
    return [part for part in np.split(arc, np.flatnonzero(seam) + 1) if len(part) > 1]


def _thin(points: Points) -> Points:
    thinned = shapely.get_coordinates(
        shapely.simplify(shapely.LineString(points), _TOLERANCE_DEGREES)
    )
    return np.round(thinned * _STEPS_PER_DEGREE) / _STEPS_PER_DEGREE


def _cut(points: Points) -> Iterator[tuple[tuple[int, int], BaseGeometry]]:
    """Cut a line into pieces that share their ends, each with the grid cell of its first point."""
    for start in range(0, len(points) - 1, _PIECE_POINTS - 1):
        piece = points[start : start + _PIECE_POINTS]
        column, row = np.floor(piece[0] / _CELL_DEGREES).astype(int)
        yield (int(row), int(column)), shapely.LineString(piece)


def main(path: str) -> None:
    """Build the bundled file from a TopoJSON file."""
    table = build_borders(orjson.loads(Path(path).read_bytes()))
    pq.write_table(
        table,
        BORDERS_PATH,
        compression="zstd",
        compression_level=19,
        row_group_size=_ROW_GROUP_PIECES,
        use_dictionary=["kind"],
    )
    sys.stdout.write(f"{BORDERS_PATH}: {len(table)} lines, {BORDERS_PATH.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
