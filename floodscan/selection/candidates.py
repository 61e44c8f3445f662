"""ITEMS × slots → CANDIDATES: the items that each slot may take, and their measures.

A candidate of a slot is an item that a search for this slot alone would find, see ``pairing``. So
the candidates do not depend on which searches found the items, or on further items in the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.planning.garbage import garbage_collector_off
from floodscan.schemas import CANDIDATES, CLEARNESS, ITEMS, check_table
from floodscan.selection.clearness import counted_cloud, counts_area
from floodscan.selection.columns import NO_INSTANT, is_value, microseconds, one_array
from floodscan.selection.labels import Verdict
from floodscan.selection.pairing import pair_items
from floodscan.selection.passes import identify_passes, identify_tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from floodscan.model import Recipe
    from floodscan.planning.slots import Slot
    from floodscan.selection.pairing import Pairs

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
    with garbage_collector_off():
        pairs = pair_items(check_table(items, ITEMS), slots, recipe)
        measured = _measure(items, slots, recipe, pairs)
    answered, known = (_take_flags(flags, pairs.slots) for flags in (complete, covered))
    return judge(measured, recipe, complete=answered, covered=known)


def _take_flags(flags: Sequence[bool] | None, of_slots: Indices) -> Mask:
    """Take the flag of each row's slot, shape (n,); without flags, all are true."""
    if flags is None:
        return np.ones(len(of_slots), dtype=bool)
    return np.array(flags, dtype=bool)[of_slots]


def _measure(items: pa.Table, slots: Sequence[Slot], recipe: Recipe, pairs: Pairs) -> pa.Table:
    """Take the item of each pair, and add the measures of its slot."""
    taken = items.take(pa.array(pairs.items))
    days, offsets = _days(taken["datetime"], slots, pairs.slots)
    sensors = _spread([slot.sensor for slot in slots], pairs.slots)
    own = {
        "event_id": _spread([slot.event_id for slot in slots], pairs.slots),
        "target_id": _spread([slot.target.target_id for slot in slots], pairs.slots),
        "phase": _spread([slot.phase for slot in slots], pairs.slots),
        "sensor": sensors,
        "days_from_phase": days,
        "day_offset": offsets,
        "overlap_frac": pairs.overlaps,
        **{field.name: pa.nulls(len(taken), field.type) for field in CLEARNESS},
        "missing_assets": _find_missing(taken["assets"], sensors, recipe),
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
        "flags": _list_texts([], np.zeros((len(measured), 0), dtype=bool)),
    }
    columns = [judged[name] if name in judged else measured[name] for name in CANDIDATES.names]
    return check_table(pa.table(columns, schema=CANDIDATES), CANDIDATES)


def _find_verdicts(measured: pa.Table, recipe: Recipe) -> NDArray[np.object_]:
    """Judge candidates of complete answers; if several rules reject one, the last counts.

    Returns:
        Verdicts: ``eligible``, or why the candidate cannot be chosen, shape (n,).
    """
    verdicts = np.full(len(measured), Verdict.ELIGIBLE, dtype=object)
    for sensor, rules in recipe.rules.items():
        asked = rules.asked
        here = is_value(measured["sensor"], sensor)
        if asked.max_cloud_percent is not None:
            is_below = counted_cloud(measured, asked) < asked.max_cloud_percent
            verdicts[here & ~is_below] = Verdict.TOO_CLOUDY
        if asked.window_days is not None and rules.ladder:
            outside = beyond(measured["datetime"], measured["day_offset"], asked.window_days)
            verdicts[here & outside] = Verdict.OUTSIDE_WINDOW
        if asked.polarizations:
            channels = one_array(measured["polarizations"])
            has = _has_each(channels, channels.values, asked.polarizations)
            verdicts[here & ~has.all(axis=1)] = Verdict.MISSING_POLARIZATIONS
    lacking = np.asarray(pc.list_value_length(measured["missing_assets"])) > 0
    verdicts[lacking] = Verdict.MISSING_ASSETS
    verdicts[measured["overlap_frac"].to_numpy() == 0] = Verdict.NO_OVERLAP
    return verdicts


def _find_missing(assets: pa.ChunkedArray, sensors: pa.Array, recipe: Recipe) -> pa.ListArray:
    """List the assets that each scene lacks."""
    wanted = [(sensor, key) for sensor, asked in recipe.sensors.items() for key in asked.assets]
    keys = list(dict.fromkeys(key for _, key in wanted))
    maps = one_array(assets)
    has = _has_each(maps, maps.keys, keys)
    missing = np.zeros((len(maps), len(wanted)), dtype=bool)
    of_sensor = {sensor: is_value(sensors, sensor) for sensor in recipe.sensors}
    for column, (sensor, key) in enumerate(wanted):
        missing[:, column] = of_sensor[sensor] & ~has[:, keys.index(key)]
    return _list_texts([key for _, key in wanted], missing)


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
    if complete.all():
        return verdicts
    choosable = [Verdict.ELIGIBLE]
    if any(rules.ladder or counts_area(rules.asked) for rules in recipe.rules.values()):
        choosable += [Verdict.OUTSIDE_WINDOW, Verdict.TOO_CLOUDY]
    withheld = ~complete & np.isin(verdicts, choosable)
    known = np.ones(len(verdicts), dtype=bool) if covered is None else covered
    reasons = np.where(known, Verdict.INCOMPLETE_ANSWER, Verdict.NOT_COVERED)
    return np.where(withheld, reasons, verdicts)


def _has_each(lists: pa.ListArray | pa.MapArray, texts: pa.Array, wanted: Sequence[str]) -> Mask:
    """True where a row's list has a wanted text, shape (n, wanted).

    Args:
        lists: Lists of texts, or maps; n rows.
        texts: The texts of all rows, or the keys of all maps.
        wanted: Different texts.
    """
    offsets = lists.offsets.to_numpy()
    found = pc.index_in(texts[offsets[0] : offsets[-1]], pa.array(wanted, pa.string()))
    columns = np.asarray(found.fill_null(len(wanted)))
    owners = np.repeat(np.arange(len(lists)), np.diff(offsets))
    has = np.zeros((len(lists), len(wanted) + 1), dtype=bool)  # the last column is for all others
    has[owners, columns] = True
    return has[:, :-1]


def _list_texts(texts: Sequence[str], marked: Mask) -> pa.ListArray:
    """List the texts that are marked in each row."""
    ends = np.append(0, np.cumsum(marked.sum(axis=1)))
    columns = np.nonzero(marked)[1]
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(texts, pa.string()).take(pa.array(columns))
    )
