"""ITEMS × slots → CANDIDATES: which items each slot may take, and how well each of them fits.

A candidate of a slot is an item that a search for just that slot would find: of the sensor's
collection, its time inside the window (or unknown), its footprint touching the bbox of the target.
So it makes no difference which searches brought the items, or what else they brought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.geometry.footprints import bbox_polygon, overlap_fractions
from floodscan.schemas import CANDIDATES, ITEMS, check_table
from floodscan.selection.columns import NO_INSTANT, microseconds
from floodscan.selection.labels import Verdict
from floodscan.selection.passes import identify_passes, identify_tracks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries
    from floodscan.model import Recipe
    from floodscan.planning.slots import Slot
    from floodscan.planning.targets import Target

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DAYS_UNKNOWN = 999
"""``days_from_phase`` of an item whose time is unknown."""

CLOUD_UNKNOWN = 1000.0
"""Percent that a missing cloud cover counts as."""

_DAY = 86_400_000_000  # microseconds
_LAST_SECOND = 86_399_000_000


def score(
    items: pa.Table,
    slots: Sequence[Slot],
    recipe: Recipe,
    *,
    complete: Sequence[bool] | None = None,
) -> pa.Table:
    """Measure every item against every slot that a search for the slot would find it for.

    Args:
        items: ITEMS table; repeats of an item count once.
        slots: The slots, those of one target one after the other.
        recipe: What is asked of each sensor.
        complete: Whether each slot was given all that the catalog holds, shape (slots,); from an
            answer known to be incomplete nothing may be chosen. None: all were.

    Returns:
        CANDIDATES table in the order of the slots, within one by item id; not ranked yet.
        ``verdict`` tells why an item can't be chosen, or that it is eligible.
    """
    items = unique_items(items)
    footprints = shapely.from_wkb(items["geometry"].to_numpy())
    targets = list(dict.fromkeys(slot.target for slot in slots))
    pair_targets, pair_items = _find(items, footprints, targets)
    overlaps = _measure_overlaps(footprints, targets, pair_targets, pair_items)
    pairs, of_slots = _join(slots, targets, pair_targets)
    inside = _inside_window(items, pair_items[pairs], slots, of_slots)
    inside &= _of_collection(items, pair_items[pairs], slots, of_slots, recipe)
    pairs, of_slots = pairs[inside], of_slots[inside]
    order = np.lexsort((pair_items[pairs], of_slots))  # items are sorted by id
    pairs, of_slots = pairs[order], of_slots[order]
    candidates = _tabulate(items, slots, recipe, pair_items[pairs], of_slots, overlaps[pairs])
    return (
        candidates
        if complete is None
        else withhold(candidates, np.array(complete)[of_slots], recipe)
    )


def unique_items(items: pa.Table) -> pa.Table:
    """Sort items by collection and id, and keep the first of those that are there more than once."""
    items = check_table(items, ITEMS).sort_by(
        [("collection", "ascending"), ("item_id", "ascending")]
    )
    if len(items) == 0:
        return items
    keys = [
        items[name].combine_chunks().dictionary_encode().indices
        for name in ("collection", "item_id")
    ]
    codes = np.stack([key.to_numpy(zero_copy_only=False) for key in keys])
    first = np.append(True, (codes[:, 1:] != codes[:, :-1]).any(axis=0))
    return items.filter(pa.array(first)).combine_chunks()


def _find(
    items: pa.Table, footprints: Geometries, targets: Sequence[Target]
) -> tuple[Indices, Indices]:
    """Pair each target with the items that touch its bbox, in the order of the targets."""
    extents = shapely.from_wkb(items["extent"].to_numpy())
    searched = np.where(shapely.is_empty(footprints), extents, footprints)
    boxes = [bbox_polygon(*target.bbox) for target in targets]
    pair_targets, pair_items = shapely.STRtree(searched).query(boxes, predicate="intersects")
    order = np.lexsort((pair_items, pair_targets))
    return pair_targets[order], pair_items[order]


def _measure_overlaps(
    footprints: Geometries, targets: Sequence[Target], pair_targets: Indices, pair_items: Indices
) -> NDArray[np.float64]:
    overlaps = np.zeros(len(pair_items))
    ends = np.searchsorted(pair_targets, np.arange(len(targets) + 1))
    for target, start, end in zip(targets, ends[:-1], ends[1:], strict=True):
        overlaps[start:end] = overlap_fractions(footprints[pair_items[start:end]], target.area)
    return overlaps


def _join(
    slots: Sequence[Slot], targets: Sequence[Target], pair_targets: Indices
) -> tuple[Indices, Indices]:
    """Pair each target × item with each slot of the target: indices of the former and of the slots."""
    numbers = {target: number for number, target in enumerate(targets)}
    of_target = np.array([numbers[slot.target] for slot in slots], dtype=np.int64)
    by_target = np.argsort(of_target, kind="stable")
    counts = np.bincount(of_target, minlength=len(targets))
    starts = np.cumsum(counts) - counts
    repeats = counts[pair_targets]
    pairs = np.repeat(np.arange(len(pair_targets)), repeats)
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return pairs, by_target[starts[pair_targets[pairs]] + within]


def _inside_window(
    items: pa.Table, of_items: Indices, slots: Sequence[Slot], of_slots: Indices
) -> Mask:
    times = microseconds(items["datetime"])[of_items]
    opens, closes = np.full((2, len(slots)), NO_INSTANT)
    for number, slot in enumerate(slots):
        if slot.window is not None:
            opens[number] = np.datetime64(slot.window.start.replace(tzinfo=None), "us").astype(
                np.int64
            )
            closes[number] = np.datetime64(slot.window.end.replace(tzinfo=None), "us").astype(
                np.int64
            )
    timeless = (times == NO_INSTANT) | (closes[of_slots] == NO_INSTANT)
    inside: Mask = timeless | ((times >= opens[of_slots]) & (times <= closes[of_slots]))
    return inside


def _of_collection(
    items: pa.Table, of_items: Indices, slots: Sequence[Slot], of_slots: Indices, recipe: Recipe
) -> Mask:
    encoded = items["collection"].combine_chunks().dictionary_encode()
    codes = {name: code for code, name in enumerate(encoded.dictionary.to_pylist())}
    asked = np.array(
        [codes.get(recipe.rules[slot.sensor].asked.collection, -1) for slot in slots], dtype=int
    )
    found: Indices = encoded.indices.to_numpy(zero_copy_only=False)[of_items]
    same: Mask = found == asked[of_slots]
    return same


def _tabulate(
    items: pa.Table,
    slots: Sequence[Slot],
    recipe: Recipe,
    of_items: Indices,
    of_slots: Indices,
    overlaps: NDArray[np.float64],
) -> pa.Table:
    taken = items.take(pa.array(of_items))
    days, offsets = _days(taken["datetime"], slots, of_slots)
    sensors = [slot.sensor for slot in slots]
    of_sensors = np.array(sensors, dtype=object)[of_slots]
    missing, lacking = _find_missing(taken["assets"], of_sensors, recipe)
    outside = _outside_windows(taken["datetime"], offsets, of_sensors, recipe)
    verdicts = judge(taken, of_sensors, recipe, overlaps=overlaps, lacking=lacking, outside=outside)
    of_slot = {
        "event_id": _spread([slot.event_id for slot in slots], of_slots),
        "target_id": _spread([slot.target.target_id for slot in slots], of_slots),
        "phase": _spread([slot.phase for slot in slots], of_slots),
        "sensor": _spread(sensors, of_slots),
    }
    placed = _with_columns(taken, of_slot)
    own = {
        **of_slot,
        "pass_id": identify_passes(placed),
        "track_id": identify_tracks(placed),
        "days_from_phase": days,
        "day_offset": offsets,
        "overlap_frac": overlaps,
        "missing_assets": missing,
        "rank": pa.nulls(len(taken), pa.int32()),
        "selected": np.zeros(len(taken), dtype=bool),
        "verdict": verdicts,
        "relaxed": pa.nulls(len(taken), CANDIDATES.field("relaxed").type),
        "superseded_by": pa.nulls(len(taken), pa.string()),
    }
    columns = [own[name] if name in own else taken[name] for name in CANDIDATES.names]
    return check_table(pa.table(columns, schema=CANDIDATES), CANDIDATES)


def _with_columns(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def _spread(values: Sequence[str | None], of_slots: Indices) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(of_slots))


def _days(
    times: pa.ChunkedArray, slots: Sequence[Slot], of_slots: Indices
) -> tuple[pa.Array, pa.Array]:
    """Count UTC calendar days from each slot's date: without sign (999 unknown), and signed."""
    micros = microseconds(times)
    dated = np.array([slot.day is not None for slot in slots], dtype=bool)[of_slots]
    days = np.array([slot.day or 0 for slot in slots], dtype="datetime64[D]").astype(np.int64)
    offsets = micros // _DAY - days[of_slots]
    unknown = micros == NO_INSTANT
    distance = np.where(unknown, DAYS_UNKNOWN, np.abs(offsets)).astype(np.int32)
    signed = np.where(unknown, 0, offsets).astype(np.int32)
    return pa.array(distance, mask=~dated), pa.array(signed, mask=~dated | unknown)


