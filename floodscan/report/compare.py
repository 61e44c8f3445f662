"""Compare two runs: the slots whose choice differs, and how each run judged the other's choice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.outcomes import EmptySlot
from floodscan.errors import InputError
from floodscan.model import Phase
from floodscan.planning.targets import AOI
from floodscan.report.objective import describe_steps
from floodscan.schemas import SLOT
from floodscan.selection import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from floodscan.store import RunFolder

    Json = dict[str, Any]
    Slot = tuple[str, str, str | None, str]

_COLUMNS = [*SLOT, "item_id", "rank", "selected", "verdict", "relaxed"]
_END_COLUMNS = [
    "joint_frac",
    "filled_frac",
    "valid_pixel_frac",
    "chips",
    "single_valid_pixel_frac",
    "single_chips",
    "chips_total",
    "reason",
    "reasons",
    "warnings",
]


def compare(one: RunFolder, other: RunFolder, *, most: int | None = None) -> Json:
    """Compare the choices of two runs for the events that both have.

    Memory holds the EVENTS of both runs, the candidates of one batch of each run at a time, and
    the result.

    Args:
        one: A finished run.
        other: Another finished run.
        most: Slots and events in the result; None is all. The counts are always of all.

    Returns:
        ``differing``: the number of slots whose choice differs. ``slots``: these slots. Each has
        the scenes of both runs (``one``, ``other``), the reason if a run left it empty
        (``one_reason``, ``other_reason``), and how each run judged the first scene of the other
        (``one_in_other``, ``other_in_one``).
        ``shared``: the number of events in both runs. ``events``: coverage and warnings of both
        runs, for each event with such a slot. ``only``: the events that only one run has.
        ``same``: the number of slots with the same choice.

    Raises:
        InputError: The runs share no event, or a folder is not the output of a scan.
    """
    runs = (_Run(one), _Run(other))
    shared = [event_id for event_id in runs[0].batch_of if event_id in runs[1].batch_of]
    if not shared:
        raise InputError(f"{one.path} and {other.path} have no event in common")
    slots, differing, n_same = _compare_slots(runs, shared, most)
    changed = [event_id for event_id in shared if differing[event_id]]
    return {
        "shared": len(shared),
        "events": [
            {"event_id": event_id, "one": runs[0].end(event_id), "other": runs[1].end(event_id)}
            for event_id in changed[:most]
        ],
        "only": {"one": _missing(*runs), "other": _missing(*reversed(runs))},
        "same": n_same,
        "differing": differing.total(),
        "slots": slots,
    }


def _compare_slots(
    runs: tuple[_Run, _Run], shared: Iterable[str], most: int | None
) -> tuple[list[Json], Counter[str], int]:
    """Compare the slots of events, batch by batch.

    Returns:
        The first slots whose choice differs, the number of such slots by event, and the number of
        slots with the same choice.
    """
    slots: list[Json] = []
    n_differing: Counter[str] = Counter()
    n_same = 0
    order = _slot_order(shared)
    for batches, event_ids in _group_by_batches(runs, shared).items():
        sides = (
            _Side.of(run.read(batch, event_ids), run.end)
            for run, batch in zip(runs, batches, strict=True)
        )
        differing, n = _compare_sides(*sides)
        n_differing.update(slot["event_id"] for slot in differing)
        n_same += n
        slots += differing
        if most is not None:
            slots = sorted(slots, key=order)[:most]
    return sorted(slots, key=order), n_differing, n_same


class _Run:
    """One of the two runs.

    Attributes:
        batch_of: The batch of each event.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        folder.check_events()
        folder.check_candidates()
        events = folder.events.read(["event_id", "batch", *_END_COLUMNS])
        ids = events["event_id"].to_pylist()
        self._ends = events.select(_END_COLUMNS).combine_chunks()
        self._row_of = {event_id: row for row, event_id in enumerate(ids)}
        batches = map(intern, events["batch"].to_pylist())
        self.batch_of: dict[str, str] = dict(zip(ids, batches, strict=True))
        self._batch: str | None = None
        self._part: pa.Table | None = None

    def end(self, event_id: str) -> Json:
        """Return coverage, reasons and warnings of an event."""
        row: Json = self._ends.slice(self._row_of[event_id], 1).to_pylist()[0]
        return row

    def read(self, batch: str, event_ids: Sequence[str]) -> pa.Table:
        """Read the candidates of some events of a batch.

        The batch that was read last is kept: neighbouring batches of the other run share it.
        """
        if batch != self._batch or self._part is None:
            self._part = None  # free the memory before the next batch takes as much again
            self._batch, self._part = batch, self._folder.read_part(batch, _COLUMNS)
        return self._part.filter(pc.is_in(self._part["event_id"], pa.array(event_ids)))


