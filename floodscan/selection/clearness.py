"""How clouds and clear ground count: of whole scenes, or over the target (``cloud = "area"``).

A scene whose clear ground is known covers of a target only what is clear. What is known differs:

- ``KNOWN``: the sample points that are clear (source ``overview``);
- ``SHARES_ONLY``: the shares of the target, but not where they lie (source ``statistics``). Limits
  and costs count the target's cloud. The scene covers what its footprint covers;
- ``UNREAD``: nothing. Limits and costs count the scene's cloud. The scene covers what its footprint
  covers.

Scenes of the last two kinds are never taken for clear: a scene of an earlier kind in this list goes
before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.model import CloudScope
from floodscan.schemas import CANDIDATES
from floodscan.selection.columns import is_value
from floodscan.selection.labels import Verdict
from floodscan.selection.sample_points import N_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from floodscan.model import Recipe, Sensor, SensorRecipe

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Numbers = NDArray[np.float64]

CLOUD_UNKNOWN = 1000.0
"""Percent that a missing cloud cover counts as."""

KNOWN = 0
SHARES_ONLY = 1
UNREAD = 8  # a sum over the four phases then compares first the number of unread passes

CLOUD_COLUMNS = ("cloud_cover", "cloud_frac", "nodata_frac")
"""The columns that ``counted_cloud`` needs."""

_CLOUDS = pa.schema([CANDIDATES.field(name) for name in CLOUD_COLUMNS])


def counts_area(asked: SensorRecipe) -> bool:
    """Return whether clouds of a sensor count over the target."""
    return asked.cloud is CloudScope.AREA


def reads_area(recipe: Recipe) -> bool:
    """Return whether clouds of any sensor count over the target."""
    return any(map(counts_area, recipe.sensors.values()))


def counted_cloud(candidates: pa.Table, asked: SensorRecipe) -> Numbers:
    """Find the cloud of each scene that limits and costs count, percent, shape (n,).

    Over a target it is the share of the ground that the scene shows. A scene that shows none of the
    target has an unknown cloud, as has a scene that states none.

    Args:
        candidates: Table with ``CLOUD_COLUMNS``, n rows.
        asked: The rules of the sensor.
    """
    if counts_area(asked):
        return _over_area(candidates)
    cloud: Numbers = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
    return cloud


def _over_area(candidates: pa.Table) -> Numbers:
    cloud = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
    covered, nodata = (candidates[name].to_numpy() for name in CLOUD_COLUMNS[1:])
    shown = 1 - nodata
    with np.errstate(divide="ignore", invalid="ignore"):
        over_area = np.where(shown > 0, 100 * covered / shown, CLOUD_UNKNOWN)
    return np.where(np.isnan(covered), cloud, over_area)


def counted_clouds(candidates: pa.Table, recipe: Recipe) -> Numbers:
    """Find the cloud that counts of the scenes of all sensors, percent, shape (n,)."""
    cloud: Numbers = pc.fill_null(candidates["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
    for sensor, asked in recipe.sensors.items():
        if counts_area(asked):
            here = is_value(candidates["sensor"], sensor)
            cloud = np.where(here, counted_cloud(candidates, asked), cloud)
    return cloud


def rank_knowledge(candidates: pa.Table, recipe: Recipe) -> Indices:
    """Find what is known of the clear ground, shape (n,); ``KNOWN`` where it does not count."""
    ranks = np.full(len(candidates), KNOWN)
    for sensor in _area_sensors(recipe):
        here = is_value(candidates["sensor"], sensor)
        placed, told = (
            np.asarray(candidates[name].is_valid()) for name in ("clear_points", "clear_source")
        )
        found = np.where(placed, KNOWN, np.where(told, SHARES_ONLY, UNREAD))
        ranks = np.where(here, found, ranks)
    return ranks


def clear_sets(candidates: pa.Table, recipe: Recipe) -> list[int | None]:
    """Return the clear sample points of each scene; None where they are unknown or don't count."""
    found: list[int | None] = [None] * len(candidates)
    for sensor in _area_sensors(recipe):
        here = is_value(candidates["sensor"], sensor) & np.asarray(
            candidates["clear_points"].is_valid()
        )
        rows = np.flatnonzero(here)
        packed = candidates["clear_points"].take(pa.array(rows)).to_pylist()
        for row, points in zip(rows.tolist(), packed, strict=True):
            found[row] = int.from_bytes(points, "little")
    return found


def measure_scene(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measures by which policy ``reference`` orders scenes where clear ground counts.

    Args:
        row: A row of CANDIDATES.

    Returns:
        In their order: ``clear_ground`` (``known``, ``shares only`` or ``unread``), the share of
        the target that the scene shows clear, or else that it covers, and ``area_cloud``, percent.
    """
    table = pa.Table.from_pylist([{name: row[name] for name in CLOUD_COLUMNS}], schema=_CLOUDS)
    if row["clear_points"] is not None:
        clear = int.from_bytes(row["clear_points"], "little").bit_count() / N_POINTS
        shown = {"clear_ground": "known", "clear_share": clear}
    else:
        known = "unread" if row["clear_source"] is None else "shares only"
        shown = {"clear_ground": known, "overlap_frac": row["overlap_frac"]}
    return {**shown, "area_cloud": _over_area(table).item()}


def judge_clouds(candidates: pa.Table, recipe: Recipe) -> pa.Table:
    """Judge again which scenes are too cloudy, once their clear ground was read.

    Args:
        candidates: CANDIDATES, judged but not ranked.
        recipe: The rules.
    """
    if not reads_area(recipe):
        return candidates
    verdicts = candidates["verdict"].to_numpy(zero_copy_only=False).astype(object)
    for sensor in _area_sensors(recipe):
        asked = recipe.sensors[sensor]
        if asked.max_cloud_percent is not None:
            open_ = np.isin(verdicts, (Verdict.ELIGIBLE, Verdict.TOO_CLOUDY))
            here = open_ & is_value(candidates["sensor"], sensor)
            is_below = counted_cloud(candidates, asked) < asked.max_cloud_percent
            judged = np.where(is_below, Verdict.ELIGIBLE, Verdict.TOO_CLOUDY)
            verdicts = np.where(here, judged, verdicts)
    at = CANDIDATES.get_field_index("verdict")
    return candidates.set_column(at, CANDIDATES.field(at), pa.array(verdicts, pa.string()))


def _area_sensors(recipe: Recipe) -> Sequence[Sensor]:
    return [sensor for sensor, asked in recipe.sensors.items() if counts_area(asked)]
