"""Choose again from the candidates of a finished run, by other rules, without searching."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from floodscan.assessment.acquired_passes import restore_acquired
from floodscan.assessment.outcomes import read_outcomes
from floodscan.catalogs.base import Answer, MissingKind, MissingPart
from floodscan.errors import InputError
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import DateKind, Event, Phase, Policy
from floodscan.pipeline import decide, write
from floodscan.planning.slots import plan_event
from floodscan.schemas import ITEMS, SLOT
from floodscan.selection.candidates import MEASURED, beyond, judge
from floodscan.selection.clearness import reads_area

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.assessment.outcomes import Outcome
    from floodscan.model import Decision, Recipe, Relaxation, Search, Sensor, SensorRecipe
    from floodscan.pipeline import BatchPart, BatchResult
    from floodscan.planning.slots import EventPlan
    from floodscan.store import RunFolder

    Json = dict[str, Any]
    Mask = NDArray[np.bool_]


NOT_ASKED = "the stored run did not search it"
"""Why a reselection does not know what was acquired."""


def read_finished(folder: RunFolder) -> Json:
    """Read the description of a finished run.

    Raises:
        InputError: The folder has no run, the run has not finished, or its table of events is
            missing.
    """
    run = folder.read_run()
    if "finished" not in run:
        raise InputError(
            f"{folder.path}: its run has not finished; start the same scan again to finish it"
        )
    folder.check_events()
    return run


def has_default_ladder(recipe: Recipe) -> bool:
    """Return whether a recipe has the ladder that it gets if its file names none."""
    others = {name: value for name, value in recipe.to_dict().items() if name != "relax"}
    return recipe.relax == recipe_from_dict(others, source="recipe").relax


def fit_ladder(recipe: Recipe, searched: Recipe) -> Recipe:
    """Remove the ladder steps that need a wider window than the stored run searched."""
    unfit = [
        step for sensor in searched.sensors for step in _steps_beyond(recipe, searched, sensor)
    ]
    return replace(recipe, relax=tuple(step for step in recipe.relax if step not in unfit))


def fit_checks(recipe: Recipe, searched: Recipe, record: Json) -> tuple[Recipe, dict[str, str]]:
    """Do without what was acquired, if the stored run did not search for it.

    Args:
        recipe: The new rules.
        searched: The rules of the stored run.
        record: Record of the stored run.

    Returns:
        The rules, and why a collection of what was acquired is not searched.
    """
    unknown: dict[str, str] = record.get("not_checked", {})
    if not recipe.checks or searched.checks:
        return recipe, unknown
    return recipe.without_checks(), dict.fromkeys(recipe.checks, NOT_ASKED) | unknown


def _steps_beyond(recipe: Recipe, searched: Recipe, sensor: Sensor) -> list[Relaxation]:
    """List the ladder steps of a sensor that need a wider window than the stored run searched."""
    days = searched.rules[sensor].widest_window_days
    if days is None or recipe.policy is Policy.REFERENCE:
        return []
    steps = (step for step in recipe.relax if step.sensor is sensor)
    return [step for step in steps if (step.window_days or 0) > days]


def check_answerable(recipe: Recipe, searched: Recipe, held: RunFolder) -> None:
    """Refuse rules for which the stored candidates are not enough.

    Args:
        recipe: The new rules.
        searched: The rules of the stored run.
        held: The stored run.

    Raises:
        InputError: Names each rule that asks for more than was searched.
    """
    problems = [
        problem
        for sensor, asked in recipe.sensors.items()
        for problem in _find_problems(recipe, searched, sensor, asked)
    ]
    if recipe.tile_size_m != searched.tile_size_m:
        problems.append(
            f"tile_size_m is {recipe.tile_size_m}, but the stored run used {searched.tile_size_m}"
        )
    if recipe.phase_offset_days != searched.phase_offset_days:
        problems.append("phase_offset_days differ from those of the stored run")
    if reads_area(recipe) and not reads_area(searched) and not held.has_clear_ground():
        problems.append("cloud is area, but the stored run read no clear ground")
    if problems:
        found = f"{'; '.join(problems)}; scan again"
        raise InputError(f"{held.path}: its candidates can't answer this recipe: {found}")


def _find_problems(
    recipe: Recipe, searched: Recipe, sensor: Sensor, asked: SensorRecipe
) -> Iterator[str]:
    if sensor not in searched.sensors:
        yield f"{sensor} was not searched"
        return
    stored, days = searched.sensors[sensor], searched.rules[sensor].widest_window_days
    only = f"but the stored run searched only {days}"
    if asked.collection != stored.collection:
        found = f"but the stored run searched {stored.collection}"
        yield f"{sensor}.collection is {asked.collection}, {found}"
    if asked.acquired_in not in {None, stored.acquired_in}:
        found = f"but the stored run searched {stored.acquired_in}"
        yield f"{sensor}.acquired_in is {asked.acquired_in}, {found}"
    if missing := sorted(set(asked.assets) - set(stored.assets)):
        yield f"{sensor}.assets {', '.join(missing)} are not in the stored run"
    wanted = asked.window_days
    if days is not None and (wanted is None or wanted > days):
        yield f"{sensor}.window_days is {'without a limit' if wanted is None else wanted}, {only}"
    for step in _steps_beyond(recipe, searched, sensor):
        yield f"the ladder has {step}, {only} (leave it out of relax, or write relax = [])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reselection:
    """Settings that all batches of a reselection share.

    Attributes:
        source: A finished run.
        out: Output folder, prepared.
        recipe: The new rules, for which the stored candidates are enough.
        catalog_id: STAC id of the catalog of the candidates.
        decisions: Decisions of persons, by event id.
    """

    source: RunFolder
    out: RunFolder
    recipe: Recipe
    catalog_id: str
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def batches(self) -> Iterator[StoredBatch]:
        """Read the batches of the source, one after the other."""
        for name, events in self.source.events.batches():
            yield StoredBatch(name, tuple(read_outcomes(events)))


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch of a finished run.

    Attributes:
        name: Its name.
        outcomes: How its events ended.
    """

    name: str
    outcomes: tuple[Outcome, ...]