def _group_by_batches(
    runs: tuple[_Run, _Run], shared: Iterable[str]
) -> dict[tuple[str, str], list[str]]:
    """Group events by the pair of batches that hold them.

    Two runs may cut the same events into different batches. The groups are in the order of the
    first run's batches, so each of these is read once. Batches follow the same curve in both runs,
    so the groups of a batch of the second run are mostly next to each other, too.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for event_id in shared:
        batches = (runs[0].batch_of[event_id], runs[1].batch_of[event_id])
        groups.setdefault(batches, []).append(event_id)
    return groups


@dataclass(frozen=True, slots=True)
class _Side:
    """The candidates and choices of one run for some events.

    Attributes:
        candidates: Their CANDIDATES.
        chosen: The ids of the chosen scenes of each slot that is not empty.
        end: Returns coverage, reasons and warnings of an event.
    """

    candidates: pa.Table
    chosen: Mapping[Slot, list[str]]
    end: Callable[[str], Json]

    @classmethod
    def of(cls, candidates: pa.Table, end: Callable[[str], Json]) -> _Side:
        chosen: dict[Slot, list[str]] = {}
        for row in candidates.filter(candidates["selected"]).to_pylist():
            chosen.setdefault(_slot(row), []).append(row["item_id"])
        return cls(candidates, chosen, end)

    def judge(self, scenes: Mapping[Slot, str]) -> dict[Slot, str]:
        """Find how the run judged one scene in each of some slots."""
        ids = pa.array(scenes.values(), pa.string())
        rows = self.candidates.filter(pc.is_in(self.candidates["item_id"], ids)).to_pylist()
        found = {slot: row for row in rows if scenes.get(slot := _slot(row)) == row["item_id"]}
        return {
            slot: self._judgement(found[slot]) if slot in found else "not a candidate"
            for slot in scenes
        }

    def _judgement(self, row: Json) -> str:
        if row["verdict"] == Verdict.SELECTED:
            n = len(self.chosen[_slot(row)])
            scenes = "alone" if n == 1 else f"in a mosaic of {n}"
            steps = f", {describe_steps(row['relaxed'])}" if row["relaxed"] else ""
            return intern(f"{Verdict.SELECTED} {scenes}{steps}")
        ranked = "" if row["rank"] is None else f", ranked {row['rank']}"
        return intern(f"{row['verdict']}{ranked}")

    def why_empty(self, slot: Slot) -> str | None:
        """Find a slot's reason among the reasons of its event."""
        if slot in self.chosen:
            return None
        event_id, target_id, phase, sensor = slot
        reasons = map(EmptySlot.from_row, self.end(event_id)["reasons"])
        found = (each.reason for each in reasons if each.is_about(target_id, phase, sensor))
        return next(found, "not a slot of this run")


def _compare_sides(one: _Side, other: _Side) -> tuple[list[Json], int]:
    """Compare two runs for some events.

    Returns:
        The slots whose choice differs, and the number of slots with the same choice.
    """
    slots = one.chosen.keys() | other.chosen.keys()
    differing = [
        slot for slot in slots if {*one.chosen.get(slot, ())} != {*other.chosen.get(slot, ())}
    ]
    one_in_other = other.judge(_first_scenes(differing, one))
    other_in_one = one.judge(_first_scenes(differing, other))
    rows = [
        {
            **dict(zip(SLOT, slot, strict=True)),
            "one": one.chosen.get(slot, []),
            "other": other.chosen.get(slot, []),
            "one_reason": one.why_empty(slot),
            "other_reason": other.why_empty(slot),
            "one_in_other": one_in_other.get(slot),
            "other_in_one": other_in_one.get(slot),
        }
        for slot in differing
    ]
    return rows, len(slots) - len(differing)


def _first_scenes(slots: Iterable[Slot], side: _Side) -> dict[Slot, str]:
    return {slot: side.chosen[slot][0] for slot in slots if slot in side.chosen}


def _slot(row: Json) -> Slot:
    """Name the slot of a row; the names are shared, because a run repeats them many times."""
    phase = row["phase"] and intern(row["phase"])
    return (intern(row["event_id"]), intern(row["target_id"]), phase, intern(row["sensor"]))


def _missing(here: _Run, there: _Run) -> list[str]:
    return [event_id for event_id in here.batch_of if event_id not in there.batch_of]


def _slot_order(event_ids: Iterable[str]) -> Callable[[Json], tuple[object, ...]]:
    """Sort slots by event, target (the AOI first), sensor and phase (the DEM has none)."""
    places = {event_id: place for place, event_id in enumerate(event_ids)}
    phases: dict[str | None, int] = {phase: place for place, phase in enumerate(Phase)}
    return lambda row: (
        places[row["event_id"]],
        row["target_id"] != AOI,
        row["target_id"],
        row["sensor"],
        phases.get(row["phase"], len(phases)),
    )
