"""Choose again from the candidates of a finished run, by other rules, without asking the catalog."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.assessment import assess_events
from floodscan.assessment.outcomes import read_outcomes, tabulate_outcomes
from floodscan.catalogs.base import Answer
from floodscan.errors import InputError
from floodscan.inputs.recipe_files import recipe_from_dict
from floodscan.model import Event, Phase
from floodscan.planning.slots import plan_event
from floodscan.schemas import CANDIDATES, ITEMS
from floodscan.selection import select
from floodscan.selection.candidates import beyond, judge, withhold
from floodscan.selection.passes import identify_passes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from floodscan.assessment.outcomes import Outcome
    from floodscan.model import Recipe, Relaxation, Search, Sensor, SensorRecipe
    from floodscan.planning.slots import EventPlan, Slot
    from floodscan.store import RunFolder

    Json = dict[str, Any]


def read_finished(folder: RunFolder) -> Json:
    """Read what a finished run was.

    Raises:
        InputError: The folder holds no run, one that has not finished, or no table of its events.
    """
    run = folder.read_run()
    if "finished" not in run:
        raise InputError(
            f"{folder.path}: its run has not finished; go on with the scan first: start the same again"
        )
    folder.check_events()
    return run


def has_default_ladder(recipe: Recipe) -> bool:
    """Tell whether a recipe's ladder is the one that it has where it names none."""
    others = {name: value for name, value in recipe.to_dict().items() if name != "relax"}
    return recipe.relax == recipe_from_dict(others, source="recipe").relax


def fit_ladder(recipe: Recipe, searched: Recipe) -> Recipe:
    """Leave out the steps of a ladder that need a wider window than was searched."""
    unfit = [
        step for sensor in searched.sensors for step in _steps_beyond(recipe, searched, sensor)
    ]
    return replace(recipe, relax=tuple(step for step in recipe.relax if step not in unfit))


def _steps_beyond(recipe: Recipe, searched: Recipe, sensor: Sensor) -> list[Relaxation]:
    """List the steps that a recipe takes for a sensor and that need a wider window than was searched."""
    days = searched.rules[sensor].widest_window_days
    return [
        step
        for step in recipe.rules[sensor].ladder
        if days is not None and (step.window_days or 0) > days
    ]


def check_answerable(recipe: Recipe, searched: Recipe, *, source: str) -> None:
    """Refuse rules that the stored candidates can't answer.

    Args:
        recipe: The rules to choose by.
        searched: Those that the candidates were searched by.
        source: Name of the run, for the message.

    Raises:
        InputError: IdSet each rule that asks for more than was searched.
    """
    problems = [
        problem
        for sensor, asked in recipe.sensors.items()
        for problem in (
            _gaps(recipe, searched, sensor, asked)
            if sensor in searched.sensors
            else [f"{sensor} was not searched"]
        )
    ]
    if recipe.tile_size_m != searched.tile_size_m:
        problems.append(f"tile_size_m is {recipe.tile_size_m}, searched was {searched.tile_size_m}")
    if recipe.phase_offset_days != searched.phase_offset_days:
        problems.append("phase_offset_days are others than those that were searched by")
    if problems:
        raise InputError(
            f"{source}: its candidates can't answer this recipe: {'; '.join(problems)}; scan again"
        )


def _gaps(recipe: Recipe, searched: Recipe, sensor: Sensor, asked: SensorRecipe) -> list[str]:
    had = searched.sensors[sensor]
    problems = []
    if asked.collection != had.collection:
        problems.append(f"{sensor}.collection is {asked.collection}, searched was {had.collection}")
    if missing := sorted(set(asked.assets) - set(had.assets)):
        problems.append(f"{sensor}.assets {', '.join(missing)} were not asked for")
    had_days = searched.rules[sensor].widest_window_days
    if had_days is not None and (asked.window_days or 0) > had_days:
        problems.append(f"{sensor}.window_days is {asked.window_days}, searched were {had_days}")
    return problems + [
        f"the ladder's step {step}, searched were {had_days} (leave it out of relax, or write relax = [])"
        for step in _steps_beyond(recipe, searched, sensor)
    ]


def reselect(
    source: RunFolder, out: RunFolder, recipe: Recipe, *, catalog_id: str
) -> Iterator[pa.Table]:
    """Choose again for every event of a run, and write a run's folder of its own.

    Gives EVENTS batch by batch.

    Args:
        source: A finished run.
        out: Where results go; prepared, without the run's description.
        recipe: The rules to choose by, which the stored candidates can answer.
        catalog_id: STAC id of the catalog that they are from.
    """
    # events that were added to the source since are in other batches
    out.keep(frozenset())
    for batch, ends in source.events.batches():
        yield _choose(source, out, recipe, batch, read_outcomes(ends), catalog_id=catalog_id)


def _choose(
    source: RunFolder,
    out: RunFolder,
    recipe: Recipe,
    batch: str,
    ends: Sequence[Outcome],
    *,
    catalog_id: str,
) -> pa.Table:
    given_up = [end for end in ends if end.is_given_up]
    worked_on = [end.event_id for end in ends if end not in given_up]
    stored = [orjson.loads(content) for content in source.read_manifests(batch, worked_on)]
    plans = [plan_event(read_event(manifest["event"]), recipe) for manifest in stored]
    answers = [
        _answers(plan, manifest["provenance"]["searches"])
        for plan, manifest in zip(plans, stored, strict=True)
    ]
    judged = _judge_again(source.read_part(batch), plans, answers, recipe)
    candidates = select(judged, plans, recipe)
    manifests, outcomes = assess_events(
        plans, candidates, answers, recipe=recipe, catalog_id=catalog_id
    )
    out.write_candidates(batch, candidates)
    out.write_manifests(batch, manifests)
    out.drop_manifests(end.event_id for end in given_up)
    events = tabulate_outcomes(batch, [*outcomes, *given_up])
    out.events.write(batch, events)
    return events


