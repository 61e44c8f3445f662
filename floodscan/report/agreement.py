"""Hold the choices of a run against the passes that experts used."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.errors import InputError
from floodscan.model import Phase, Sensor
from floodscan.planning.targets import AOI
from floodscan.report.screen import MOST_ROWS, print_line, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from floodscan.event_lists.expert_scenes import ExpertPass
    from floodscan.store import RunFolder

    Json = dict[str, Any]

_SAME_PASS: Final = timedelta(minutes=20)
"""Experts write when a pass began or when its scene did; the next pass is hours away."""

_COLUMNS: Final = (
    *("event_id", "target_id", "phase", "sensor", "datetime", "relative_orbit", "selected"),
)


class Verdict(StrEnum):
    """What a run chose for phase ``event``, beside the first pass that experts used."""

    SAME = "same"
    EARLIER = "earlier"
    LATER = "later"
    OTHER_TRACK = "other track"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A choice beside that of experts.

    Attributes:
        event_id: The event.
        sensor: The sensor.
        verdict: What was chosen. A pass on another relative orbit is ``other track``, earlier or
            later; the orbit of the experts is that of a candidate at their time.
        expert_time: The first pass after the onset that experts used.
        chosen_time: The chosen pass; None if the slot is empty.
        hours: Hours from the experts' pass to the chosen one.
        is_candidate: Whether the run has a candidate of the experts' pass.
    """

    event_id: str
    sensor: Sensor
    verdict: Verdict
    expert_time: datetime
    chosen_time: datetime | None
    hours: float | None
    is_candidate: bool


def compare_with_experts(folder: RunFolder, passes: Sequence[ExpertPass]) -> list[Agreement]:
    """Compare the choices of a run for phase ``event`` with the passes that experts used.

    Events that the run does not have are left out; so are sensors that its recipe does not have.

    Raises:
        InputError: The folder is no run, or has none of the events.
    """
    folder.check_events()
    known = set(folder.events.read(["event_id"])["event_id"].to_pylist())
    asked = [each for each in passes if each.event_id in known]
    if not asked:
        raise InputError(f"{folder.path}: has no event for which the list has scenes of experts")
    rows = _read_rows(folder, {each.event_id for each in asked})
    sensors = {sensor for _, sensor in rows}
    return [
        _compare(each, rows.get((each.event_id, each.sensor), []))
        for each in asked
        if each.sensor in sensors
    ]


def _read_rows(folder: RunFolder, event_ids: set[str]) -> dict[tuple[str, str], list[Json]]:
    """Read the candidates of areas, by event and sensor, a batch at a time."""
    found: dict[tuple[str, str], list[Json]] = {}
    folder.check_candidates()
    wanted = pa.array(sorted(event_ids))
    for path in sorted(folder.candidates_path.glob("*.parquet")):
        rows = folder.read_part(path.stem, _COLUMNS)
        kept = rows.filter(
            (pc.field("target_id") == AOI)
            & pc.field("datetime").is_valid()
            & pc.field("event_id").isin(wanted)
        )
        for row in kept.to_pylist():
            found.setdefault((row["event_id"], row["sensor"]), []).append(row)
    return found


def _compare(expert: ExpertPass, rows: Sequence[Json]) -> Agreement:
    chosen = min(
        (row for row in rows if row["selected"] and row["phase"] == Phase.EVENT),
        key=lambda row: (row["datetime"], str(row["relative_orbit"])),
        default=None,
    )
    near = [row for row in rows if abs(row["datetime"] - expert.time) <= _SAME_PASS]
    time: datetime | None = None if chosen is None else chosen["datetime"]
    hours = None if time is None else round((time - expert.time).total_seconds() / 3600, 2)
    return Agreement(
        event_id=expert.event_id,
        sensor=expert.sensor,
        verdict=_judge(expert, chosen, {row["relative_orbit"] for row in near}),
        expert_time=expert.time,
        chosen_time=time,
        hours=hours,
        is_candidate=bool(near),
    )


def _judge(expert: ExpertPass, chosen: Json | None, orbits: set[int | None]) -> Verdict:
    if chosen is None:
        return Verdict.NONE
    if abs(chosen["datetime"] - expert.time) <= _SAME_PASS:
        return Verdict.SAME
    known = orbits - {None}
    if known and chosen["relative_orbit"] is not None and chosen["relative_orbit"] not in known:
        return Verdict.OTHER_TRACK
    return Verdict.EARLIER if chosen["datetime"] < expert.time else Verdict.LATER


def agreement_to_dict(found: Sequence[Agreement]) -> Json:
    """Return all comparisons and their counts in JSON types."""
    return {
        "counts": {
            str(sensor): {str(verdict): n for verdict, n in counts.items()}
            for sensor, counts in _count(found)
        },
        "events": [asdict(each) for each in found],
    }


def show_agreement(console: Console, found: Sequence[Agreement]) -> None:
    """Print each comparison that is not the same pass, and the counts by sensor."""
    others = [each for each in found if each.verdict is not Verdict.SAME]
    rows = [
        [
            each.event_id,
            each.sensor,
            each.verdict,
            f"{each.expert_time:%Y-%m-%d %H:%M}",
            each.chosen_time and f"{each.chosen_time:%Y-%m-%d %H:%M}",
            None if each.hours is None else f"{each.hours:+.1f}",
            "yes" if each.is_candidate else "no",
        ]
        for each in others[:MOST_ROWS]
    ]
    header = ["event", "sensor", "chosen", "experts' pass", "chosen pass", "hours", "candidate"]
    if rows:
        show(console, "Other passes than those of experts", header, rows)
    if len(others) > len(rows):
        print_line(console, f"and {len(others) - len(rows)} more; --json lists all")
    for sensor, counts in _count(found):
        named = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        total = counts.total()
        print_line(console, f"{sensor}: {counts[Verdict.SAME]} of {total} the same pass ({named})")


def _count(found: Sequence[Agreement]) -> Iterator[tuple[Sensor, Counter[Verdict]]]:
    for sensor in Sensor:
        counts = Counter(each.verdict for each in found if each.sensor is sensor)
        if counts:
            yield sensor, counts
