"""How a slot and an event ended: what is missing, why, and what would help.

Data, never exceptions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from floodscan.planning.targets import AOI
from floodscan.schemas import EVENTS, make_table
from floodscan.selection import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from floodscan.assessment.quality import Assessment
    from floodscan.catalogs.base import Answer
    from floodscan.model import Recipe, Search, Sensor
    from floodscan.planning.slots import EventPlan, Slot

COMPLETE = "complete"
PARTIAL = "partial"
FAILED = "failed"

SEARCH_FAILED = "search_failed"
INCOMPLETE = "incomplete"
WORKER_LOST = "worker_lost"
INTERNAL_ERROR = "internal_error"

PASSING = (SEARCH_FAILED, INCOMPLETE, WORKER_LOST, INTERNAL_ERROR)
"""Reasons that another try may mend."""

_SUMMED = {
    "slots": "n_slots",
    "filled": "n_filled",
    "candidates": "n_candidates",
    "requests": "n_requests",
}


@dataclass(frozen=True, slots=True)
class EmptySlot:
    """A slot without a scene.

    Attributes:
        target_id: ``aoi``, or a tile.
        phase: None for the DEM.
        sensor: The kind of scene.
        reason: Code and counts: ``no_candidates``, ``all_rejected``, ``incomplete`` or
            ``search_failed``.
        hint: What would help.
    """

    target_id: str
    phase: str | None
    sensor: str
    reason: str
    hint: str

    def to_dict(self) -> dict[str, Any]:
        """Spell it out in JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        """Name the slot and the reason."""
        place = "/".join(filter(None, (self.target_id, self.phase, self.sensor)))
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended; a row of EVENTS."""

    event_id: str
    status: str
    reason: str | None
    n_slots: int
    n_filled: int
    n_candidates: int
    n_requests: int
    seconds: float
    joint_frac: float | None
    valid_pixel_frac: float | None
    chips: int | None
    chips_total: int | None
    warnings: tuple[str, ...]


def find_empty_slots(
    plan: EventPlan, candidates: pa.Table, answers: Mapping[Search, Answer], recipe: Recipe
) -> list[EmptySlot]:
    """List the slots of an event without a scene, in the order of the slots.

    Args:
        plan: The event and its slots.
        candidates: Ranked CANDIDATES of this event.
        answers: What came back for each search of the plan.
        recipe: The rules, for hints on which of them to loosen.
    """
    verdicts = _count_verdicts(candidates)
    return [
        _empty_slot(slot, found, answers[slot.search], recipe)
        for slot in plan.slots
        if Verdict.SELECTED not in (found := verdicts.get(_key(slot), {}))
    ]


def summarize_event(
    plan: EventPlan,
    candidates: pa.Table,
    answers: Mapping[Search, Answer],
    empty_slots: Sequence[EmptySlot],
    assessment: Assessment,
) -> Outcome:
    """Sum up an event as a row of EVENTS.

    The reason names every slot of the AOI that stayed empty.
    """
    n_filled = len(plan.slots) - len(empty_slots)
    asked = [answers[search] for search in plan.searches]
    forecast = assessment.forecast
    return Outcome(
        event_id=plan.event.event_id,
        status=COMPLETE if not empty_slots else PARTIAL if n_filled else FAILED,
        reason="; ".join(map(str, empty_slots)) or None,
        n_slots=len(plan.slots),
        n_filled=n_filled,
        n_candidates=len(candidates),
        n_requests=sum(answer.n_requests for answer in asked),
        seconds=sum(answer.seconds for answer in asked),
        joint_frac=assessment.joint_frac[AOI],
        valid_pixel_frac=forecast.valid_pixel_frac if forecast else None,
        chips=forecast.chips if forecast else None,
        chips_total=forecast.chips_total if forecast else None,
        warnings=tuple(map(str, assessment.warnings)),
    )


def give_up(plan: EventPlan, reason: str) -> Outcome:
    """Make the row of an event that could not be worked on at all."""
    return Outcome(
        event_id=plan.event.event_id,
        status=FAILED,
        reason=reason,
        n_slots=len(plan.slots),
        n_filled=0,
        n_candidates=0,
        n_requests=0,
        seconds=0.0,
        joint_frac=None,
        valid_pixel_frac=None,
        chips=None,
        chips_total=None,
        warnings=(),
    )


def is_given_up(outcome: Outcome) -> bool:
    """Tell whether an event could not be worked on at all, so that there is no manifest of it."""
    return (outcome.reason or "").startswith((WORKER_LOST, INTERNAL_ERROR))


def tabulate_outcomes(batch: str, outcomes: Sequence[Outcome]) -> pa.Table:
    """Make EVENTS rows of the outcomes of a batch."""
    return make_table([asdict(outcome) | {"batch": batch} for outcome in outcomes], EVENTS)


def read_outcomes(events: pa.Table) -> list[Outcome]:
    """Make outcomes of EVENTS rows."""
    rows = events.drop_columns(["batch"]).to_pylist()
    return [Outcome(**{**row, "warnings": tuple(row["warnings"])}) for row in rows]


def is_worth_a_retry(events: pa.Table) -> pa.ChunkedArray:
    """Tell of each EVENTS row whether asking again may help: nothing was found, or something could not be had."""
    passing = pc.match_substring_regex(events["reason"], "|".join(PASSING))
    return pc.or_(pc.equal(events["status"], FAILED), pc.fill_null(passing, False))


def count_outcomes(events: pa.Table) -> Counter[str]:
    """Count EVENTS rows by status, and their slots, candidates, requests and warnings."""
    counts = Counter({"events": len(events), **dict.fromkeys((COMPLETE, PARTIAL, FAILED), 0)})
    counts.update(events["status"].to_pylist())
    for name, column in _SUMMED.items():
        counts[name] = pc.sum(events[column]).as_py() or 0
    counts["warnings"] = pc.sum(pc.list_value_length(events["warnings"])).as_py() or 0
    return counts


def count_warnings(events: pa.Table) -> Counter[str]:
    """Count the warnings of EVENTS rows by kind."""
    return Counter(
        warning.split()[0] for warning in pc.list_flatten(events["warnings"]).to_pylist()
    )


def _count_verdicts(candidates: pa.Table) -> dict[tuple[str, str | None, str], dict[str, _Count]]:
    """Count each slot's candidates by verdict, and note the least cloud cover among them."""
    columns = [
        candidates[name].to_pylist()
        for name in ("target_id", "phase", "sensor", "verdict", "cloud_cover")
    ]
    verdicts: dict[tuple[str, str | None, str], dict[str, _Count]] = {}
    for *slot, verdict, cloud in zip(*columns, strict=True):
        counts = verdicts.setdefault((slot[0], slot[1], slot[2]), {})
        before = counts.get(verdict, _Count(0, None))
        clouds = [each for each in (before.least_cloud, cloud) if each is not None]
        counts[verdict] = _Count(before.n + 1, min(clouds, default=None))
    return verdicts


