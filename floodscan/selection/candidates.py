"""ITEMS × slots → CANDIDATES: the items that each slot may take, and their measures.

A candidate of a slot is an item that a search for this slot alone would find: it is of the sensor's
collection, its time lies in the window or is unknown, and its footprint touches the target's bbox.
So the candidates do not depend on which searches found the items, or on further items in the
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.geometry.footprints import bbox_polygon, overlap_fractions
from floodscan.geometry.scan_lines import ragged_arange
from floodscan.schemas import CANDIDATES, CLEARNESS, ITEMS, check_table
from floodscan.selection.clearness import counted_cloud, counts_area
from floodscan.selection.columns import NO_INSTANT, encode, group_starts, microseconds
from floodscan.selection.labels import Verdict
from floodscan.selection.passes import identify_passes, identify_tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from floodscan.geometry.footprints import Geometries
    from floodscan.model import Recipe
    from floodscan.planning.slots import Slot
    from floodscan.planning.targets import Target

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DAYS_UNKNOWN = 999
"""``days_from_phase`` of an item whose time is unknown."""

_HOURS = ("hours_from_onset", "hours_from_peak")
_JUDGED = {
    *_HOURS, "pass_id", "track_id", "rank", "selected", "verdict", "relaxed", "superseded_by",
    "flags",
}  # fmt: skip

MEASURED = pa.schema([field for field in CANDIDATES if field.name not in _JUDGED])
"""CANDIDATES without the columns that depend on the rules and on other candidates."""

_PLACES = ["collection", "datetime", "geometry", "extent"]  # what decides on candidates
_DAY = 86_400_000_000  # microseconds
_LAST_SECOND = 86_399_000_000  # microseconds of a day


def score(
    items: pa.Table,
    slots: Sequence[Slot],
    recipe: Recipe,
    *,
    complete: Sequence[bool] | None = None,
    covered: Sequence[bool] | None = None,
) -> pa.Table:
    """Find the candidates of each slot and measure them.

    Args:
        items: ITEMS table; repeats of an item count once.
        slots: The slots, the slots of each target next to each other.
        recipe: The rules.
        complete: Whether the slot's answer holds all items of the catalog, shape (slots,); nothing
            is chosen from an incomplete answer. None if all answers are complete.
        covered: Whether the archive covers the slot's window, shape (slots,); the answer is
            incomplete if it does not. None if all windows are covered.

    Returns:
        CANDIDATES table in the order of the slots, and by item id within a slot. Nothing is ranked
        yet: ``verdict`` is ``eligible``, or says why the candidate cannot be chosen.
    """
    if len(items) == 0:
        return CANDIDATES.empty_table()
    items = check_table(items, ITEMS)
    rows = find_unique(items)
    places = items.select(_PLACES).take(pa.array(rows)).combine_chunks()
    of_items, of_slots, overlaps = _pair(places, slots, recipe)
    found = items.take(pa.array(rows[of_items]))
    measured = _measure(found, slots, recipe, of_slots, overlaps)
    answered, known = (_take_flags(flags, of_slots) for flags in (complete, covered))
    return judge(measured, recipe, complete=answered, covered=known)


def _take_flags(flags: Sequence[bool] | None, of_slots: Indices) -> Mask:
    """Take the flag of each row's slot, shape (n,); without flags, all are true."""
    if flags is None:
        return np.ones(len(of_slots), dtype=bool)
    return np.array(flags, dtype=bool)[of_slots]


def find_unique(items: pa.Table) -> Indices:
    """Return one row of each item, sorted by collection and id."""
    keys = items.select(["collection", "item_id"])
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    ordered = keys.take(order)
    first = group_starts([encode(column) for column in ordered.columns])
    return np.asarray(order).astype(np.int64)[first]


def _pair(
    places: pa.Table, slots: Sequence[Slot], recipe: Recipe
) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """Pair each slot with its candidates, and measure what they cover of its target.

    Returns:
        Numbers of the items, of the slots, and shares of the targets, shape (n,) each; ascending by
        slot, then by item.
    """
    outlines = places["geometry"].combine_chunks().dictionary_encode()
    of_outline = np.asarray(outlines.indices)  # passes over the same ground share their outlines
    footprints = shapely.from_wkb(outlines.dictionary.to_numpy(zero_copy_only=False))
    targets = list(dict.fromkeys(slot.target for slot in slots))
    pair_targets, pair_items = _pair_with_targets(places, footprints[of_outline], targets)
    pairs, of_slots = _pair_with_slots(slots, targets, pair_targets)
    inside = _inside_window(places, pair_items[pairs], slots, of_slots)
    inside &= _is_of_collection(places, pair_items[pairs], slots, of_slots, recipe)
    pairs, of_slots = pairs[inside], of_slots[inside]
    order = np.lexsort((pair_items[pairs], of_slots))
    pairs, of_slots = pairs[order], of_slots[order]
    of_items = pair_items[pairs]
    overlaps = _measure_overlaps(footprints, of_outline[of_items], targets, pair_targets[pairs])
    return of_items, of_slots, overlaps


