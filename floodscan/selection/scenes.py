"""The scenes that the slots of a part may take, for policy ``change-detection``.

The columns are read, and the points are found, for all targets at once: for one target alone the
calls would take longer than their work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.schemas import SLOT
from floodscan.selection.attributes import NEVER
from floodscan.selection.clearness import CLOUD_UNKNOWN, clear_sets
from floodscan.selection.columns import group_starts, microseconds, one_array
from floodscan.selection.mosaics import MILLI, Scene
from floodscan.selection.sample_points import (
    ALL_POINTS,
    N_POINTS,
    all_covered_points,
    place_all_sample_points,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.targets import Target
    from floodscan.selection.attributes import CandidateAttributes

    Indices = NDArray[np.int64]
    TargetKey = tuple[str, str]  # event id and target id
    TargetScenes = dict[tuple[str, str | None], list[Scene]]  # by sensor and phase of the slot
    Coverage = tuple[list[int], list[int], list[int]]

_READ = (
    *("sensor", "item_id", "datetime", "days_from_phase", "mgrs_tile", "geometry"),
    *("overlap_frac", "clear_points"),
)


def list_scenes(
    candidates: pa.Table,
    slots: Indices,
    attributes: CandidateAttributes,
    targets: Mapping[TargetKey, Target],
    recipe: Recipe,
) -> dict[TargetKey, TargetScenes]:
    """List the candidates that some level of the ladder admits, by target and slot.

    Args:
        candidates: CANDIDATES table, the rows of each slot next to each other.
        slots: Number of each row's slot, ascending, shape (n,).
        attributes: Of the candidates.
        targets: The targets of the candidates.
        recipe: The rules.
    """
    firsts = candidates.select(SLOT).take(pa.array(np.flatnonzero(group_starts([slots]))))
    keys = list(zip(*firsts.to_pydict().values(), strict=True))
    rows = np.flatnonzero(attributes.levels != NEVER)
    table = candidates.select(_READ).take(pa.array(rows))
    numbers = {key: number for number, key in enumerate(targets)}
    of_slots = np.array([numbers[event_id, target_id] for event_id, target_id, _, _ in keys])
    coverage = _find_points(table, of_slots[slots[rows]], [*targets.values()], recipe)
    scenes = _make_scenes(table, rows, attributes, coverage)
    edges = np.searchsorted(slots[rows], np.arange(len(keys) + 1)).tolist()
    found: dict[TargetKey, TargetScenes] = {}
    for (event_id, target_id, *slot), first, end in zip(keys, edges[:-1], edges[1:], strict=True):
        phase, sensor = slot
        found.setdefault((event_id, target_id), {})[sensor, phase] = scenes[first:end]
    return found


def _make_scenes(
    table: pa.Table, rows: Indices, attributes: CandidateAttributes, coverage: Coverage
) -> list[Scene]:
    """Make the scenes of the rows of a table; ``rows`` are theirs in the table of candidates."""
    cloud = attributes.clouds[rows]
    # a percent below 0 or above 1000 is a mistake in the item; sums must stay small integers
    cloud = np.round(np.nan_to_num(np.clip(cloud, 0, CLOUD_UNKNOWN), nan=CLOUD_UNKNOWN) * MILLI)
    fields = (
        rows.tolist(),
        table["item_id"].to_pylist(),
        attributes.passes[rows].tolist(),
        attributes.unknown[rows].tolist(),
        attributes.tracks[rows].tolist(),
        attributes.levels[rows].tolist(),
        microseconds(table["datetime"]).tolist(),
        np.asarray(pc.fill_null(table["days_from_phase"], 0)).tolist(),
        cloud.astype(int).tolist(),
        table["mgrs_tile"].to_pylist(),
        table["geometry"].to_pylist(),
        table["overlap_frac"].to_numpy().tolist(),
        *coverage,
    )
    return list(map(Scene._make, zip(*fields, strict=True)))


def _find_points(
    table: pa.Table, of_targets: Indices, targets: Sequence[Target], recipe: Recipe
) -> Coverage:
    """Find the points of its target that each scene covers.

    Where clear ground is known, these are the points inside the footprint that are clear.

    Args:
        table: The scenes, n rows.
        of_targets: Number of each scene's target, shape (n,).
        targets: The targets.
        recipe: The rules.

    Returns:
        Sets of points, their sizes, and the numbers of points inside the footprints.
    """
    points: list[int] = [ALL_POINTS] * len(table)
    ground: list[int] = [N_POINTS] * len(table)
    partial = np.flatnonzero(table["overlap_frac"].to_numpy() < 1)
    inside = _find_inside(table["geometry"].take(pa.array(partial)), of_targets[partial], targets)
    for row, covered in zip(partial.tolist(), inside, strict=True):
        points[row], ground[row] = covered
    sizes = ground.copy()
    for row, clear in enumerate(clear_sets(table, recipe)):
        if clear is not None:
            points[row] &= clear
            sizes[row] = points[row].bit_count()
    return points, sizes, ground


def _find_inside(
    outlines: pa.ChunkedArray, of_targets: Indices, targets: Sequence[Target]
) -> list[tuple[int, int]]:
    """Find the points of targets inside outlines, and their numbers, once for equal outlines."""
    if len(outlines) == 0:
        return []
    encoded = one_array(outlines).dictionary_encode()
    shapes = shapely.from_wkb(encoded.dictionary.to_numpy(zero_copy_only=False))
    keys, of_keys = np.unique(
        of_targets * len(shapes) + np.asarray(encoded.indices), return_inverse=True
    )
    key_targets, key_shapes = np.divmod(keys, len(shapes))
    numbers, of_areas = np.unique(key_targets, return_inverse=True)
    sample_points = place_all_sample_points([targets[number] for number in numbers.tolist()])
    sets = [
        (points, points.bit_count())
        for points in all_covered_points(sample_points, shapes[key_shapes], of_areas)
    ]
    return [sets[key] for key in of_keys.tolist()]