def reselect_batch(reselection: Reselection, batch: StoredBatch) -> BatchResult:
    """Choose again for the events of a batch, and write them to the other run's folder."""
    given_up = [outcome for outcome in batch.outcomes if outcome.is_given_up]
    event_ids = [outcome.event_id for outcome in batch.outcomes if not outcome.is_given_up]
    candidates = reselection.source.read_part(batch.name)
    part = decide_again(reselection, batch.name, event_ids, candidates)
    return write(reselection.out, batch.name, [part], given_up=given_up)


def decide_again(
    reselection: Reselection, batch: str, event_ids: Sequence[str], candidates: pa.Table
) -> BatchPart:
    """Choose again for events of a batch.

    Args:
        reselection: The settings.
        batch: Name of the batch.
        event_ids: The events.
        candidates: CANDIDATES of these events, as stored.
    """
    recipe, decisions = reselection.recipe, reselection.decisions
    contents = reselection.source.read_manifests(batch, event_ids)
    manifests = [orjson.loads(content) for content in contents]
    plans = [
        plan_event(read_event(manifest["event"]), recipe, decisions.get(event_id))
        for event_id, manifest in zip(event_ids, manifests, strict=True)
    ]
    answers = [
        _restore_answers(plan, manifest["provenance"]["searches"])
        for plan, manifest in zip(plans, manifests, strict=True)
    ]
    plans = [
        restore_acquired(plan, answered, manifest)
        for plan, answered, manifest in zip(plans, answers, manifests, strict=True)
    ]
    measured = _narrow(candidates, recipe)
    complete, covered = _find_flags(measured, plans, answers)
    scored = judge(measured, recipe, complete=complete, covered=covered)
    return decide(scored, plans, answers, recipe=recipe, catalog_id=reselection.catalog_id)


def read_event(facts: Json) -> Event:
    """Make an event of the facts in its manifest."""
    return Event(
        event_id=facts["name"],
        aoi=shapely.geometry.shape(facts["aoi"]),
        bbox=tuple(facts["bbox"]),
        phase_dates={
            Phase(phase): date.fromisoformat(day) for phase, day in facts["phase_dates"].items()
        },
        onset=datetime.fromisoformat(facts["onset"]),
        onset_assumed=facts["onset_assumed"],
        assumed_onset_hour=facts["assumed_onset_hour"],
        peak=_read_time(facts["peak"]),
        end=_read_time(facts["end"]),
        date_kind=DateKind(facts["date_kind"]),
        target_crs=facts["target_crs"],
    )


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _restore_answers(plan: EventPlan, searches: Sequence[Json]) -> dict[Search, Answer]:
    """Make answers to the searches of a plan.

    They have no items, because the stored candidates replace these. They are complete if the
    searches in the manifest were.
    """
    nothing = ITEMS.empty_table()
    return {search: _restore_answer(search, searches, nothing) for search in plan.searches}