def _pair_with_targets(
    items: pa.Table, footprints: Geometries, targets: Sequence[Target]
) -> tuple[Indices, Indices]:
    """Pair each target with the items that touch its bbox.

    Returns:
        Numbers of the targets, ascending, and of the items, shape (pairs,) each.
    """
    extents = shapely.from_wkb(items["extent"].to_numpy())
    searched = np.where(shapely.is_empty(footprints), extents, footprints)
    boxes = [bbox_polygon(*target.bbox) for target in targets]
    pair_targets, pair_items = shapely.STRtree(searched).query(boxes, predicate="intersects")
    order = np.lexsort((pair_items, pair_targets))
    return pair_targets[order], pair_items[order]


def _measure_overlaps(
    footprints: Geometries, of_outline: Indices, targets: Sequence[Target], of_targets: Indices
) -> NDArray[np.float64]:
    """Measure the overlap of each row's footprint and target, once for equal ones, shape (n,)."""
    keys, of_keys = np.unique(of_targets * len(footprints) + of_outline, return_inverse=True)
    key_targets, key_outlines = np.divmod(keys, len(footprints))
    ends = np.searchsorted(key_targets, np.arange(len(targets) + 1))
    overlaps = [
        overlap_fractions(footprints[key_outlines[start:end]], target.area)
        for target, start, end in zip(targets, ends[:-1], ends[1:], strict=True)
    ]
    return np.concatenate(overlaps)[of_keys]


def _pair_with_slots(
    slots: Sequence[Slot], targets: Sequence[Target], pair_targets: Indices
) -> tuple[Indices, Indices]:
    """Pair each pair of target and item with each slot of the target.

    Returns:
        Numbers of the pairs and of the slots, shape (n,) each.
    """
    numbers = {target: number for number, target in enumerate(targets)}
    of_target = np.array([numbers[slot.target] for slot in slots], dtype=np.int64)
    by_target = np.argsort(of_target, kind="stable")
    counts = np.bincount(of_target, minlength=len(targets))
    starts = np.cumsum(counts) - counts
    repeats = counts[pair_targets]
    pairs = np.repeat(np.arange(len(pair_targets)), repeats)
    return pairs, by_target[starts[pair_targets[pairs]] + ragged_arange(repeats)]


def _inside_window(
    items: pa.Table, of_items: Indices, slots: Sequence[Slot], of_slots: Indices
) -> Mask:
    """True if the item's time is in the slot's window, or either is unknown, shape (n,)."""
    windows = [slot.window for slot in slots]
    all_time = np.array([window is None for window in windows], dtype=bool)[of_slots]
    opens, closes = (
        np.array(
            [edge and edge.replace(tzinfo=None) for edge in edges], dtype="datetime64[us]"
        ).astype(np.int64)[of_slots]
        for edges in (
            [window and window.start for window in windows],
            [window and window.end for window in windows],
        )
    )
    times = microseconds(items["datetime"])[of_items]
    inside: Mask = all_time | (times == NO_INSTANT) | ((times >= opens) & (times <= closes))
    return inside


def _is_of_collection(
    items: pa.Table, of_items: Indices, slots: Sequence[Slot], of_slots: Indices, recipe: Recipe
) -> Mask:
    """True if the item is of the collection of the slot's sensor, shape (n,)."""
    encoded = items["collection"].combine_chunks().dictionary_encode()
    collections = [recipe.rules[slot.sensor].asked.collection for slot in slots]
    asked = pc.index_in(pa.array(collections, pa.string()), encoded.dictionary)
    same = pc.equal(encoded.indices.take(pa.array(of_items)), asked.take(pa.array(of_slots)))
    return np.asarray(same.fill_null(False))


