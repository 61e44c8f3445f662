"""What slots say of passes that were acquired, and that the collection of the scenes lacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from floodscan.assessment.items import format_time
from floodscan.assessment.labels import WarningCode
from floodscan.assessment.quality import ChoiceWarning
from floodscan.model import AcquiredScene, Phase
from floodscan.selection.acquired import is_checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from floodscan.assessment.quality import Assessment
    from floodscan.assessment.shown_rows import RowsByTarget
    from floodscan.catalogs.base import Answer
    from floodscan.model import Recipe, Search, SensorRecipe
    from floodscan.planning.slots import EventPlan, Slot

    Json = dict[str, Any]

MANIFEST_KEY: Final = "not_in_collection"
_ONE_PASS: Final = timedelta(minutes=10)  # over one area; the next pass of a track is days away
_MOST_NAMED: Final = 3
_UNKNOWN: Final = (
    "{acquired_in} gave no complete answer: whether {collection} lacks passes is not known"
)


@dataclass(frozen=True, slots=True)
class SlotCheck:
    """What was acquired for a slot, and is not in the collection of its scenes.

    Attributes:
        slot: The slot.
        scenes: The products in the order of time; None if a search has no complete answer.
    """

    slot: Slot
    scenes: tuple[AcquiredScene, ...] | None

    @property
    def collection(self) -> str:
        """The collection of the products."""
        return self.slot.acquired.collection if self.slot.acquired else ""

    @property
    def place(self) -> tuple[str, str | None, str]:
        """Target, phase and sensor of the slot."""
        return self.slot.target.target_id, *self.slot.key

    @property
    def passes(self) -> list[list[AcquiredScene]]:
        """The products by pass, the pass nearest to the phase's date first."""
        day = self.slot.day
        return [] if day is None else group_passes(self.scenes or (), day)

    def to_dict(self) -> Json:
        """Return it in JSON types, as manifests have it."""
        target_id, phase, sensor = self.place
        return {
            "target_id": target_id,
            "phase": phase,
            "sensor": sensor,
            "checked": self.scenes is not None,
            "items": [scene.item_id for scene in self.scenes or ()],
        }


def check_slots(
    plan: EventPlan,
    answers: Mapping[Search, Answer],
    rows: RowsByTarget,
    recipe: Recipe,
) -> list[SlotCheck]:
    """List for each slot the products that it could have had, if the recipe asks for them.

    An empty slot could have had those in its widest window. A filled slot could have had those in
    the window of the recipe, or as far from the phase's date as its scene.

    Args:
        plan: The event and its slots.
        answers: The answer to each search of the plan.
        rows: The candidates that the manifest shows, by target.
        recipe: The rules.
    """
    if not recipe.checks:
        return []
    days = {
        (target_id, row["phase"], row["sensor"]): row["days_from_phase"]
        for target_id, own in rows.items()
        for row in own
        if row["selected"]
    }
    checks = []
    for slot in plan.slots:
        if slot.acquired is not None:
            most_days = _find_most_days(slot, days.get((slot.target.target_id, *slot.key)), recipe)
            fits = tuple(
                each for each in plan.acquired if _fits(each, slot, most_days, plan, recipe)
            )
            checks.append(SlotCheck(slot, fits if is_checked(slot, answers) else None))
    return checks


def _find_most_days(slot: Slot, chosen_days: int | None, recipe: Recipe) -> int:
    """Return how many days from the phase's date a pass may be."""
    rules = recipe.rules[slot.sensor]
    if chosen_days is None:
        return rules.widest_window_days or 0
    return max(chosen_days, rules.asked.window_days or 0)


def _fits(
    scene: AcquiredScene, slot: Slot, most_days: int, plan: EventPlan, recipe: Recipe
) -> bool:
    """Return whether a slot could have had the scene of a product."""
    window, day = slot.window, slot.day
    if window is None or day is None or slot.target.target_id not in scene.overlap_frac:
        return False
    is_near = abs((scene.time.date() - day).days) <= most_days
    has_channels = set(recipe.sensors[slot.sensor].polarizations) <= set(scene.polarizations)
    inside = window.start <= scene.time <= window.end
    return inside and is_near and has_channels and is_on_side(scene.time, slot.phase, plan, recipe)


def is_on_side(time: datetime, phase: Phase | None, plan: EventPlan, recipe: Recipe) -> bool:
    """Return whether a pass is on a phase's side of the onset."""
    if phase in {Phase.PRE_MONTH, Phase.PRE_EVENT}:
        return time < recipe.last_before(plan.event)
    return time >= recipe.onset_of(plan.event)


def describe_checks(plan: EventPlan, checks: Sequence[SlotCheck]) -> Json:
    """Describe the checks of an event for its manifest; nothing without any."""
    if not checks:
        return {}
    return {
        MANIFEST_KEY: {
            "acquired_in": checks[0].collection,
            "scenes": [_scene_to_dict(scene) for scene in plan.acquired],
            "slots": [check.to_dict() for check in checks],
        }
    }


def _scene_to_dict(scene: AcquiredScene) -> Json:
    return {
        "id": scene.item_id,
        "datetime": format_time(scene.time),
        "platform": scene.platform,
        "relative_orbit": scene.relative_orbit,
        "orbit_state": scene.orbit_state,
        "polarizations": list(scene.polarizations),
        "overlap_frac": dict(scene.overlap_frac),
    }