def _restore_answer(search: Search, searches: Sequence[Json], nothing: pa.Table) -> Answer:
    made = _find_incomplete(search, searches)
    if made is None:
        return Answer(items=nothing)
    if "missing" not in made:
        return Answer(items=nothing, complete=False)
    part = MissingPart(search, made["reason"], MissingKind(made["missing"]))
    return Answer(items=nothing, complete=False, missing_parts=(part,), problem=made["reason"])


def _find_incomplete(search: Search, searches: Sequence[Json]) -> Json | None:
    """Find a stored search that may have found items of a slot search, and was not complete.

    The search itself is known if the windows of that run are those of this one.
    """
    whole = (search.collection, search.window and str(search.window))
    own = [made for made in searches if (made["collection"], made["datetime"]) == whole]
    for made in own or searches:
        if made["collection"] == search.collection and not made["complete"]:
            opens, _, closes = (made["datetime"] or "/").partition("/")
            wanted = ("", "") if search.window is None else str(search.window).split("/")
            if not opens or not wanted[0] or (opens <= wanted[1] and wanted[0] <= closes):
                return made
    return None


def _narrow(stored: pa.Table, recipe: Recipe) -> pa.Table:
    """Keep the stored candidates that a scan by a recipe would find.

    Args:
        stored: CANDIDATES of a run that searched at least as much.
        recipe: The rules.

    Returns:
        MEASURED table.
    """
    sensors = np.array(stored["sensor"].to_pylist(), dtype=object)
    kept = np.zeros(len(stored), dtype=bool)
    for sensor, rules in recipe.rules.items():
        here = sensors == sensor
        if rules.widest_window_days is not None:
            here &= ~beyond(stored["datetime"], stored["day_offset"], rules.widest_window_days)
        kept |= here
    found, sensors = stored.filter(pa.array(kept)), sensors[kept]
    narrowed = {
        "missing_assets": _narrow_missing(found["missing_assets"], sensors, recipe),
        "assets": _narrow_assets(found["assets"], sensors, recipe),
    }
    return pa.table(
        [narrowed.get(field.name, found[field.name]) for field in MEASURED], schema=MEASURED
    )


def _narrow_missing(
    missing_assets: pa.ChunkedArray, sensors: NDArray[np.object_], recipe: Recipe
) -> pa.Array:
    """Keep the missing assets that the rules ask for."""
    wanted = {str(sensor): set(asked.assets) for sensor, asked in recipe.sensors.items()}
    kept = [
        [key for key in keys if key in wanted[sensor]]
        for sensor, keys in zip(sensors, missing_assets.to_pylist(), strict=True)
    ]
    return pa.array(kept, missing_assets.type)


def _narrow_assets(
    assets: pa.ChunkedArray, sensors: NDArray[np.object_], recipe: Recipe
) -> pa.Array:
    """Keep the hrefs of the assets that the rules ask for, in the recipe's order."""
    order = {str(sensor): asked.assets for sensor, asked in recipe.sensors.items()}
    kept = [
        [(key, hrefs[key]) for key in order[sensor] if key in hrefs]
        for sensor, hrefs in zip(sensors, map(dict, assets.to_pylist()), strict=True)
    ]
    return pa.array(kept, assets.type)


def _find_flags(
    candidates: pa.Table,
    plans: Sequence[EventPlan],
    answers: Sequence[Mapping[Search, Answer]],
) -> tuple[Mask, Mask]:
    """Return whether each candidate's answer is complete, and its time covered, shape (n,) each."""
    of_slots = {
        (slot.event_id, slot.target.target_id, slot.phase, slot.sensor): answered[slot.search]
        for plan, answered in zip(plans, answers, strict=True)
        for slot in plan.slots
    }
    slots = zip(*(candidates[name].to_pylist() for name in SLOT), strict=True)
    found = [of_slots[slot] for slot in slots]
    complete = np.array([answer.complete for answer in found], dtype=bool)
    return complete, np.array([answer.is_covered for answer in found], dtype=bool)
