"""Attributes of candidates for policy ``change-detection``: level, pass, track, reprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.model import Phase, Sensor
from floodscan.selection.candidates import needed_window_days
from floodscan.selection.clearness import counted_cloud, counted_clouds, rank_knowledge
from floodscan.selection.columns import (
    NO_INSTANT,
    code_texts,
    dense_ranks,
    encode,
    group_starts,
    is_value,
    microseconds,
    one_array,
)
from floodscan.selection.decisions import exclude
from floodscan.selection.hours import instants
from floodscan.selection.labels import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from floodscan.model import Decision, Event, Recipe, SensorRules

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]

NEVER = 2**31 - 1
"""Level of a candidate that no step of the ladder admits: above all real levels."""

_CHOOSABLE = (Verdict.ELIGIBLE, Verdict.OUTSIDE_WINDOW, Verdict.TOO_CLOUDY)


@dataclass(frozen=True, slots=True)
class CandidateAttributes:
    """Attributes of the candidates of a table, shape (n,) each.

    Attributes:
        levels: Number of ladder steps of its sensor that must be taken to admit it; 0 is none.
        verdicts: Why it cannot be chosen at all, or the verdict that it came with.
        passes: Number of its pass.
        tracks: Number of its track; 0 for sensors without tracks.
        superseded_by: Row of the newer processing of the scene; −1 if it is the newest.
        clouds: Its cloud that counts, percent.
        unknown: What is known of its clear ground, see ``clearness``; 0 is all that counts.
    """

    levels: Indices
    verdicts: NDArray[np.object_]
    passes: Indices
    tracks: Indices
    superseded_by: Indices
    clouds: NDArray[np.float64]
    unknown: Indices


def derive_attributes(
    candidates: pa.Table,
    slots: Indices,
    events: Mapping[str, Event],
    recipe: Recipe,
    *,
    decisions: Mapping[str, Decision] | None = None,
) -> CandidateAttributes:
    """Derive the attributes of each candidate.

    Args:
        candidates: CANDIDATES table.
        slots: Number of each row's slot, shape (n,).
        events: The events of the candidates, by id.
        recipe: The rules.
        decisions: Decisions of persons, by event id.
    """
    verdicts = candidates["verdict"].to_numpy(zero_copy_only=False).astype(object)
    possible = np.any([is_value(candidates["verdict"], each) for each in _CHOOSABLE], axis=0)
    imagery = ~is_value(candidates["sensor"], Sensor.DEM)
    timeless = imagery & possible & (microseconds(candidates["datetime"]) == NO_INSTANT)
    wrong = imagery & possible & wrong_side(candidates, events, recipe)
    verdicts[timeless], verdicts[wrong] = Verdict.NO_TIME, Verdict.WRONG_SIDE_OF_ONSET
    possible &= ~timeless & ~wrong
    passes = code_texts(candidates["pass_id"])
    superseded_by = _find_newer(candidates, slots, passes, possible & imagery)
    verdicts[superseded_by >= 0] = Verdict.SUPERSEDED
    possible &= superseded_by < 0
    excluded = possible & exclude(candidates, passes, possible, decisions or {})
    verdicts[excluded] = Verdict.DECIDED_OTHERWISE
    possible &= ~excluded
    levels = np.where(possible, _levels(candidates, recipe), NEVER)
    clouds, unknown = counted_clouds(candidates, recipe), rank_knowledge(candidates, recipe)
    tracks = _number_tracks(candidates)
    return CandidateAttributes(levels, verdicts, passes, tracks, superseded_by, clouds, unknown)


def wrong_side(candidates: pa.Table, events: Mapping[str, Event], recipe: Recipe) -> Mask:
    """Find scenes on the wrong side of the onset, shape (n,).

    A scene of ``pre_month`` or ``pre_event`` is wrong from the onset less the guard on, a scene of
    ``event`` or ``post_event`` before the onset. A scene without a time is never wrong.
    """
    times = microseconds(candidates["datetime"])
    before = pc.is_in(candidates["phase"], pa.array([Phase.PRE_MONTH, Phase.PRE_EVENT])).to_numpy(
        zero_copy_only=False
    )
    too_late = times >= instants(candidates, events, recipe.last_before)
    too_early = times < instants(candidates, events, recipe.onset_of)
    wrong: Mask = np.where(before, too_late, too_early) & (times != NO_INSTANT)
    return wrong


def _levels(candidates: pa.Table, recipe: Recipe) -> Indices:
    """Count the ladder steps that each candidate needs, the most by any rule, shape (n,)."""
    levels = np.zeros(len(candidates), dtype=np.int64)
    for sensor, rules in recipe.rules.items():
        here = is_value(candidates["sensor"], sensor)
        for needed in levels_by_rule(candidates, rules).values():
            levels[here] = np.maximum(levels, needed)[here]
    return levels


def levels_by_rule(candidates: pa.Table, rules: SensorRules) -> dict[str, Indices]:
    """Find the level that each candidate needs, by each rule that a ladder can loosen.

    Args:
        candidates: Table with ``datetime``, ``day_offset`` and ``CLOUD_COLUMNS``, n rows.
        rules: The sensor's.

    Returns:
        Levels by the name of the rule, shape (n,) each.
    """
    found = {}
    if rules.window_levels:
        found["window_days"] = _window_levels(candidates, rules)
    if rules.cloud_levels:
        found["max_cloud_percent"] = _cloud_levels(candidates, rules)
    return found


def _window_levels(candidates: pa.Table, rules: SensorRules) -> Indices:
    needed = needed_window_days(candidates["datetime"], candidates["day_offset"])
    levels = np.full(len(candidates), NEVER)
    for level, days in rules.window_levels:
        levels[needed <= days] = level
    return levels


def _cloud_levels(candidates: pa.Table, rules: SensorRules) -> Indices:
    cloud = counted_cloud(candidates, rules.asked)
    levels = np.full(len(candidates), NEVER)
    for level, limit in rules.cloud_levels:
        levels[cloud < limit] = level
    return levels


def _number_tracks(candidates: pa.Table) -> Indices:
    """Number the tracks from 1, by relative orbit, orbit state and polarisations; 0 is no track."""
    encoded = one_array(candidates["track_id"]).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    numbers = {name: number for number, name in enumerate(sorted(names, key=_track_order), 1)}
    codes = pa.array([numbers[name] for name in names], pa.int64()).take(encoded.indices)
    return np.asarray(codes.fill_null(0))


def _track_order(track_id: str) -> tuple[int, str]:
    orbit, rest = track_id.split(" ", 1)
    return int(orbit) if orbit.isdecimal() else -1, rest


def _find_newer(candidates: pa.Table, slots: Indices, passes: Indices, possible: Mask) -> Indices:
    """Find for each scene of a tile the row of the same pass in a newer processing baseline.

    Returns:
        Rows, shape (n,); −1 if the scene is of the newest baseline, in which all granules stay.
    """
    tiles = encode(candidates["mgrs_tile"])
    baselines = dense_ranks(pc.fill_null(candidates["processing_baseline"], ""))
    found = np.full(len(slots), -1, dtype=np.int64)
    rows = np.flatnonzero(possible & np.asarray(candidates["mgrs_tile"].is_valid()))
    overlaps = candidates["overlap_frac"].to_numpy()
    ids = dense_ranks(candidates["item_id"])
    keys = [ids, -overlaps, -baselines, tiles, passes, slots]
    order = rows[np.lexsort([key[rows] for key in keys])]
    starts = group_starts([key[order] for key in (slots, passes, tiles)])
    newest = order[starts][np.cumsum(starts) - 1]
    older = baselines[order] < baselines[newest]
    found[order[older]] = newest[older]
    return found
