"""How slots and events ended: which slots are empty, why, and which rule to loosen.

A failed event is data: a row of EVENTS with its reasons, never an exception.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.labels import TRANSIENT, Reason, Status
from floodscan.assessment.quality import ChoiceWarning
from floodscan.assessment.time_limits import why_no_window_helps
from floodscan.catalogs.base import MissingKind
from floodscan.planning.targets import AOI
from floodscan.schemas import EVENTS, make_table
from floodscan.selection import Verdict
from floodscan.selection.clearness import CLOUD_UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from floodscan.assessment.quality import Assessment
    from floodscan.assessment.verdict_counts import VerdictCount, VerdictCounts
    from floodscan.catalogs.base import Answer
    from floodscan.model import Recipe, Relaxation, Search, Sensor
    from floodscan.planning.slots import EventPlan, Slot

    Json = dict[str, Any]

_SUMMED = {
    "slots": "n_slots",
    "filled": "n_filled",
    "candidates": "n_candidates",
    "requests": "n_requests",
}
COUNTED_COLUMNS = ("status", *_SUMMED.values(), "choice_warnings")
"""Columns of EVENTS that ``count_outcomes`` needs."""


@dataclass(frozen=True, slots=True)
class EmptySlot:
    """A slot without a scene, or all slots of an event that could not be processed.

    Attributes:
        target_id: ``aoi``, or a tile; None for all slots of the event.
        phase: None for the DEM, and for all slots.
        sensor: None for all slots.
        code: Why it is empty.
        detail: What happened: an error, or the number of candidates per verdict.
        steps: Steps of the recipe's ladder that did not help.
        hint: What to try next.
    """

    target_id: str | None
    phase: str | None
    sensor: str | None
    code: Reason
    detail: str | None
    steps: tuple[str, ...]
    hint: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> EmptySlot:
        """Read an entry of the column ``reasons``."""
        return cls(**{**row, "code": Reason(row["code"]), "steps": tuple(row["steps"])})

    @property
    def reason(self) -> str:
        """The reason as text."""
        detail = f" ({self.detail})" if self.detail else ""
        steps = f" after {', '.join(self.steps)}" if self.steps else ""
        return f"{self.code}{detail}{steps}"

    def is_about(self, target_id: str, phase: str | None, sensor: str) -> bool:
        """Return whether the slot is this one, or one of all slots of the event."""
        place = (self.target_id, self.phase, self.sensor)
        return self.target_id is None or place == (target_id, phase, sensor)

    def to_dict(self) -> Json:
        """Return it in JSON types, as manifests have it."""
        return {
            "target_id": self.target_id,
            "phase": self.phase,
            "sensor": self.sensor,
            "code": str(self.code),
            "reason": self.reason,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        """Name the slot, if it is one, and the reason."""
        place = "/".join(filter(None, (self.target_id, self.phase, self.sensor)))
        return f"{place}: {self.reason}" if place else self.reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended, with the columns of EVENTS.

    Code reads ``reasons`` and ``choice_warnings``. People read ``reason`` and ``warnings``, the
    texts that are made of them.
    """

    event_id: str
    status: Status
    reasons: tuple[EmptySlot, ...]
    n_slots: int
    n_filled: int
    n_candidates: int
    n_requests: int
    seconds: float
    joint_frac: float | None
    filled_frac: float | None
    joint_clear_frac: float | None
    valid_pixel_frac: float | None
    chips: int | None
    single_valid_pixel_frac: float | None
    single_chips: int | None
    chips_total: int | None
    choice_warnings: tuple[ChoiceWarning, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Outcome:
        """Read a row of EVENTS."""
        values: Json = {field.name: row[field.name] for field in fields(cls)}
        values["status"] = Status(row["status"])
        values["reasons"] = tuple(map(EmptySlot.from_row, row["reasons"]))
        values["choice_warnings"] = tuple(map(ChoiceWarning.from_row, row["choice_warnings"]))
        return cls(**values)

    @property
    def reason(self) -> str | None:
        """Each empty slot and its reason as text; None if every slot is filled."""
        return "; ".join(map(str, self.reasons)) or None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Code and place of each warning as text."""
        return tuple(map(str, self.choice_warnings))

    @property
    def is_given_up(self) -> bool:
        """Whether the event could not be processed at all, so that it has no manifest."""
        return any(each.target_id is None for each in self.reasons)

    def to_dict(self) -> Json:
        """Return all columns of EVENTS but ``batch``, in their order."""
        found: Json = {name: getattr(self, name) for name in EVENTS.names if name != "batch"}
        for name in ("reasons", "choice_warnings"):
            found[name] = tuple(map(_to_row, found[name]))
        return found


def _to_row(each: EmptySlot | ChoiceWarning) -> Json:
    """Return the fields in order; ``asdict`` takes five times as long, and copies the values."""
    return {name: getattr(each, name) for name in each.__slots__}


def find_empty_slots(
    plan: EventPlan, verdicts: VerdictCounts, answers: Mapping[Search, Answer], recipe: Recipe
) -> list[EmptySlot]:
    """List the slots of an event without a scene, in the order of the slots.

    Args:
        plan: The event and its slots.
        verdicts: The candidates of each slot by verdict.
        answers: The answer to each search of the plan.
        recipe: The rules; a hint names a rule to loosen.
    """
    return [
        _explain(slot, found, answers[slot.search], recipe)
        for slot in plan.slots
        if Verdict.SELECTED not in (found := verdicts.get(_key(slot), {}))
    ]


def summarize_event(
    plan: EventPlan,
    n_candidates: int,
    answers: Mapping[Search, Answer],
    empty_slots: Sequence[EmptySlot],
    assessment: Assessment,
) -> Outcome:
    """Sum up an event.

    Args:
        plan: The event and its slots.
        n_candidates: Number of its candidates.
        answers: The answer to each search of the plan.
        empty_slots: The slots without a scene.
        assessment: Coverage and warnings of its choices.
    """
    n_filled = len(plan.slots) - len(empty_slots)
    asked = [answers[search] for search in plan.searches]
    whole = assessment.forecast.whole
    mosaics, single_scenes = whole.mosaics, whole.single_scenes
    return Outcome(
        event_id=plan.event.event_id,
        status=_status(n_filled, len(empty_slots)),
        reasons=tuple(empty_slots),
        n_slots=len(plan.slots),
        n_filled=n_filled,
        n_candidates=n_candidates,
        n_requests=sum(answer.n_requests for answer in asked),
        seconds=sum(answer.seconds for answer in asked),
        joint_frac=assessment.complete_joint_frac(AOI),
        filled_frac=assessment.joint_frac[AOI],
        joint_clear_frac=assessment.joint_clear_frac(AOI),
        valid_pixel_frac=mosaics.valid_pixel_frac if mosaics else None,
        chips=mosaics.chips if mosaics else None,
        single_valid_pixel_frac=single_scenes.valid_pixel_frac if single_scenes else None,
        single_chips=single_scenes.chips if single_scenes else None,
        chips_total=assessment.forecast.chips_total,
        choice_warnings=assessment.warnings,
    )


def _status(n_filled: int, n_empty: int) -> Status:
    if n_empty == 0:
        return Status.COMPLETE
    return Status.PARTIAL if n_filled else Status.FAILED


def give_up(plan: EventPlan, code: Reason, *, detail: str, hint: str) -> Outcome:
    """Make the outcome of an event that could not be processed at all.

    Args:
        plan: The event and its slots.
        code: Why all its slots are empty.
        detail: What happened.
        hint: What to try next.
    """
    return Outcome(
        event_id=plan.event.event_id,
        status=Status.FAILED,
        reasons=(EmptySlot(None, None, None, code, detail, (), hint),),
        n_slots=len(plan.slots),
        n_filled=0,
        n_candidates=0,
        n_requests=0,
        seconds=0.0,
        joint_frac=None,
        filled_frac=None,
        joint_clear_frac=None,
        valid_pixel_frac=None,
        chips=None,
        single_valid_pixel_frac=None,
        single_chips=None,
        chips_total=None,
        choice_warnings=(),
    )


def tabulate_outcomes(batch: str, outcomes: Sequence[Outcome]) -> pa.Table:
    """Make EVENTS rows of the outcomes of a batch."""
    return make_table([outcome.to_dict() | {"batch": batch} for outcome in outcomes], EVENTS)


def read_outcomes(events: pa.Table) -> list[Outcome]:
    """Make outcomes of EVENTS rows."""
    return list(map(Outcome.from_row, events.to_pylist()))


def is_worth_a_retry(events: pa.Table) -> pa.ChunkedArray:
    """Return for each EVENTS row whether another try may help, shape (n,).

    It may if every slot is empty, or if a reason or a warning is transient.
    """
    found = pc.equal(events["status"], Status.FAILED)
    for column in ("reasons", "choice_warnings"):
        rows, codes = _codes_by_row(events[column])
        transient = rows.filter(pc.is_in(codes, pa.array(TRANSIENT, pa.string())))
        found = pc.or_(found, pc.is_in(pa.array(range(len(events)), rows.type), transient))
    return found


def count_outcomes(events: pa.Table) -> Counter[str]:
    """Count EVENTS rows by status, and their slots, candidates, requests and warnings.

    Args:
        events: EVENTS, or only the ``COUNTED_COLUMNS`` of it.
    """
    counts = Counter({"events": len(events), **dict.fromkeys(map(str, Status), 0)})
    counts.update(events["status"].to_pylist())
    for name, column in _SUMMED.items():
        counts[name] = pc.sum(events[column]).as_py() or 0
    counts["warnings"] = pc.sum(pc.list_value_length(events["choice_warnings"])).as_py() or 0
    return counts


def count_warnings(choice_warnings: pa.ChunkedArray) -> Counter[str]:
    """Count the warnings in the column ``choice_warnings`` of EVENTS by code."""
    _, codes = _codes_by_row(choice_warnings)
    return Counter(codes.to_pylist())


def count_reasons(reasons: pa.ChunkedArray) -> dict[str, int]:
    """Count the events that have each reason, by the column ``reasons`` of EVENTS.

    Returns:
        Number of events by code, the most frequent code first.
    """
    rows, codes = _codes_by_row(reasons)
    once = set(zip(rows.to_pylist(), codes.to_pylist(), strict=True))
    return dict(Counter(sorted(code for _, code in once)).most_common())


def _codes_by_row(lists: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Return the row number and the code of each struct in a column of lists of structs."""
    column = lists.combine_chunks()
    return pc.list_parent_indices(column), pc.struct_field(pc.list_flatten(column), "code")


def _key(slot: Slot) -> tuple[str, str | None, str]:
    return slot.target.target_id, *slot.key


def _explain(
    slot: Slot, found: Mapping[str, VerdictCount], answer: Answer, recipe: Recipe
) -> EmptySlot:
    """Find why a slot is empty.

    Args:
        slot: The slot.
        found: Its candidates by verdict.
        answer: The answer to its search.
        recipe: The rules.
    """
    if answer.missing_kind is MissingKind.NOT_COVERED:
        why = why_no_window_helps(slot)
        elsewhere = "name a --fallback-catalog, or extend the archive and scan again"
        hint = f"no window helps: {why}" if why else elsewhere
        return _empty(slot, Reason.NOT_COVERED, answer.problem, hint=hint)
    if answer.missing_kind is MissingKind.UNREADABLE:
        hint = "restore the file, and scan again with --retry-failed"
        return _empty(slot, Reason.INCOMPLETE, answer.problem, hint=hint)
    if answer.problem:
        hint = "run again when the catalog answers"
        return _empty(slot, Reason.SEARCH_FAILED, answer.problem, hint=hint)
    if not answer.complete:
        hint = "the catalog held back part of its answer; run again with a smaller area"
        return _empty(slot, Reason.INCOMPLETE, hint=hint)
    steps = () if slot.window is None else _name_steps(recipe.rules[slot.sensor].ladder)
    hint = ", or ".join(_suggest(slot, found, recipe))
    if not found:
        return _empty(slot, Reason.NO_CANDIDATES, hint=hint, steps=steps)
    counts = ", ".join(f"{verdict} {count.n}" for verdict, count in sorted(found.items()))
    return _empty(slot, Reason.ALL_REJECTED, counts, hint=hint, steps=steps)


@lru_cache(maxsize=64)
def _name_steps(ladder: tuple[Relaxation, ...]) -> tuple[str, ...]:
    return tuple(map(str, ladder))


def _empty(
    slot: Slot, code: Reason, detail: str | None = None, *, hint: str, steps: tuple[str, ...] = ()
) -> EmptySlot:
    return EmptySlot(*_key(slot), code, detail, steps, hint)


def _suggest(slot: Slot, found: Mapping[str, VerdictCount], recipe: Recipe) -> Iterator[str]:
    """Name rules to loosen: first the rules that reject candidates, then the window."""
    yield from _name_strict_rules(slot.sensor, found, recipe)
    rules = recipe.rules[slot.sensor]
    if slot.window is None:
        yield f"check whether {rules.asked.collection} covers the area"
    elif not found and (why := why_no_window_helps(slot)):
        yield f"no window helps: {why}"
    else:
        yield f"widen {slot.sensor}.window_days (now {rules.widest_window_days})"


def _name_strict_rules(
    sensor: Sensor, found: Mapping[str, VerdictCount], recipe: Recipe
) -> Iterator[str]:
    rules = recipe.rules[sensor]
    if (cloudy := found.get(Verdict.TOO_CLOUDY)) and cloudy.least_cloud < CLOUD_UNKNOWN:
        now = rules.highest_cloud_percent
        yield f"raise {sensor}.max_cloud_percent (now {now:g}) above {cloudy.least_cloud:g}"
    if Verdict.COVERS_TOO_LITTLE in found:
        level, share = rules.coverage_levels[0]
        name = f"the step {rules.ladder[level - 1]}" if level else f"min_coverage (now {share:g})"
        yield f"lower {name}"
    if Verdict.MISSING_POLARIZATIONS in found:
        asked = ", ".join(rules.asked.polarizations)
        yield f"ask for channels that the scenes have in {sensor}.polarizations (now {asked})"
    if Verdict.WRONG_SIDE_OF_ONSET in found and recipe.onset_guard_minutes:
        yield f"lower onset_guard_minutes (now {recipe.onset_guard_minutes:g})"
    if Verdict.DECIDED_OTHERWISE in found:
        yield "take the decision back with `floodscan choose --by-rules`"
    if Verdict.OTHER_TRACK in found and rules.mixed_track_level is None:
        yield f"add a step {sensor}.mixed_track"