def judge(
    scenes: pa.Table,
    sensors: NDArray[np.object_],
    recipe: Recipe,
    *,
    overlaps: NDArray[np.float64],
    lacking: Mask,
    outside: Mask,
) -> NDArray[np.object_]:
    """Say of each scene why it can't be chosen, or that it is eligible.

    The last reason that holds counts.

    Args:
        scenes: Table with ``cloud_cover`` and ``polarizations``, n rows.
        sensors: Which sensor each is a candidate for, shape (n,).
        recipe: The rules.
        overlaps: Part of the target that each covers, shape (n,).
        lacking: Whether it lacks an asset, shape (n,).
        outside: Whether it is outside of the window that the recipe starts with, shape (n,).

    Returns:
        Verdicts, shape (n,).
    """
    verdicts = np.full(len(scenes), Verdict.ELIGIBLE, dtype=object)
    for sensor, asked in recipe.sensors.items():
        here = sensors == sensor
        if asked.max_cloud_percent is not None:
            cloud = pc.fill_null(scenes["cloud_cover"], CLOUD_UNKNOWN).to_numpy()
            verdicts[here & ~(cloud < asked.max_cloud_percent)] = Verdict.TOO_CLOUDY
        verdicts[here & outside] = Verdict.OUTSIDE_WINDOW
        if asked.polarizations:
            has = _has_each(scenes["polarizations"], asked.polarizations, of_map_keys=False).all(
                axis=1
            )
            verdicts[here & ~has] = Verdict.MISSING_POLARIZATIONS
    verdicts[lacking] = Verdict.MISSING_ASSETS
    verdicts[overlaps == 0] = Verdict.NO_OVERLAP
    return verdicts


