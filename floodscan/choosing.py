"""A person's decision for an event: recorded in the folder of the run, and obeyed there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.manifest import parse_manifest
from floodscan.assessment.outcomes import count_outcomes, read_outcomes, tabulate_outcomes
from floodscan.errors import InputError
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import Phase, Policy
from floodscan.planning.targets import AOI
from floodscan.report.event_ids import check_event
from floodscan.reselection import Reselection, decide_again, read_finished
from floodscan.schemas import EVENTS
from floodscan.store import PACKED, RunFolder, locked

if TYPE_CHECKING:
    from floodscan.assessment.manifest import Manifest
    from floodscan.model import Decision
    from floodscan.pipeline import BatchPart

    Json = dict[str, Any]


def choose(source: str | Path, event_id: str, decision: Decision | None) -> Manifest:
    """Choose again for one event by a person's decision, in the folder of the run.

    The decision is recorded in ``decisions.json``. Later scans of the same run obey it, and so does
    ``reselect`` where its rules admit the decision.

    Args:
        source: Folder of a finished run with policy ``change-detection``.
        event_id: An event of the run.
        decision: The decision; None takes an earlier one back.

    Returns:
        The new manifest of the event.

    Raises:
        InputError: The run has not finished, has another policy or no such event, or its rules
            don't admit the decision. Nothing was written.
    """
    path = Path(source).absolute()
    run = read_finished(RunFolder(path))
    folder = RunFolder(path, packed=run["manifests"] == PACKED)
    recipe = recipe_from_dict(run["recipe"], source=str(folder.run_path))
    if recipe.policy is not Policy.CHANGE_DETECTION:
        message = f"its policy is {recipe.policy}; reselect it with --policy change-detection first"
        raise InputError(f"{source}: {message}")
    check_event(folder, event_id)
    with locked(path):
        decisions = {**folder.read_decisions(), **({event_id: decision} if decision else {})}
        if decision is None:
            decisions.pop(event_id, None)
        again = Reselection(
            source=folder,
            out=folder,
            recipe=recipe,
            catalog_id=run["catalog"]["id"],
            decisions=decisions,
        )
        _rewrite(again, run, event_id)
    content = folder.read_manifest(event_id)
    return parse_manifest(content, source=f"{source}: {event_id}")


def _rewrite(again: Reselection, run: Json, event_id: str) -> None:
    """Choose again for an event, and replace its rows and its manifest."""
    folder = again.source
    batch, events = _find_batch(folder, event_id)
    place = events["event_id"].to_pylist().index(event_id)
    (stored,) = read_outcomes(events.slice(place, 1))
    if stored.is_given_up:
        raise InputError(f"{event_id}: it has no candidates to choose from: {stored.reason}")
    held = folder.read_part(batch)
    part = decide_again(again, batch, [event_id], held.filter(pc.equal(held["event_id"], event_id)))
    _check_kept(part, event_id, again.decisions.get(event_id))
    # what was asked of the catalog stays as the scan recorded it
    outcome = replace(part.outcomes[0], n_requests=stored.n_requests, seconds=stored.seconds)
    rows = [events.slice(0, place), tabulate_outcomes(batch, [outcome]), events.slice(place + 1)]
    folder.prepare()
    folder.write_decisions(again.decisions)
    folder.replace_event(batch, event_id, part.candidates, part.manifests[event_id])
    folder.events.write(batch, pa.concat_tables(rows))
    folder.merge()
    counts = count_outcomes(EVENTS.empty_table())
    for _, table in folder.events.batches():
        counts.update(count_outcomes(table))
    folder.write_run({**run, "counts": counts})


def _find_batch(folder: RunFolder, event_id: str) -> tuple[str, pa.Table]:
    batches = folder.events.batches()
    return next((name, rows) for name, rows in batches if event_id in rows["event_id"].to_pylist())


def _check_kept(part: BatchPart, event_id: str, decision: Decision | None) -> None:
    """Refuse a decision that the choices don't obey.

    Raises:
        InputError: The message says why not.
    """
    manifest = parse_manifest(part.manifests[event_id], source=event_id)
    if decision is not None and not manifest.content["decision"]["kept"]:
        raise InputError(f"{event_id}: {decision} can't be chosen: {_why_not(part, decision)}")


def _why_not(part: BatchPart, decision: Decision) -> str:
    rows = part.candidates.filter(
        pc.and_(
            pc.equal(part.candidates["target_id"], AOI),
            pc.equal(part.candidates["phase"], Phase.EVENT),
        )
    ).to_pylist()
    if decision.event_pass is not None:
        found = [row["verdict"] for row in rows if row["item_id"] == decision.event_pass]
        return found[0] if found else f"it is no candidate of phase {Phase.EVENT}"
    found = [row["verdict"] for row in rows if row["relative_orbit"] == decision.track]
    verdicts = ", ".join(sorted(set(found)))
    return verdicts or f"it has no candidate of phase {Phase.EVENT}"
