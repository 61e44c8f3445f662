"""Explain a run's choices: the candidates of each slot in order, and the measure that decided."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from floodscan.assessment.acquired_passes import MANIFEST_KEY, describe_slot
from floodscan.assessment.manifest_files import read_manifest
from floodscan.assessment.margins import margin
from floodscan.errors import InputError, suggest
from floodscan.model import Phase, Policy, Sensor
from floodscan.planning.targets import AOI
from floodscan.report.clear_ground import area_cloud, counts_clear_ground, describe_ground
from floodscan.report.event_ids import check_event
from floodscan.report.objective import describe_objective, describe_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.store import RunFolder

    Json = dict[str, Any]
    Slot = tuple[str, str | None, str]

_SHOWN = (
    "item_id",
    "rank",
    "verdict",
    "phase",
    "datetime",
    "overlap_frac",
    "days_from_phase",
    "day_offset",
    "hours_from_onset",
    "hours_from_peak",
    "cloud_cover",
    "relative_orbit",
    "orbit_state",
    "missing_assets",
    "relaxed",
    "superseded_by",
)


def explain(
    folder: RunFolder, event_id: str, words: Sequence[str] = (), *, target_id: str = AOI
) -> list[Json]:
    """Explain how the slots of an event were filled.

    Args:
        folder: A finished run.
        event_id: The event.
        words: Phases and sensors to explain; empty explains all.
        target_id: ``aoi``, or the id of a tile.

    Returns:
        One entry for each slot: ``phase``, ``sensor``, ``decision`` (in words), ``margin`` to the
        runner-up, ``objective``, ``alternatives`` and ``candidates``, in the order of time.
        ``alternatives`` are passes that could fill ``event``, as manifests have them. ``objective``
        lists what decided if all slots were chosen together (see ``describe_objective``), and is
        empty otherwise. Slots without any candidate come last. With ``acquired_in``, SAR slots have
        ``not_in_collection``: a sentence for each pass that the collection lacks.

    Raises:
        InputError: The run has no such event, target, phase or sensor.
    """
    check_words(words)
    check_event(folder, event_id)
    manifest = _read_manifest(folder, event_id, target_id)
    failures = {_slot(failure): failure for failure in manifest["failures"]}
    candidates = folder.read_candidates(event_id).to_pylist()
    found = {slot: list(rows) for slot, rows in groupby(candidates, _slot)}
    clouds = _list_clouds(candidates, target_id, manifest)
    return [
        {
            **_explain_slot(slot, rows, failures.get(slot), manifest),
            "objective": _objective(manifest, slot, clouds),
            "alternatives": _alternatives(manifest, slot),
            **_name_acquired(manifest, slot, folder),
        }
        for slot, rows in (found | {slot: [] for slot in failures if slot not in found}).items()
        if slot[0] == target_id and _is_wanted(words, slot[1], slot[2])
    ]


def _read_manifest(folder: RunFolder, event_id: str, target_id: str) -> Json:
    manifest = read_manifest(folder.path, event_id).content
    if target_id not in {AOI, *(tile["target_id"] for tile in manifest["tiles"])}:
        raise InputError(f"{event_id} has no target '{target_id}'")
    return manifest


def check_words(words: Sequence[str]) -> None:
    """Refuse words that are neither a phase nor a sensor.

    Raises:
        InputError: A word is neither; the message names the word with the nearest spelling.
    """
    known = [*Phase, *Sensor]
    for word in words:
        if word not in known:
            raise InputError(f"'{word}' is neither a phase nor a sensor; {suggest(word, known)}")


def _slot(row: Json) -> Slot:
    return (row["target_id"], row["phase"], row["sensor"])


def _is_wanted(words: Sequence[str], phase: str | None, sensor: str) -> bool:
    phases = [word for word in words if word in list(Phase)]
    sensors = [word for word in words if word in list(Sensor)]
    return (not phases or phase in phases) and (not sensors or sensor in sensors)


def _list_clouds(candidates: list[Json], target_id: str, manifest: Json) -> dict[str, float | None]:
    """List the cloud of each candidate of a target that counts, by item id."""
    own = [row for row in candidates if row["target_id"] == target_id]
    return {row["item_id"]: _counted_cloud(row, manifest) for row in own}


def _counted_cloud(row: Json, manifest: Json) -> float | None:
    counts = counts_clear_ground(manifest, row["sensor"])
    cloud: float | None = area_cloud(row) if counts else row["cloud_cover"]
    return cloud


def _objective(manifest: Json, slot: Slot, clouds: Mapping[str, float | None]) -> list[Json]:
    target_id, phase, sensor = slot
    if phase is None or manifest["provenance"]["recipe"]["policy"] != Policy.CHANGE_DETECTION:
        return []
    parts = {AOI: manifest, **{tile["target_id"]: tile for tile in manifest["tiles"]}}
    joint_frac = manifest["coverage"]["filled_frac"][target_id]
    return describe_objective(
        parts[target_id]["selected"],
        phase,
        sensor,
        joint_frac=joint_frac,
        joint_clear_frac=manifest["coverage"]["joint_clear_frac"][target_id],
        clouds=clouds,
    )


def _alternatives(manifest: Json, slot: Slot) -> list[Json]:
    """List the alternatives to the pass of the AOI's slot ``event``."""
    target_id, phase, sensor = slot
    found: list[Json] = manifest["alternatives"].get(sensor, [])
    return found if (target_id, phase) == (AOI, Phase.EVENT) else []