def read_event(facts: Json) -> Event:
    """Make an event of what its manifest tells of it."""
    return Event(
        event_id=facts["name"],
        aoi=shapely.geometry.shape(facts["aoi"]),
        bbox=tuple(facts["bbox"]),
        phase_dates={
            Phase(phase): date.fromisoformat(day) for phase, day in facts["phase_dates"].items()
        },
        onset=datetime.fromisoformat(facts["onset"]),
        target_crs=facts["target_crs"],
    )


def _answers(plan: EventPlan, searches: Sequence[Json]) -> Mapping[Search, Answer]:
    """Stand in for the answers to a plan's searches: nothing new, as complete as what the candidates came from."""
    by_search, nothing = {slot.search: slot for slot in plan.slots}, ITEMS.empty_table()
    return {
        search: Answer(items=nothing, complete=_is_complete(slot, search, searches))
        for search, slot in by_search.items()
    }


def _is_complete(slot: Slot, search: Search, searches: Sequence[Json]) -> bool:
    """Tell whether no search that could have brought candidates of a slot was answered in part."""
    for made in searches:
        if made["collection"] == search.collection and not made["complete"]:
            opens, _, closes = (made["datetime"] or "/").partition("/")
            wanted = ("", "") if slot.window is None else str(slot.window).split("/")
            if not opens or not wanted[0] or (opens <= wanted[1] and wanted[0] <= closes):
                return False
    return True


def _judge_again(
    stored: pa.Table,
    plans: Sequence[EventPlan],
    answers: Sequence[Mapping[Search, Answer]],
    recipe: Recipe,
) -> pa.Table:
    """Give the stored candidates the verdicts that a scan by these rules would have given them."""
    sensors = np.array(stored["sensor"].to_pylist(), dtype=object)
    kept, outside = np.zeros((2, len(stored)), dtype=bool)
    for sensor, asked in recipe.sensors.items():
        here, widest = sensors == sensor, recipe.rules[sensor].widest_window_days
        kept |= here
        if asked.window_days is not None and widest is not None:
            kept &= ~(here & beyond(stored["datetime"], stored["day_offset"], widest))
            outside |= here & beyond(stored["datetime"], stored["day_offset"], asked.window_days)
    candidates, sensors, outside = stored.filter(pa.array(kept)), sensors[kept], outside[kept]
    missing = _still_missing(candidates, sensors, recipe)
    verdicts = judge(
        candidates,
        sensors,
        recipe,
        overlaps=candidates["overlap_frac"].to_numpy(),
        lacking=np.asarray(pc.list_value_length(missing)) > 0,
        outside=outside,
    )
    n = len(candidates)
    fresh = {
        "pass_id": identify_passes(candidates),
        "missing_assets": missing,
        "assets": _still_wanted(candidates, sensors, recipe),
        "rank": pa.nulls(n, pa.int32()),
        "selected": pa.array(np.zeros(n, dtype=bool)),
        "verdict": pa.array(verdicts, pa.string()),
        "relaxed": pa.nulls(n, CANDIDATES.field("relaxed").type),
        "superseded_by": pa.nulls(n, pa.string()),
    }
    judged = pa.table(
        [fresh.get(name, candidates[name]) for name in CANDIDATES.names], schema=CANDIDATES
    )
    return withhold(judged, _complete(judged, plans, answers), recipe)


def _still_missing(candidates: pa.Table, sensors: np.ndarray[Any, Any], recipe: Recipe) -> pa.Array:
    wanted = {str(sensor): set(asked.assets) for sensor, asked in recipe.sensors.items()}
    lists = candidates["missing_assets"].to_pylist()
    kept = [
        [key for key in keys if key in wanted[sensor]]
        for sensor, keys in zip(sensors, lists, strict=True)
    ]
    return pa.array(kept, CANDIDATES.field("missing_assets").type)


def _still_wanted(
    candidates: pa.Table, sensors: np.ndarray[Any, Any], recipe: Recipe
) -> pa.Array | pa.ChunkedArray:
    """Keep the hrefs of the assets that the rules ask for, in the recipe's order."""
    order = {str(sensor): asked.assets for sensor, asked in recipe.sensors.items()}
    maps = candidates["assets"].to_pylist()
    found = [
        [(key, dict(pairs)[key]) for key in order[sensor] if key in dict(pairs)]
        for sensor, pairs in zip(sensors, maps, strict=True)
    ]
    return pa.array(found, CANDIDATES.field("assets").type)


def _complete(
    candidates: pa.Table,
    plans: Sequence[EventPlan],
    answers: Sequence[Mapping[Search, Answer]],
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell of each candidate whether the answer that it came from was complete, shape (n,)."""
    partial = {
        (
            plan.event.event_id,
            slot.target.target_id,
            slot.phase and str(slot.phase),
            str(slot.sensor),
        )
        for plan, answered in zip(plans, answers, strict=True)
        for slot in plan.slots
        if not answered[slot.search].complete
    }
    if not partial:
        return np.ones(len(candidates), dtype=bool)
    names = ("event_id", "target_id", "phase", "sensor")
    keys = zip(*(candidates[name].to_pylist() for name in names), strict=True)
    return np.array([key not in partial for key in keys], dtype=bool)