@dataclass(frozen=True, slots=True)
class _Count:
    n: int
    least_cloud: float | None


def _key(slot: Slot) -> tuple[str, str | None, str]:
    return (slot.target.target_id, slot.phase, slot.sensor)


def _empty_slot(
    slot: Slot, found: Mapping[str, _Count], answer: Answer, recipe: Recipe
) -> EmptySlot:
    reason, hint = _explain(slot, found, answer, recipe)
    phase = slot.phase and str(slot.phase)
    return EmptySlot(slot.target.target_id, phase, str(slot.sensor), reason, hint)


def _explain(
    slot: Slot, found: Mapping[str, _Count], answer: Answer, recipe: Recipe
) -> tuple[str, str]:
    if answer.problem:
        return f"{SEARCH_FAILED} ({answer.problem})", "run again when the catalog answers"
    if not answer.complete:
        return (
            INCOMPLETE,
            "the catalog held back part of its answer; run again with a smaller area",
        )
    rules = recipe.rules[slot.sensor]
    wider = f"widen {slot.sensor}.window_days (now {rules.widest_window_days})"
    climbed = ", ".join(map(str, rules.ladder))
    after = f" after {climbed}" if climbed and slot.window is not None else ""
    if slot.window is None:
        wider = f"look whether {rules.asked.collection} covers the area"
    if not found:
        return f"no_candidates{after}", wider
    counts = ", ".join(f"{verdict} {count.n}" for verdict, count in sorted(found.items()))
    return f"all_rejected ({counts}){after}", ", or ".join(
        [*_looser(slot.sensor, found, recipe), wider]
    )


def _looser(sensor: Sensor, found: Mapping[str, _Count], recipe: Recipe) -> Iterator[str]:
    """Name the rules that reject what there is."""
    rules = recipe.rules[sensor]
    if (cloudy := found.get(Verdict.TOO_CLOUDY)) and cloudy.least_cloud is not None:
        now = rules.highest_cloud_percent
        yield f"raise {sensor}.max_cloud_percent (now {now:g}) above {cloudy.least_cloud:g}"
    if Verdict.COVERS_TOO_LITTLE in found:
        yield f"lower min_coverage (now {recipe.min_coverage:g})"
    if Verdict.OTHER_TRACK in found and rules.mixed_track_level is None:
        yield f"add a step {sensor}.mixed_track"