def _name_acquired(manifest: Json, slot: Slot, folder: RunFolder) -> Json:
    """Name the passes that the collection of a slot lacks, if the recipe asks for them."""
    target_id, phase, sensor = slot
    if sensor != Sensor.S1RTC:
        return {}
    if MANIFEST_KEY not in manifest:
        not_checked = folder.read_run().get("not_checked", {})
        texts = [f"not checked: {name}: {why}" for name, why in not_checked.items()]
        return {MANIFEST_KEY: texts} if texts else {}
    return {MANIFEST_KEY: describe_slot(manifest, target_id, phase, sensor)}


def _explain_slot(slot: Slot, rows: list[Json], failure: Json | None, manifest: Json) -> Json:
    _, phase, sensor = slot
    counts, decided = counts_clear_ground(manifest, sensor), manifest["decision"]
    ranked = [row for row in rows if row["rank"] is not None]
    chosen = [row for row in ranked if row["selected"]]
    others = [row for row in ranked if not row["selected"]]
    compared = phase is not None and chosen and others
    lead = margin(chosen[0], others[0], over_area=counts) if compared else None
    return {
        "phase": phase,
        "sensor": sensor,
        "decision": f"no scene: {failure['reason']}; {failure['hint']}"
        if failure
        else _decision(rows, ranked, lead) + _name_person(decided, phase),
        "margin": lead,
        "candidates": [
            {name: row[name] for name in _SHOWN} | (describe_ground(row) if counts else {})
            for row in _sort_by_time(rows, phase)
        ],
    }


def _name_person(decided: Json | None, phase: str | None) -> str:
    """Say that a person decided, if the policy obeys it."""
    if decided is None or not decided["kept"] or phase is None:
        return ""
    item, track = decided["event_pass"], decided["track"]
    return f"; a person decided for {f'track {track}' if item is None else f'event pass {item}'}"


def _sort_by_time(rows: list[Json], phase: str | None) -> list[Json]:
    """Sort the candidates of a phase by time, those without one last; the DEM has no order."""
    if phase is None:
        return rows
    return sorted(rows, key=lambda row: (row["datetime"] is None, row["datetime"]))


def _decision(rows: list[Json], ranked: list[Json], lead: Json | None) -> str:
    """Describe the choice of one slot, by the measure in which it differs from the runner-up."""
    rejected = f"{len(rows) - len(ranked)} rejected"
    if ranked[0]["phase"] is None:
        return f"{len(ranked)} tiles; {rejected}"
    chosen = ranked[0]["item_id"]
    if ranked[0]["relaxed"] is not None:
        return _decision_together(ranked, n_rejected=len(rows) - len(ranked))
    if lead is None:
        return f"{chosen}: the only candidate that obeys the rules; {rejected}"
    values = f"{_short(lead['selected'])} against {_short(lead['runner_up'])}"
    others = f"{len(ranked) - 1} more ranked, {rejected}"
    return f"{chosen}: ahead of {ranked[1]['item_id']} by {lead['by']}, {values}; {others}"


def _decision_together(ranked: list[Json], *, n_rejected: int) -> str:
    """Describe a choice that was made for all slots together: no measure of one slot decided."""
    members = [row for row in ranked if row["selected"]]
    steps = sorted({step for row in members for step in row["relaxed"]})
    more = f" and {len(members) - 1} more of its pass" if len(members) > 1 else ""
    relaxed = f", {describe_steps(steps)}" if steps else ""
    others = f"{len(ranked) - len(members)} more ranked, {n_rejected} rejected"
    return f"{members[0]['item_id']}{more}: chosen for all slots together{relaxed}; {others}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
