"""Build the bundled outlines of continents, and find the continent of a place.

Made with Natural Earth (https://www.naturalearthdata.com), public domain, in the copy of its 1:110m
countries that the package ``pyogrio`` brings along for its tests: ``python -m
floodscan.report.continents .../naturalearth_lowres.shp``. All of Russia counts as Europe there.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely import STRtree

CONTINENTS_PATH: Final = Path(__file__).parents[1] / "data" / "continents.parquet"
_TOLERANCE_DEGREES: Final = 0.1
_STEPS_PER_DEGREE: Final = 16


def name_continents(points: Sequence[tuple[float, float]]) -> list[str]:
    """Name the continent of each point; at sea, the nearest one.

    Args:
        points: Longitude and latitude in degrees, shape (n, 2).
    """
    if not points:
        return []
    names, tree = _read()
    return [names[index] for index in tree.nearest(shapely.points(points))]


@lru_cache(maxsize=1)
def _read() -> tuple[list[str], STRtree]:
    table = pq.read_table(str(files("floodscan.data") / "continents.parquet"))
    return table["continent"].to_pylist(), shapely.STRtree(
        shapely.from_wkb(table["geometry"].to_numpy())
    )


def build_continents(source: Path) -> pa.Table:
    """Make a table of the parts of all continents, simplified, from a layer of countries.

    Returns:
        Columns ``continent`` and ``geometry`` (WKB polygons, degrees).
    """
    import geopandas as gpd  # noqa: PLC0415 - only to build

    countries = gpd.read_file(source)
    known = countries[~countries["continent"].str.startswith("Seven seas")]
    parts = known.dissolve("continent").explode().simplify(_TOLERANCE_DEGREES)
    rounded = shapely.transform(
        parts.to_numpy(), lambda points: np.round(points * _STEPS_PER_DEGREE) / _STEPS_PER_DEGREE
    )
    kept = shapely.area(rounded) > 0
    return pa.table(
        {
            "continent": pa.array(parts.index.to_numpy()[kept].tolist()),
            "geometry": pa.array(shapely.to_wkb(shapely.make_valid(rounded[kept]))),
        }
    )


def main(path: str) -> None:
    """Build the bundled file."""
    table = build_continents(Path(path))
    pq.write_table(table, CONTINENTS_PATH, compression="zstd", compression_level=19)
    size = CONTINENTS_PATH.stat().st_size
    sys.stdout.write(f"{CONTINENTS_PATH}: {len(table)} polygons, {size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
