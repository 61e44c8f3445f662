"""Clear ground in reports: what candidates show of a target, where that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from floodscan.model import CloudScope
from floodscan.schemas import CANDIDATES
from floodscan.selection.clearness import measure_scene
from floodscan.selection.sample_points import N_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    Json = dict[str, Any]


def counts_clear_ground(manifest: Json, sensor: str) -> bool:
    """Return whether the clear ground of a sensor counts, by the recipe in a manifest."""
    sensors = manifest["provenance"]["recipe"]["sensors"]
    return bool(sensors.get(sensor, {}).get("cloud") == CloudScope.AREA)


def area_cloud(row: Mapping[str, Any]) -> float | None:
    """Return the cloud of a candidate over its target, percent; that of the scene if unread."""
    return row["cloud_cover"] if row["cloud_frac"] is None else share_of_cloud(row)


def share_of_cloud(ground: Mapping[str, Any]) -> float | None:
    """Return the cloud on the ground that a scene shows, percent; None if it shows none."""
    shown = 1 - ground["nodata_frac"]
    return 100 * ground["cloud_frac"] / shown if shown > 0 else None


def describe_ground(row: Json) -> Json:
    """Describe what a candidate shows of its target: the columns that a reader understands.

    Args:
        row: A row of CANDIDATES of a sensor whose clear ground counts.
    """
    measures = measure_scene(row)
    names = ("shadow_frac", "dark_frac", "snow_frac", "unread")
    return {
        "clear_ground": measures["clear_ground"],
        "clear_share": measures.get("clear_share"),
        "area_cloud": area_cloud(row),
        **{name: row[name] for name in names},
    }


def show_clear_shares(candidates: pa.Table, manifest: Json) -> pa.Table:
    """Put what scenes show clear in the place of their overlap, where it counts and is known."""
    counted = [counts_clear_ground(manifest, sensor) for sensor in candidates["sensor"].to_pylist()]
    shares = [
        int.from_bytes(points, "little").bit_count() / N_POINTS
        if points is not None and counts
        else covered
        for points, counts, covered in zip(
            candidates["clear_points"].to_pylist(),
            counted,
            candidates["overlap_frac"].to_pylist(),
            strict=True,
        )
    ]
    at = CANDIDATES.get_field_index("overlap_frac")
    return candidates.set_column(at, CANDIDATES.field(at), [np.array(shares, dtype=float)])
