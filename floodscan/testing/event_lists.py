"""Event lists of any size, in the shape of lists that are drawn from the news.

    python -m floodscan.testing.event_lists --events 1000000 --out events.parquet

Such a list, as Google's Groundsource, has some million floods from 2000 on, each with the polygon
of a district or a town of at most 5,000 km². Here places, dates and outlines are random, from a
fixed seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_ROWS_AT_ONCE: Final = 20_000
_SEED: Final = 20_000_101
_FIRST_DAY: Final = np.datetime64("2000-01-01")
_LAST_DAY: Final = np.datetime64("2026-06-30")
_LOG_RADII: Final = np.log([0.5, 38.0])  # kilometres; the largest circle has 4,500 km²
_CORNERS: Final = (5, 60)
_ROUGHNESS: Final = 0.3  # of a radius, by which corners lie further inside
_WIDEST: Final = (170.0, 62.0)  # longitude and latitude
_KM_PER_DEGREE: Final = 111.2
_GEO: Final = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}},
}
_SCHEMA: Final = pa.schema(
    [("event_id", pa.string()), ("event_date", pa.date32()), ("geometry", pa.binary())],
    metadata={"geo": orjson.dumps(_GEO)},
)


def write_event_list(path: Path, *, n_events: int) -> None:
    """Write a GeoParquet file of floods that ``floodscan scan`` reads."""
    rng = np.random.default_rng(_SEED)
    with pq.ParquetWriter(path, _SCHEMA) as writer:
        for first in range(0, n_events, _ROWS_AT_ONCE):
            writer.write_table(_make_rows(first, min(_ROWS_AT_ONCE, n_events - first), rng))


def _make_rows(first: int, n: int, rng: np.random.Generator) -> pa.Table:
    days = rng.integers(0, int((_LAST_DAY - _FIRST_DAY).astype(int)) + 1, n)
    return pa.table(
        [
            pa.array([f"flood_{number:07d}" for number in range(first, first + n)]),
            pa.array(_FIRST_DAY + days),
            pa.array(shapely.to_wkb(_draw_outlines(n, rng))),
        ],
        schema=_SCHEMA,
    )


def _draw_outlines(n: int, rng: np.random.Generator) -> NDArray[np.object_]:
    """Draw outlines around random places, evenly over the area between the widest latitudes."""
    widest, highest = _WIDEST
    lons = rng.uniform(-widest, widest, n)
    heights = np.sin(np.radians(highest))
    lats = np.degrees(np.arcsin(rng.uniform(-heights, heights, n)))
    radii = np.exp(rng.uniform(_LOG_RADII[0], _LOG_RADII[1], n)) / _KM_PER_DEGREE
    corners = rng.integers(_CORNERS[0], _CORNERS[1], n, endpoint=True)
    of_rings = np.repeat(np.arange(n), corners)
    steps = np.arange(len(of_rings)) - np.repeat(np.cumsum(corners) - corners, corners)
    angles = 2 * np.pi * steps / corners[of_rings]
    lengths = radii[of_rings] * (1 - _ROUGHNESS * rng.random(len(of_rings)))
    wide = np.cos(np.radians(lats))[of_rings]
    points = np.column_stack(
        [
            lons[of_rings] + lengths * np.cos(angles) / wide,
            lats[of_rings] + lengths * np.sin(angles),
        ]
    )
    rings = shapely.linearrings(points, indices=of_rings)
    return np.asarray(shapely.polygons(rings))


def main() -> None:
    """Write a list as the command line says."""
    options = argparse.ArgumentParser(description="Write a list of floods.")
    options.add_argument("--events", type=int, default=1_000_000, help="default: 1,000,000")
    options.add_argument("--out", type=Path, required=True, help="a file that ends in .parquet")
    given = options.parse_args()
    write_event_list(given.out, n_events=given.events)


if __name__ == "__main__":
    main()