def _measure(
    taken: pa.Table,
    slots: Sequence[Slot],
    recipe: Recipe,
    of_slots: Indices,
    overlaps: NDArray[np.float64],
) -> pa.Table:
    """Add the measures of a row's slot to each item."""
    days, offsets = _days(taken["datetime"], slots, of_slots)
    sensors = [slot.sensor for slot in slots]
    of_sensors = np.array(sensors, dtype=object)[of_slots]
    own = {
        "event_id": _spread([slot.event_id for slot in slots], of_slots),
        "target_id": _spread([slot.target.target_id for slot in slots], of_slots),
        "phase": _spread([slot.phase for slot in slots], of_slots),
        "sensor": _spread(sensors, of_slots),
        "days_from_phase": days,
        "day_offset": offsets,
        "overlap_frac": overlaps,
        **{field.name: pa.nulls(len(of_slots), field.type) for field in CLEARNESS},
        "missing_assets": _find_missing(taken["assets"], of_sensors, recipe),
    }
    columns = [own[field.name] if field.name in own else taken[field.name] for field in MEASURED]
    return pa.table(columns, schema=MEASURED)


def _spread(values: Sequence[str | None], of_slots: Indices) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(of_slots))


def _days(
    times: pa.ChunkedArray, slots: Sequence[Slot], of_slots: Indices
) -> tuple[pa.Array, pa.Array]:
    """Count UTC calendar days from each slot's date: without sign (999 if unknown), and signed."""
    micros = microseconds(times)
    dated = np.array([slot.day is not None for slot in slots], dtype=bool)[of_slots]
    days = np.array([slot.day or 0 for slot in slots], dtype="datetime64[D]").astype(np.int64)
    offsets = micros // _DAY - days[of_slots]
    unknown = micros == NO_INSTANT
    distance = np.where(unknown, DAYS_UNKNOWN, np.abs(offsets)).astype(np.int32)
    signed = np.where(unknown, 0, offsets).astype(np.int32)
    return pa.array(distance, mask=~dated), pa.array(signed, mask=~dated | unknown)


def judge(
    measured: pa.Table, recipe: Recipe, *, complete: Mask, covered: Mask | None = None
) -> pa.Table:
    """Name the passes of candidates, and judge whether each candidate can be chosen.

    Args:
        measured: MEASURED table, n rows.
        recipe: The rules.
        complete: Whether the answer of each row holds all items of the catalog, shape (n,).
        covered: Whether the archive covers the window of each row's slot, shape (n,); None if it
            covers all.

    Returns:
        CANDIDATES table, not ranked yet; ``select`` fills the hours from onset and peak.
    """
    judged = {
        **{name: pa.nulls(len(measured), pa.float64()) for name in _HOURS},
        "pass_id": identify_passes(measured),
        "track_id": identify_tracks(measured),
        "rank": pa.nulls(len(measured), pa.int32()),
        "selected": np.zeros(len(measured), dtype=bool),
        "verdict": _withhold(_find_verdicts(measured, recipe), complete, covered, recipe),
        "relaxed": pa.nulls(len(measured), CANDIDATES.field("relaxed").type),
        "superseded_by": pa.nulls(len(measured), pa.string()),
        "flags": pa.array([[]] * len(measured), CANDIDATES.field("flags").type),
    }
    columns = [judged[name] if name in judged else measured[name] for name in CANDIDATES.names]
    return check_table(pa.table(columns, schema=CANDIDATES), CANDIDATES)


def _find_verdicts(measured: pa.Table, recipe: Recipe) -> NDArray[np.object_]:
    """Judge candidates of complete answers; if several rules reject one, the last counts.

    Returns:
        Verdicts: ``eligible``, or why the candidate cannot be chosen, shape (n,).
    """
    sensors = np.array(measured["sensor"].to_pylist(), dtype=object)
    outside = _outside_windows(measured["datetime"], measured["day_offset"], sensors, recipe)
    verdicts = np.full(len(measured), Verdict.ELIGIBLE, dtype=object)
    for sensor, asked in recipe.sensors.items():
        here = sensors == sensor
        if asked.max_cloud_percent is not None:
            is_below = counted_cloud(measured, asked) < asked.max_cloud_percent
            verdicts[here & ~is_below] = Verdict.TOO_CLOUDY
        verdicts[here & outside] = Verdict.OUTSIDE_WINDOW
        if asked.polarizations:
            has = _has_each(measured["polarizations"], asked.polarizations, of_map_keys=False)
            verdicts[here & ~has.all(axis=1)] = Verdict.MISSING_POLARIZATIONS
    lacking = np.asarray(pc.list_value_length(measured["missing_assets"])) > 0
    verdicts[lacking] = Verdict.MISSING_ASSETS
    verdicts[measured["overlap_frac"].to_numpy() == 0] = Verdict.NO_OVERLAP
    return verdicts


