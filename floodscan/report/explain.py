"""Why this scene: each slot's candidates in order, what decided, and what was rejected for which reason."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from floodscan.errors import InputError, suggest
from floodscan.events import Phase
from floodscan.manifest import margin
from floodscan.recipe import Sensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floodscan.store import RunFolder

    Json = dict[str, Any]

MEASURES = ("overlap_frac", "days_from_phase", "day_offset", "cloud_cover", "relative_orbit", "orbit_state")
_SHOWN = ("item_id", "rank", "verdict", "phase", "datetime", *MEASURES, "missing_assets")


def explain(folder: RunFolder, event_id: str, words: Sequence[str] = (), *, target_id: str = "aoi") -> list[Json]:
    """Tell how the slots of an event were filled.

    Args:
        folder: A finished run.
        event_id: The event.
        words: Phases and sensors to keep to; none keeps all.
        target_id: ``aoi``, or a tile.

    Returns:
        A slot per entry: ``phase``, ``sensor``, ``decision`` (in words), ``margin`` to the runner-up and
        ``candidates``, the ranked first.

    Raises:
        InputError: There is no such event, target, phase or sensor.
    """
    check_words(words)
    rows = folder.read_candidates(event_id).to_pylist()
    if not rows:
        check_event(folder, event_id)
    slots = [
        _explain_slot(phase, sensor, list(found))
        for (target, phase, sensor), found in groupby(rows, _slot)
        if target == target_id and _is_wanted(words, phase, sensor)
    ]
    if rows and target_id not in {row["target_id"] for row in rows}:
        raise InputError(f"{event_id} has no target '{target_id}'")
    return slots


def check_event(folder: RunFolder, event_id: str) -> None:
    """Refuse an event that the run doesn't know.

    Raises:
        InputError: Names what is near.
    """
    known = folder.read_events()["event_id"].to_pylist()
    if event_id not in known:
        raise InputError(f"{folder.path}: has no event '{event_id}'; {suggest(event_id, known[:20])}")


def check_words(words: Sequence[str]) -> None:
    """Refuse words that are neither a phase nor a sensor.

    Raises:
        InputError: Names what may stand there.
    """
    known = [*Phase, *Sensor]
    for word in words:
        if word not in known:
            raise InputError(f"'{word}' is neither a phase nor a sensor; {suggest(word, known)}")


def _slot(row: Json) -> tuple[str, str | None, str]:
    return (row["target_id"], row["phase"], row["sensor"])


def _is_wanted(words: Sequence[str], phase: str | None, sensor: str) -> bool:
    phases = [word for word in words if word in list(Phase)]
    sensors = [word for word in words if word in list(Sensor)]
    return (not phases or phase in phases) and (not sensors or sensor in sensors)


def _explain_slot(phase: str | None, sensor: str, rows: list[Json]) -> Json:
    ranked = [row for row in rows if row["rank"] is not None]
    lead = margin(*ranked[:2]) if phase is not None and len(ranked) > 1 else None
    return {
        "phase": phase,
        "sensor": sensor,
        "decision": _decision(ranked, lead, n_rejected=len(rows) - len(ranked)),
        "margin": lead,
        "candidates": [{name: row[name] for name in _SHOWN} for row in rows],
    }


def _decision(ranked: list[Json], lead: Json | None, *, n_rejected: int) -> str:
    rejected = f"{n_rejected} rejected"
    if not ranked:
        return f"no scene: {rejected}"
    if ranked[0]["phase"] is None:
        return f"{len(ranked)} tiles; {rejected}"
    chosen = ranked[0]["item_id"]
    if lead is None:
        return f"{chosen}: the only one that may be chosen; {rejected}"
    values = f"{_short(lead['selected'])} against {_short(lead['runner_up'])}"
    others = f"{len(ranked) - 1} more ranked, {rejected}"
    return f"{chosen}: ahead of {ranked[1]['item_id']} by {lead['by']}, {values}; {others}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
