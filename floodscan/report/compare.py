"""Two runs side by side: the slots whose choice differs, and how each run judged what the other chose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.outcomes import WORKER_LOST
from floodscan.errors import InputError
from floodscan.report.objective import describe_steps
from floodscan.selection import SELECTED

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from floodscan.store import RunFolder

    Json = dict[str, Any]
    Slot = tuple[str, str, str | None, str]

_SLOT = ("event_id", "target_id", "phase", "sensor")
_COLUMNS = (*_SLOT, "item_id", "rank", "selected", "verdict", "relaxed")
_SUMMED = ("joint_frac", "valid_pixel_frac", "chips", "chips_total", "reason")


def compare(one: RunFolder, other: RunFolder) -> Json:
    """Compare the choices of two runs over the same events.

    Args:
        one: A finished run.
        other: Another one.

    Returns:
        ``slots``: those whose choice differs, with the scenes of both (``one``, ``other``), why
        there are none (``one_reason``, ``other_reason``) and, of each side, how the other run
        judged its first scene (``one_in_other``, ``other_in_one``). ``events``: what the choices of
        each cover together, and their warnings. ``only``: events that one run alone has. ``same``:
        the number of slots that agree.

    Raises:
        InputError: The runs share no event.
    """
    ends = [_ends(folder) for folder in (one, other)]
    shared = [event_id for event_id in ends[0] if event_id in ends[1]]
    if not shared:
        raise InputError(f"{one.path} and {other.path} have no event in common")
    tables = [_of_events(folder, shared) for folder in (one, other)]
    chosen = [_chosen(table) for table in tables]
    slots = sorted(chosen[0].keys() | chosen[1].keys(), key=_order(shared))
    differing = [
        slot for slot in slots if set(chosen[0].get(slot, ())) != set(chosen[1].get(slot, ()))
    ]
    firsts = [_firsts(differing, found) for found in reversed(chosen)]
    judged = [_verdicts(*each) for each in zip(tables, firsts, chosen, strict=True)]
    return {
        "events": [
            {"event_id": event_id, "one": ends[0][event_id], "other": ends[1][event_id]}
            for event_id in shared
        ],
        "only": {"one": _missing(ends[0], ends[1]), "other": _missing(ends[1], ends[0])},
        "same": len(slots) - len(differing),
        "slots": [_compare_slot(slot, ends, chosen, judged) for slot in differing],
    }


def _compare_slot(
    slot: Slot,
    ends: Sequence[Mapping[str, Json]],
    chosen: Sequence[Mapping[Slot, list[str]]],
    judged: Sequence[Mapping[tuple[Slot, str], str]],
) -> Json:
    return {
        **dict(zip(_SLOT, slot, strict=True)),
        "one": chosen[0].get(slot, []),
        "other": chosen[1].get(slot, []),
        "one_reason": _why_empty(ends[0], slot, chosen[0]),
        "other_reason": _why_empty(ends[1], slot, chosen[1]),
        "one_in_other": _judgement(judged[1], slot, chosen[0]),
        "other_in_one": _judgement(judged[0], slot, chosen[1]),
    }


def _ends(folder: RunFolder) -> dict[str, Json]:
    rows = folder.read_events().to_pylist()
    return {
        row["event_id"]: {
            **{name: row.get(name) for name in _SUMMED},
            "warnings": row.get("warnings") or [],
        }
        for row in rows
    }


def _missing(here: Iterable[str], there: Container[str]) -> list[str]:
    return [event_id for event_id in here if event_id not in there]


def _of_events(folder: RunFolder, event_ids: list[str]) -> pa.Table:
    table = folder.read_candidates().select(_COLUMNS)
    return table.filter(pc.is_in(table["event_id"], pa.array(event_ids)))


def _chosen(table: pa.Table) -> dict[Slot, list[str]]:
    found: dict[Slot, list[str]] = {}
    for row in table.filter(table["selected"]).to_pylist():
        found.setdefault(_key(row), []).append(row["item_id"])
    return found


def _key(row: Json) -> Slot:
    return (row["event_id"], row["target_id"], row["phase"], row["sensor"])


def _order(events: list[str]) -> Any:  # noqa: ANN401 - a sort key
    places = {event_id: place for place, event_id in enumerate(events)}
    phases = {"pre_month": 0, "pre_event": 1, "event": 2, "post_event": 3}
    return lambda slot: (
        places[slot[0]],
        slot[1] != "aoi",
        slot[1],
        slot[3],
        phases.get(slot[2] or "", 4),
    )


def _firsts(slots: Iterable[Slot], chosen: Mapping[Slot, list[str]]) -> set[tuple[Slot, str]]:
    return {(slot, chosen[slot][0]) for slot in slots if chosen.get(slot)}


def _verdicts(
    table: pa.Table, wanted: set[tuple[Slot, str]], chosen: Mapping[Slot, list[str]]
) -> dict[tuple[Slot, str], str]:
    """Find how a run judged some scenes in some slots."""
    near = table.filter(
        pc.is_in(table["item_id"], pa.array([item_id for _, item_id in wanted], pa.string()))
    )
    return {
        key: _words(row, chosen)
        for row in near.to_pylist()
        if (key := (_key(row), row["item_id"])) in wanted
    }


def _words(row: Json, chosen: Mapping[Slot, list[str]]) -> str:
    if row["verdict"] == SELECTED:
        n = len(chosen[_key(row)])
        scenes = "alone" if n == 1 else f"in a mosaic of {n}"
        return " ".join(
            [SELECTED, scenes, *([describe_steps(row["relaxed"])] if row["relaxed"] else [])]
        )
    return str(row["verdict"]) if row["rank"] is None else f"{row['verdict']}, ranked {row['rank']}"


def _judgement(
    verdicts: Mapping[tuple[Slot, str], str], slot: Slot, chosen: Mapping[Slot, list[str]]
) -> str | None:
    if not chosen.get(slot):
        return None
    return verdicts.get((slot, chosen[slot][0]), "not a candidate")


def _why_empty(
    ends: Mapping[str, Json], slot: Slot, chosen: Mapping[Slot, list[str]]
) -> str | None:
    """Find a slot's reason in that of its event, which lists those of all empty slots."""
    if chosen.get(slot):
        return None
    event_id, *place = slot
    reason = ends[event_id]["reason"] or ""
    if reason.startswith(WORKER_LOST):
        return reason
    name = re.escape("/".join(filter(None, place)))
    found = re.search(rf"(?:^|; ){name}: (.*?)(?=; \S+/\S+: |$)", reason)
    return found[1] if found else "not asked for"