def _find_missing(
    assets: pa.ChunkedArray, sensors: NDArray[np.object_], recipe: Recipe
) -> pa.ListArray:
    """List the assets that each scene lacks."""
    missing = np.zeros((len(assets), 0), dtype=bool)
    keys: list[str] = []
    for sensor, asked in recipe.sensors.items():
        lacking = ~_has_each(assets, asked.assets, of_map_keys=True) & (sensors == sensor)[:, None]
        missing, keys = np.hstack([missing, lacking]), [*keys, *asked.assets]
    return _lists(keys, missing)


def _outside_windows(
    times: pa.ChunkedArray,
    offsets: pa.ChunkedArray,
    sensors: NDArray[np.object_],
    recipe: Recipe,
) -> Mask:
    """True for candidates that only a wider window of the ladder admits, shape (n,)."""
    outside = np.zeros(len(times), dtype=bool)
    for sensor, rules in recipe.rules.items():
        days = rules.asked.window_days
        if days is not None and rules.ladder:
            outside |= (sensors == sensor) & beyond(times, offsets, days)
    return outside


def beyond(
    times: pa.ChunkedArray, day_offsets: pa.Array | pa.ChunkedArray, window_days: int
) -> Mask:
    """True for candidates outside a window of whole UTC days around a phase's date, shape (n,).

    An unknown time is never outside.
    """
    outside: Mask = needed_window_days(times, day_offsets) > window_days
    return outside


def needed_window_days(times: pa.ChunkedArray, day_offsets: pa.Array | pa.ChunkedArray) -> Indices:
    """Find the days of the smallest window that admits each candidate, shape (n,).

    A window spans whole UTC days around a phase's date and ends at 23:59:59, as that of
    ``TimeWindow.around``: a scene in the fraction after that second needs one day more. Every
    window admits an unknown time.
    """
    offsets = np.asarray(day_offsets.fill_null(0)).astype(np.int64)
    after_last_second = microseconds(times) % _DAY > _LAST_SECOND
    needed: Indices = np.abs(offsets) + ((offsets >= 0) & after_last_second)
    needed[np.asarray(day_offsets.is_null())] = 0
    return needed


def _withhold(
    verdicts: NDArray[np.object_], complete: Mask, covered: Mask | None, recipe: Recipe
) -> NDArray[np.object_]:
    """Replace the verdicts by which candidates of incomplete answers could be chosen.

    If the recipe has a ladder, its steps may admit candidates that are rejected before. So may the
    clouds over the target, once they are read.
    """
    choosable = [Verdict.ELIGIBLE]
    if any(rules.ladder or counts_area(rules.asked) for rules in recipe.rules.values()):
        choosable += [Verdict.OUTSIDE_WINDOW, Verdict.TOO_CLOUDY]
    withheld = ~complete & np.isin(verdicts, choosable)
    known = np.ones(len(verdicts), dtype=bool) if covered is None else covered
    reasons = np.where(known, Verdict.INCOMPLETE_ANSWER, Verdict.NOT_COVERED)
    return np.where(withheld, reasons, verdicts)


def _has_each(lists: pa.ChunkedArray, wanted: Sequence[str], *, of_map_keys: bool) -> Mask:
    """True where a row's list, or its map's keys, has a wanted text, shape (n, wanted)."""
    array = lists.combine_chunks()
    offsets = array.offsets.to_numpy()
    values = (array.keys if of_map_keys else array.values)[offsets[0] : offsets[-1]]
    owners = np.repeat(np.arange(len(array)), np.diff(offsets))
    has = np.zeros((len(array), len(wanted)), dtype=bool)
    for column, text in enumerate(wanted):
        has[owners[pc.equal(values, text).to_numpy(zero_copy_only=False)], column] = True
    return has


def _lists(texts: Sequence[str], marked: Mask) -> pa.ListArray:
    """List the texts that are marked in each row."""
    ends = np.append(0, np.cumsum(marked.sum(axis=1)))
    columns = np.nonzero(marked)[1]
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(texts, pa.string()).take(pa.array(columns))
    )
