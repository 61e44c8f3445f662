"""The candidates of a batch as columns of small numbers, which compress to a few bytes each.

A scene can be a candidate of several slots. So there are two sets of columns: *scenes*, one row per
event and item, and *rows*, one per slot and scene. Both are sorted by event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floodscan.planning.targets import AOI

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Json = dict[str, Any]
    Numbers = NDArray[np.int64]
    Slot = tuple[str | None, str]

READ_COLUMNS = (
    *("event_id", "target_id", "phase", "sensor", "item_id", "datetime", "overlap_frac"),
    *("cloud_cover", "clear_frac", "relative_orbit", "orbit_state", "platform", "mgrs_tile"),
    *("processing_baseline", "missing_assets", "superseded_by", "flags"),
    *("rank", "selected", "verdict", "relaxed", "geometry"),
)
"""The columns of CANDIDATES that the report needs."""

_LOOK = ("platform", "relative_orbit", "orbit_state", "mgrs_tile", "processing_baseline")
_NOTES = ("missing_assets", "superseded_by", "flags")
_SHARE_STEPS, _CLOUD_STEPS = 1000, 10  # per whole, per percent
_UNKNOWN = -1
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class CandidateColumns:
    """The candidates of a batch.

    Attributes:
        scenes: The columns of scenes, by name.
        rows: The columns of rows, by name.
        numbers: Number of each scene within its event, by event id and item id.
        footprints: WKB of each chosen scene, by event id and item id.
        clouds: Percent of cloud of each chosen scene, by item id; None if it has none.
    """

    scenes: Json
    rows: Json
    numbers: Mapping[tuple[str, str], int]
    footprints: Mapping[tuple[str, str], bytes]
    clouds: Mapping[str, float | None]


def encode_candidates(
    candidates: pa.Table, events: Sequence[str], slots: Sequence[Slot], *, all_ids: bool
) -> CandidateColumns:
    """Make the columns of the candidates of some events.

    Of tiles and of the DEM, only the chosen candidates are shown.

    Args:
        candidates: Columns ``READ_COLUMNS`` of a batch.
        events: Event ids, in the order of the result.
        slots: Phase and sensor of each slot; a slot is written as its place in this list.
        all_ids: Whether all scenes get their ids, or only the chosen ones and runners-up.
    """
    shown = _sort_shown(candidates, events, slots)
    event = _places(shown["event_id"], events)
    keys = shown["item_id"].combine_chunks().dictionary_encode()
    item = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, first, scene = np.unique(
        event * (len(keys.dictionary) + 1) + item, return_index=True, return_inverse=True
    )
    order = _scene_order(shown.take(first), event[first])
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    scenes, scene_event = shown.take(first[order]), event[first[order]]
    starts = np.searchsorted(scene_event, np.arange(len(events)))
    within = number[scene] - starts[event]
    named = None if all_ids else _find_named(shown, number[scene], len(scenes))
    chosen = shown.filter(pc.field("selected"))
    return CandidateColumns(
        scenes=_scene_columns(scenes, scene_event, len(events), named),
        rows=_row_columns(shown, event, within, events=events, slots=slots),
        numbers=_number_scenes(scenes, scene_event, starts),
        footprints=_find_footprints(chosen),
        clouds=dict(
            zip(*(chosen[name].to_pylist() for name in ("item_id", "cloud_cover")), strict=True)
        ),
    )


def _sort_shown(candidates: pa.Table, events: Sequence[str], slots: Sequence[Slot]) -> pa.Table:
    """Sort by event, target and slot; the area comes before its tiles."""
    in_area = (pc.field("target_id") == AOI) & pc.field("phase").is_valid()
    shown = candidates.filter(
        (in_area | pc.field("selected")) & pc.field("event_id").isin(pa.array(events, pa.string()))
    )
    is_tile = pc.not_equal(shown["target_id"], AOI).to_numpy(zero_copy_only=False)
    event, slot = _places(shown["event_id"], events), _slot_places(shown, slots)
    return shown.take(np.lexsort([slot, is_tile, event]))


def _places(values: pa.ChunkedArray, among: Sequence[str]) -> Numbers:
    found = pc.index_in(values, value_set=pa.array(among, pa.string()))
    places: Numbers = found.to_numpy().astype(np.int64)
    return places


def _slot_places(rows: pa.Table, slots: Sequence[Slot]) -> Numbers:
    return _places(_slot_names(rows), [f"{phase or ''}/{sensor}" for phase, sensor in slots])


def _slot_names(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pc.fill_null(rows["phase"], ""), rows["sensor"], "/")


def _scene_order(scenes: pa.Table, event: Numbers) -> Numbers:
    """Sort the scenes of each event by sensor, time and id."""
    by = pa.table(
        {
            "event": event,
            "sensor": scenes["sensor"],
            "datetime": scenes["datetime"],
            "item_id": scenes["item_id"],
        }
    )
    keys = [(name, "ascending") for name in by.column_names]
    order: Numbers = pc.sort_indices(by, sort_keys=keys).to_numpy().astype(np.int64)
    return order


def _find_named(shown: pa.Table, scene: Numbers, n_scenes: int) -> NDArray[np.bool_]:
    """Find the scenes that are chosen, and the best of the others in each slot."""
    keep = shown["selected"].to_numpy().copy()
    rank = pc.fill_null(shown["rank"], 0).to_numpy()
    behind = np.flatnonzero(~keep & (rank > 0))
    slot = pc.binary_join_element_wise(
        shown["event_id"], shown["target_id"], _slot_names(shown), "/"
    ).combine_chunks()
    slot_numbers = slot.dictionary_encode().indices.to_numpy()
    by_rank = behind[np.lexsort([rank[behind], slot_numbers[behind]])]
    keep[by_rank[np.unique(slot_numbers[by_rank], return_index=True)[1]]] = True
    named = np.zeros(n_scenes, dtype=bool)
    named[scene[keep]] = True
    return named


def _scene_columns(
    scenes: pa.Table, event: Numbers, n_events: int, named: NDArray[np.bool_] | None
) -> Json:
    seconds = pc.cast(scenes["datetime"], pa.int64()).fill_null(0).to_numpy() // _MICROSECONDS
    looks, look = _index_texts(
        [*map(list, zip(*(scenes[name].to_pylist() for name in _LOOK), strict=True))]
    )
    ids = scenes["item_id"].to_pylist()
    return {
        "n": np.bincount(event, minlength=n_events).tolist(),
        "seconds": np.diff(seconds, prepend=0).tolist(),  # 0 is an unknown time
        "overlap": _count_steps(scenes["overlap_frac"], _SHARE_STEPS, whole=1),
        "cloud": _count_steps(scenes["cloud_cover"], _CLOUD_STEPS, whole=100),
        "clear": _count_steps(scenes["clear_frac"], _SHARE_STEPS, whole=1),
        "look": look,
        "looks": looks,
        "id": ids
        if named is None
        else [name if known else None for name, known in zip(ids, named, strict=True)],
        "notes": _note_columns(scenes),
    }


def _count_steps(values: pa.ChunkedArray, steps: int, *, whole: int) -> list[int]:
    """Write numbers as counts of steps; only the whole reads as the whole, and null as -1."""
    numbers = pc.fill_null(values, np.nan).to_numpy()
    counts = np.where(
        numbers < whole, np.minimum(np.rint(numbers * steps), whole * steps - 1), whole * steps
    )
    known: list[int] = np.where(np.isnan(numbers), _UNKNOWN, counts).astype(int).tolist()
    return known


def _note_columns(scenes: pa.Table) -> dict[str, list[list[Any]]]:
    """List what few scenes have: the number of the scene in the block, and the words."""
    noted: dict[str, list[list[Any]]] = {}
    for name in _NOTES:
        values = scenes[name].to_pylist()
        noted[name] = [[number, value] for number, value in enumerate(values) if value]
    return noted


def _index_texts(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Number the different values, in the order of their first use."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(repr(value), len(known)) for value in values]
    first = dict(zip(reversed(numbers), reversed(values), strict=True))
    return [first[number] for number in range(len(known))], numbers


def _row_columns(
    shown: pa.Table, event: Numbers, scene: Numbers, *, events: Sequence[str], slots: Sequence[Slot]
) -> Json:
    targets, target = _index_texts([AOI, *shown["target_id"].to_pylist()])
    verdicts, verdict = _index_texts(shown["verdict"].to_pylist())
    steps, relaxed = _index_texts([value or [] for value in shown["relaxed"].to_pylist()])
    return {
        "n": np.bincount(event, minlength=len(events)).tolist(),
        "target": target[1:],
        "targets": targets,
        "slot": _slot_places(shown, slots).tolist(),
        "scene": scene.tolist(),
        "verdict": verdict,
        "verdicts": verdicts,
        "rank": pc.fill_null(shown["rank"], 0).to_pylist(),
        "relaxed": relaxed,
        "steps": steps,
    }


def _number_scenes(scenes: pa.Table, event: Numbers, starts: Numbers) -> dict[tuple[str, str], int]:
    within = np.arange(len(event)) - starts[event]
    keys = zip(scenes["event_id"].to_pylist(), scenes["item_id"].to_pylist(), strict=True)
    return dict(zip(keys, within.tolist(), strict=True))


def _find_footprints(chosen: pa.Table) -> dict[tuple[str, str], bytes]:
    names = ("event_id", "item_id", "geometry")
    rows = zip(*(chosen[name].to_pylist() for name in names), strict=True)
    return {(event_id, item_id): wkb for event_id, item_id, wkb in rows}
