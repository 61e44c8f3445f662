"""Coasts and borders as TopoJSON: of the whole world, and in detail around events."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import shapely

from floodscan.report.html.shapes import encode_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Json = dict[str, Any]
    Box = tuple[float, float, float, float]

_WORLD_STEPS, _WORLD_TOLERANCE = 10, 0.12
_NEAR_STEPS, _NEAR_TOLERANCE = 200, 0.006
"""Steps are parts of a degree; tolerances are degrees."""


def draw_world() -> Json:
    """Return the coasts and borders of the world, for a map of some hundred pixels."""
    kinds, lines = _read()
    return _to_topology(kinds, lines, steps=_WORLD_STEPS, tolerance=_WORLD_TOLERANCE)


def draw_near(boxes: Sequence[Box]) -> Json:
    """Return the coasts and borders that touch windows on the Earth.

    Args:
        boxes: West, south, east, north in degrees; a window across the antimeridian goes beyond
            ±180.
    """
    kinds, lines = _read()
    turned = [
        shapely.box(west + turn, south, east + turn, north)
        for west, south, east, north in boxes
        for turn in (-360, 0, 360)
        if west + turn <= 180 and east + turn >= -180  # noqa: PLR2004 - degrees
    ]
    windows = np.array(turned, dtype=object)
    found = np.unique(shapely.STRtree(lines).query(windows, predicate="intersects")[1])
    return _to_topology(kinds[found], lines[found], steps=_NEAR_STEPS, tolerance=_NEAR_TOLERANCE)


def _read() -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    table = pq.read_table(
        str(files("floodscan.data") / "borders.parquet"), columns=["kind", "geometry"]
    )
    return np.array(table["kind"].to_pylist()), shapely.from_wkb(table["geometry"].to_numpy())


def _to_topology(
    kinds: NDArray[np.object_], lines: NDArray[np.object_], *, steps: int, tolerance: float
) -> Json:
    """Make TopoJSON with an arc for each line. Islands of less than one step are left out.

    Source: https://github.com/topojson/topojson-specification
    """
    thin = shapely.simplify(lines, tolerance)
    large = shapely.length(shapely.envelope(thin)) > 2 * tolerance
    arcs = [np.reshape(line, (-1, 2)).tolist() for line in encode_lines(thin[large], steps)]
    objects = {
        kind: {
            "type": "MultiLineString",
            "arcs": [[int(number)] for number in np.flatnonzero(kinds[large] == kind)],
        }
        for kind in ("coast", "border")
    }
    transform = {"scale": [1 / steps] * 2, "translate": [0, 0]}
    return {"type": "Topology", "transform": transform, "arcs": arcs, "objects": objects}