def restore_acquired(
    plan: EventPlan, answers: Mapping[Search, Answer], manifest: Json
) -> EventPlan:
    """Add to an event the products in its manifest that a scan by its windows would find."""
    windows = {
        slot.window for slot in plan.slots if slot.window is not None and is_checked(slot, answers)
    }
    kept = (
        scene
        for scene in read_scenes(manifest)
        if any(window.start <= scene.time <= window.end for window in windows)
    )
    return replace(plan, acquired=tuple(kept))


def read_scenes(manifest: Json) -> tuple[AcquiredScene, ...]:
    """Read the products of which the collection has no scene from a manifest."""
    return tuple(
        AcquiredScene(
            item_id=each["id"],
            time=datetime.fromisoformat(each["datetime"]),
            platform=each["platform"],
            relative_orbit=each["relative_orbit"],
            orbit_state=each["orbit_state"],
            polarizations=tuple(each["polarizations"]),
            overlap_frac=each["overlap_frac"],
        )
        for each in manifest.get(MANIFEST_KEY, {}).get("scenes", ())
    )


def group_passes(scenes: Iterable[AcquiredScene], day: date) -> list[list[AcquiredScene]]:
    """Group products by pass, the pass nearest to a day first."""
    passes: list[list[AcquiredScene]] = []
    last: dict[tuple[str | None, int | None], list[AcquiredScene]] = {}
    for scene in sorted(scenes, key=lambda each: (each.time, each.item_id)):
        orbit = (scene.platform, scene.relative_orbit)
        if orbit not in last or scene.time - last[orbit][-1].time > _ONE_PASS:
            passes.append([])
            last[orbit] = passes[-1]
        last[orbit].append(scene)
    return sorted(passes, key=lambda each: abs((each[0].time.date() - day).days))


def name_pass(scenes: Sequence[AcquiredScene]) -> str:
    """Name the pass of some products, such as "Sentinel-1A track 37, 2021-07-18 05:50 UTC"."""
    first = scenes[0]
    platform = first.platform.title() if first.platform else "an unknown satellite"
    track = first.relative_orbit
    on_track = "on an unknown track" if track is None else f"track {track}"
    return f"{platform} {on_track}, {first.time:%Y-%m-%d %H:%M} UTC"


def describe_pass(
    scenes: Sequence[AcquiredScene], target_id: str, *, acquired_in: str, collection: str
) -> str:
    """Say in a sentence which scenes of a pass were acquired, and what they cover of a target.

    The collection may have other scenes of the pass.
    """
    shares = " and ".join(f"{scene.overlap_frac[target_id]:.1%}" for scene in scenes)
    name = name_pass(scenes)
    if len(scenes) == 1:
        there = f"was acquired ({acquired_in}) but is not in {collection}"
        return f"a scene of {name} {there}; it covers {shares} of the target"
    there = f"were acquired ({acquired_in}) but are not in {collection}"
    return f"{len(scenes)} scenes of {name} {there}; they cover {shares} of the target"


def add_warnings(
    assessment: Assessment,
    checks: Sequence[SlotCheck],
    answers: Mapping[Search, Answer],
    recipe: Recipe,
) -> Assessment:
    """Add warnings of slots with passes that the collection lacks, and of slots without a check."""
    return replace(assessment, warnings=(*assessment.warnings, *_warn(checks, answers, recipe)))


def _warn(
    checks: Sequence[SlotCheck], answers: Mapping[Search, Answer], recipe: Recipe
) -> Iterator[ChoiceWarning]:
    """Warn of slots; those without an answer to their own search are empty, and say why."""
    for check in checks:
        asked = recipe.sensors[check.slot.sensor]
        if check.scenes:
            text = _list_passes(check, asked)
            yield ChoiceWarning(WarningCode.NOT_IN_COLLECTION, *check.place, text)
        elif check.scenes is None and answers[check.slot.search].complete:
            names = {"acquired_in": check.collection, "collection": asked.collection}
            text = _UNKNOWN.format_map(names)
            yield ChoiceWarning(WarningCode.NOT_CHECKED, *check.place, text)


def _list_passes(check: SlotCheck, asked: SensorRecipe) -> str:
    passes = check.passes
    names = {"acquired_in": check.collection, "collection": asked.collection}
    target_id = check.slot.target.target_id
    texts = [describe_pass(each, target_id, **names) for each in passes[:_MOST_NAMED]]
    more = len(passes) - len(texts)
    return "; ".join([*texts, *([f"and {more} more"] if more else [])])


def describe_slot(manifest: Json, target_id: str, phase: str | None, sensor: str) -> list[str]:
    """Say in a sentence for each pass what the collection of a slot lacks, from a manifest."""
    known = manifest[MANIFEST_KEY]
    place = {"target_id": target_id, "phase": phase, "sensor": sensor}
    (own,) = [each for each in known["slots"] if each.items() >= place.items()]
    names = {"acquired_in": known["acquired_in"], "collection": manifest["collections"][sensor]}
    if not own["checked"]:
        return [_UNKNOWN.format_map(names)]
    scenes = [scene for scene in read_scenes(manifest) if scene.item_id in own["items"]]
    passes = group_passes(scenes, date.fromisoformat(manifest["event"]["phase_dates"][phase]))
    return [describe_pass(each, target_id, **names) for each in passes]