def _find_missing(
    assets: pa.ChunkedArray, sensors: NDArray[np.object_], recipe: Recipe
) -> tuple[pa.ListArray, Mask]:
    """List the assets that each scene lacks, and tell whether it lacks any."""
    missing = np.zeros((len(assets), 0), dtype=bool)
    keys: list[str] = []
    for sensor, asked in recipe.sensors.items():
        lacking = ~_has_each(assets, asked.assets, of_map_keys=True) & (sensors == sensor)[:, None]
        missing, keys = np.hstack([missing, lacking]), [*keys, *asked.assets]
    return _lists(keys, missing), np.asarray(missing.any(axis=1), dtype=bool)


def _outside_windows(
    times: pa.ChunkedArray, offsets: pa.Array, sensors: NDArray[np.object_], recipe: Recipe
) -> Mask:
    """Tell which candidates only a wider window admits than the recipe starts with."""
    outside = np.zeros(len(times), dtype=bool)
    for sensor, rules in recipe.rules.items():
        days = rules.asked.window_days
        if days is not None and rules.ladder:
            outside |= (sensors == sensor) & beyond(times, offsets, days)
    return outside


def beyond(
    times: pa.ChunkedArray, day_offsets: pa.Array | pa.ChunkedArray, window_days: int
) -> Mask:
    """Tell which candidates are outside a window of whole UTC days, as ``TimeWindow.around`` spans it, shape (n,).

    An unknown time is outside of none.
    """
    offsets = np.asarray(day_offsets.fill_null(0))
    after_last_second = microseconds(times) % _DAY > _LAST_SECOND
    far: Mask = (np.abs(offsets) > window_days) | ((offsets == window_days) & after_last_second)
    far &= ~np.asarray(day_offsets.is_null())
    return far


def withhold(candidates: pa.Table, complete: Mask, recipe: Recipe) -> pa.Table:
    """Let nothing be chosen from incomplete answers, not after loosening a rule either.

    Args:
        candidates: Judged CANDIDATES.
        complete: Whether the answer that each row is from was complete, shape (n,).
        recipe: The rules; what a step of its ladder would admit is withheld too.
    """
    verdicts = candidates["verdict"]
    choosable = [Verdict.ELIGIBLE]
    if any(rules.ladder for rules in recipe.rules.values()):
        choosable += [Verdict.OUTSIDE_WINDOW, Verdict.TOO_CLOUDY]
    withheld = pc.and_(pa.array(~complete), pc.is_in(verdicts, pa.array(choosable)))
    place = candidates.schema.get_field_index("verdict")
    return candidates.set_column(
        place,
        candidates.schema.field(place),
        pc.if_else(withheld, Verdict.INCOMPLETE_ANSWER, verdicts),
    )


def _has_each(lists: pa.ChunkedArray, wanted: Sequence[str], *, of_map_keys: bool) -> Mask:
    """Tell for each row which of the wanted texts its list (or its map's keys) has, shape (n, wanted)."""
    array = lists.combine_chunks()
    offsets = array.offsets.to_numpy()
    values = (array.keys if of_map_keys else array.values)[offsets[0] : offsets[-1]]
    owners = np.repeat(np.arange(len(array)), np.diff(offsets))
    has = np.zeros((len(array), len(wanted)), dtype=bool)
    for column, text in enumerate(wanted):
        has[owners[pc.equal(values, text).to_numpy(zero_copy_only=False)], column] = True
    return has


def _lists(texts: Sequence[str], chosen: Mask) -> pa.ListArray:
    """Make a list per row of the texts that are chosen in it."""
    ends = np.append(0, np.cumsum(chosen.sum(axis=1)))
    columns = np.nonzero(chosen)[1]
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(texts, pa.string()).take(pa.array(columns))
    )
