"""Items × slots → pairs: the items that each slot may take, and what they cover of its target.

An item is paired with a slot if a search for this slot alone would find it: it is of the sensor's
collection, its time lies in the window or is unknown, and its footprint touches the target's bbox.

Boxes are compared once for each outline and target. Then the items of each target are sorted by
collection and time, so that those of a slot are next to each other: two searches in a sorted array
find them, and no item is looked at that the slot may not take.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.geometry.footprints import bbox_polygon, overlap_fractions
from floodscan.geometry.scan_lines import ragged_arange
from floodscan.selection.columns import NO_INSTANT, code_texts, dense_ranks, microseconds, one_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries
    from floodscan.model import Recipe
    from floodscan.planning.slots import Slot
    from floodscan.planning.targets import Target

    Indices = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ALL_TIME = NO_INSTANT + 1, np.iinfo(np.int64).max  # all known times


class Pairs(NamedTuple):
    """Items and slots that may take them; ascending by slot, then by id of the item.

    Attributes:
        items: Rows of the items, shape (n,).
        slots: Numbers of the slots, shape (n,).
        overlaps: Shares of the slots' targets that the footprints cover, shape (n,).
    """

    items: Indices
    slots: Indices
    overlaps: NDArray[np.float64]


class _Touching(NamedTuple):
    """Targets and items that touch their bboxes, shape (pairs,) each.

    Attributes:
        targets: Numbers of the targets.
        items: Numbers of the items.
    """

    targets: Indices
    items: Indices


def find_unique(items: pa.Table) -> Indices:
    """Return the first row of each item, sorted by collection and id."""
    ids = dense_ranks(items["item_id"])
    keys = code_texts(items["collection"]) * (len(ids) + 1) + ids
    rows: Indices = np.unique(keys, return_index=True)[1]
    return rows


def pair_items(items: pa.Table, slots: Sequence[Slot], recipe: Recipe) -> Pairs:
    """Pair each slot with its candidates, and measure what they cover of its target.

    Args:
        items: ITEMS table; repeats of an item count once.
        slots: The slots.
        recipe: The rules.
    """
    rows = find_unique(items)
    outlines = one_array(items["geometry"]).dictionary_encode()
    of_outline = np.asarray(outlines.indices)[rows]  # repeated passes share their outlines
    footprints = shapely.from_wkb(outlines.dictionary.to_numpy(zero_copy_only=False))
    targets = {id(slot.target): slot.target for slot in slots}
    numbers = {key: number for number, key in enumerate(targets)}
    of_target = np.array([numbers[id(slot.target)] for slot in slots])
    touching = _pair_with_targets(
        footprints, of_outline, items["extent"].take(pa.array(rows)), [*targets.values()]
    )
    places = items.select(["collection", "datetime"]).take(pa.array(rows))
    of_items, of_slots = _pair_with_slots(places, touching, slots, of_target, recipe)
    areas = np.array([target.area for target in targets.values()], dtype=object)
    overlaps = _measure_overlaps(footprints, of_outline[of_items], areas, of_target[of_slots])
    return Pairs(rows[of_items], of_slots, overlaps)


def _pair_with_targets(
    footprints: Geometries,
    of_outline: Indices,
    extents: pa.ChunkedArray,
    targets: Sequence[Target],
) -> _Touching:
    """Pair each target with the items that touch its bbox.

    Args:
        footprints: The different outlines.
        of_outline: Number of each item's outline, shape (items,).
        extents: Of the items, WKB; an extent stands for an empty footprint.
        targets: The targets.
    """
    bare = np.flatnonzero(shapely.is_empty(footprints)[of_outline])
    drawn = shapely.from_wkb(extents.take(pa.array(bare)).to_numpy())
    of_shape = of_outline.astype(np.int64)
    of_shape[bare] = len(footprints) + np.arange(len(bare))
    tree = shapely.STRtree(np.append(footprints, drawn))
    boxes = [bbox_polygon(*target.bbox) for target in targets]
    of_targets, of_shapes = tree.query(boxes, predicate="intersects")
    by_shape = np.argsort(of_shape, kind="stable")
    counts = np.bincount(of_shape, minlength=len(tree))
    ends = np.cumsum(counts)
    owners, members = _join_ranges((ends - counts)[of_shapes], ends[of_shapes])
    return _Touching(of_targets[owners], by_shape[members])


def _pair_with_slots(
    places: pa.Table,
    touching: _Touching,
    slots: Sequence[Slot],
    of_target: Indices,
    recipe: Recipe,
) -> tuple[Indices, Indices]:
    """Pair each slot with the items of its collection and window that touch its target.

    Args:
        places: Table with ``collection`` and ``datetime``.
        touching: The targets, and the items that touch them.
        slots: The slots.
        of_target: Number of each slot's target, shape (slots,).
        recipe: The rules.

    Returns:
        Numbers of the items and of the slots, shape (n,) each; ascending by slot, then by item.
    """
    collections = list(dict.fromkeys(asked.collection for asked in recipe.sensors.values()))
    known = pc.index_in(places["collection"], pa.array(collections, pa.string()))
    of_collection = np.asarray(known.fill_null(len(collections)))
    asked = [collections.index(recipe.sensors[slot.sensor].collection) for slot in slots]
    times, of_time = np.unique(microseconds(places["datetime"]), return_inverse=True)

    def number(targets: Indices, of: Indices, times_before: Indices) -> Indices:
        return (targets * (len(collections) + 1) + of) * len(times) + times_before

    keys = number(touching.targets, of_collection[touching.items], of_time[touching.items])
    order = np.argsort(keys)
    first, last = (
        np.searchsorted(keys[order], number(of_target, np.array(asked), edges))
        for edges in _find_windows(slots, times)
    )
    owners, members = _join_ranges(first.ravel(), last.ravel())
    of_slots, of_items = owners % len(slots), touching.items[order[members]]
    order = np.lexsort((of_items, of_slots))
    return of_items[order], of_slots[order]


def _find_windows(slots: Sequence[Slot], times: Indices) -> tuple[Indices, Indices]:
    """Find two ranges of times for each slot: the unknown time, and the times in its window.

    Args:
        slots: The slots.
        times: Microseconds since 1970, ascending, each once.

    Returns:
        Number of the first time in each range, and of the first time after it, shape (2, slots).
    """
    windows = [slot.window for slot in slots]
    edges = np.array(
        [_ALL_TIME if each is None else (_count(each.start), _count(each.end)) for each in windows]
    )
    first = np.searchsorted(times, edges[:, 0])
    last = np.searchsorted(times, edges[:, 1], side="right")
    n_unknown = np.searchsorted(times, NO_INSTANT, side="right")
    return np.stack([np.zeros_like(first), first]), np.stack([np.full_like(last, n_unknown), last])


def _count(moment: datetime) -> int:
    """Count microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def _join_ranges(starts: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """Join ranges of numbers: the range of each number, and the number, shape (sum of lengths,)."""
    counts = ends - starts
    owners = np.repeat(np.arange(len(counts)), counts)
    return owners, starts[owners] + ragged_arange(counts)


def _measure_overlaps(
    footprints: Geometries, of_outline: Indices, targets: Geometries, of_target: Indices
) -> NDArray[np.float64]:
    """Measure the overlap of each row's footprint and target, once for equal ones, shape (n,)."""
    keys, of_keys = np.unique(of_target * len(footprints) + of_outline, return_inverse=True)
    key_targets, key_outlines = np.divmod(keys, len(footprints))
    return overlap_fractions(footprints[key_outlines], targets[key_targets])[of_keys]
