"""Tables on a screen: with colours on a terminal, in plain aligned lines in a pipe."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from rich import box
from rich.table import Table
from rich.text import Text

from floodscan.assessment.labels import Status
from floodscan.model import Sensor
from floodscan.planning.targets import AOI
from floodscan.report.objective import mean_cloud, scene_clouds
from floodscan.schemas import EVENTS
from floodscan.selection import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, JustifyMethod

    from floodscan.assessment.manifest import Manifest
    from floodscan.model import Search
    from floodscan.planning.slots import EventPlan

    Json = dict[str, Any]

_STYLES: Mapping[str, str] = {
    Verdict.SELECTED: "bold green",
    Verdict.ELIGIBLE: "",
    Status.COMPLETE: "green",
    Status.PARTIAL: "yellow",
    Status.FAILED: "red",
}
_NUMBERS = {"days", "overlap", "coverage", "cloud %", "orbit", "rank", "filled", "slots", "scenes"}

_RUNS = {"one": "run 1", "other": "run 2"}
_JUDGEMENTS = ("run 1's scene in run 2", "run 2's scene in run 1")
_FOLDED = {"scene", "reason", "hint", "window", "text", "relaxed", *_RUNS.values(), *_JUDGEMENTS}
_COVERAGE = ("joint_frac", "valid_pixel_frac", "chips", "chips_total")
OUTCOME_COLUMNS = ["event_id", "status", "n_filled", "n_slots", "reason"]
"""Columns of EVENTS that are printed for an event that is not complete."""

_EVENTS_SHOWN = 20


def show(
    console: Console, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Print rows under a header.

    Args:
        console: Where to print; a terminal gets a framed table with colours.
        title: Title of the table.
        header: Names of the columns, shape (c,).
        rows: Cells of any type, each row of shape (c,); None is printed as a dash.
    """
    frame = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=frame, padding=(0, 1), pad_edge=False, header_style="bold", show_edge=False)
    for name in header:
        justify: JustifyMethod = "right" if name in _NUMBERS else "left"
        table.add_column(name, overflow="fold", no_wrap=name not in _FOLDED, justify=justify)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(Text(title, style="bold"))
    console.print(table)
    console.print()


def show_choices(console: Console, manifest: Manifest) -> None:
    """Print the choices for an event's AOI, slot by slot, the empty slots and the warnings."""
    content = manifest.content
    clouds = scene_clouds(manifest)
    rows = [
        (phase, sensor, *_choice_cells(choice, clouds))
        for phase in content["phase_order"]
        for sensor, choice in content["selected"][phase].items()
    ]
    empty = [None] * 4
    rows += [
        (None, "DEM", dem["id"], None, None, dem["aoi_overlap_frac"], *empty)
        for dem in content["dem_items"]
    ]
    header = (
        "phase",
        "sensor",
        "scene",
        "datetime",
        "days",
        "coverage",
        "cloud %",
        "orbit",
        "scenes",
        "relaxed",
    )
    show(console, manifest.event_id, header, rows)
    show_failures(console, manifest)
    show_warnings(console, manifest)
    show_grade(console, manifest)
    show_coverage(console, manifest)


def show_failures(console: Console, manifest: Manifest) -> None:
    """Print the empty slots, each with the reason and a hint."""
    if manifest.failures:
        header = ("target", "phase", "sensor", "reason", "hint")
        rows = [
            [failure[name.replace("target", "target_id")] for name in header]
            for failure in manifest.failures
        ]
        show(console, f"{manifest.event_id}: empty slots", header, rows)


def show_warnings(console: Console, manifest: Manifest) -> None:
    """Print the warnings about an event's choices."""
    if found := manifest.content["warnings"]:
        header = ("warning", "target", "phase", "sensor", "text")
        rows = [
            (each["code"], each["target_id"], each["phase"], each["sensor"], each["text"])
            for each in found
        ]
        show(console, f"{manifest.event_id}: warnings", header, rows)


def show_grade(console: Console, manifest: Manifest) -> None:
    """Print the grade of the AOI's SAR choices: how well the phases can be compared."""
    for choice in (slots.get(Sensor.S1RTC) for slots in manifest.content["selected"].values()):
        if choice and choice["grade"]:
            reason = f", {choice['grade_reason']}" if choice["grade_reason"] else ""
            console.print(f"SAR grade {choice['grade']}{reason}")
            return


def show_coverage(console: Console, manifest: Manifest) -> None:
    """Print the joint coverage of the choices, and the pixels and chips predicted for it."""
    coverage = manifest.content["coverage"]
    joint = coverage["joint_frac"][AOI]
    if joint is not None:
        empty = (
            f" ({coverage['empty_slots']} empty slots not counted)"
            if coverage["empty_slots"]
            else ""
        )
        console.print(f"joint coverage {joint:.6f}{empty}", end="")
        if coverage["chips"] is not None:
            console.print(
                f"; predicted {coverage['valid_pixel_frac']:.3%} valid pixels, "
                f"{coverage['chips']} of {coverage['chips_total']} chips",
                end="",
            )
        console.print("\n")


def show_outcomes(console: Console, events: Iterable[pa.Table], counts: Mapping[str, int]) -> None:
    """Print the events that are not complete, the failed ones first; at most 20 of them.

    Args:
        console: Where to print.
        events: EVENTS of the whole run, part by part; only ``OUTCOME_COLUMNS`` are needed.
        counts: Number of events by status, and of all ``events``.
    """
    first = EVENTS.empty_table().select(OUTCOME_COLUMNS)
    for rows in events:
        lacking = rows.select(OUTCOME_COLUMNS).filter(pc.not_equal(rows["status"], Status.COMPLETE))
        first = pa.concat_tables([first, lacking]).sort_by("status").slice(0, _EVENTS_SHOWN)
    if n_lacking := counts["events"] - counts[Status.COMPLETE]:
        title = f"{n_lacking} of {counts['events']} events are not complete"
        rest = (
            f"; these are {len(first)} of them, all are in events.parquet"
            if len(first) < n_lacking
            else ""
        )
        rows = [tuple(row.values()) for row in first.to_pylist()]
        show(console, title + rest, ("event", "status", "filled", "slots", "reason"), rows)


def show_plan(console: Console, plan: EventPlan, searched: Sequence[Search]) -> None:
    """Print the slots of an event, and the searches for them; events can share searches."""
    slots = [
        (slot.target.target_id, slot.phase, slot.sensor, slot.day, slot.window)
        for slot in plan.slots
    ]
    show(
        console,
        f"{plan.event.event_id}: {len(slots)} slots",
        ("target", "phase", "sensor", "date", "window"),
        slots,
    )
    searches = [(s.collection, s.window, ", ".join(map(str, s.bbox))) for s in searched]
    show(console, f"{len(searches)} searches", ("collection", "window", "bbox"), searches)


def show_explanation(console: Console, slots: Iterable[Json]) -> None:
    """Print the candidates of each slot, and the measure that decided.

    Columns without any value are left out.
    """
    for slot in slots:
        cells = [_candidate_cells(candidate) for candidate in slot["candidates"]]
        header = [
            name
            for name in (cells[0] if cells else ())
            if any(row[name] is not None for row in cells)
        ]
        place = "/".join(filter(None, (slot["phase"], slot["sensor"])))
        decided = "".join(
            f"\n  {part['part'].replace('_', ' ')}: {part['text']}" for part in slot["objective"]
        )
        title = f"{place}: {slot['decision']}{decided}"
        show(console, title, header, [[row[name] for name in header] for row in cells])


def show_comparison(console: Console, found: Json) -> None:
    """Print the slots whose choice differs, and the coverage of both runs, event by event."""
    _show_differing_slots(console, found)
    _show_both_coverages(console, found["events"])
    for run, ids in found["only"].items():
        if ids:
            rest = ", …" if len(ids) > _EVENTS_SHOWN else ""
            console.print(
                f"{len(ids)} events only in {_RUNS[run]}: {', '.join(ids[:_EVENTS_SHOWN])}{rest}",
                markup=False,
            )


def _show_differing_slots(console: Console, found: Json) -> None:
    header = ("event", "target", "slot", *_RUNS.values(), *_JUDGEMENTS)
    rows = [
        (
            slot["event_id"],
            slot["target_id"],
            "/".join(filter(None, (slot["phase"], slot["sensor"]))),
            *(_scenes(slot[run]) or f"no scene: {slot[f'{run}_reason']}" for run in _RUNS),
            slot["one_in_other"],
            slot["other_in_one"],
        )
        for slot in found["slots"]
    ]
    show(console, f"{len(rows)} slots differ, {found['same']} are the same", header, rows)


def _show_both_coverages(console: Console, events: Sequence[Json]) -> None:
    header = ("event", "run", "joint coverage", "valid pixels", "chips", "all chips", "warnings")
    rows = [
        (
            event["event_id"],
            name,
            *(event[run][column] for column in _COVERAGE),
            len(event[run]["warnings"]),
        )
        for event in events[:_EVENTS_SHOWN]
        for run, name in _RUNS.items()
    ]
    first = f"; the first {_EVENTS_SHOWN}" if len(events) > _EVENTS_SHOWN else ""
    show(console, f"{len(events)} events in both runs{first}", header, rows)


def _scenes(ids: Sequence[str]) -> str | None:
    return f"{ids[0]} +{len(ids) - 1}" if len(ids) > 1 else ids[0] if ids else None


def _candidate_cells(candidate: Json) -> dict[str, object]:
    orbit, offset = candidate["relative_orbit"], candidate["day_offset"]
    return {
        "rank": candidate["rank"],
        "scene": candidate["item_id"],
        "verdict": " ".join(
            [candidate["verdict"], *candidate["missing_assets"], *_newer(candidate)]
        ),
        "datetime": candidate["datetime"] if candidate["phase"] else None,
        "overlap": candidate["overlap_frac"],
        "days": candidate["days_from_phase"] if offset is None else f"{offset:+d}",
        "cloud %": candidate["cloud_cover"],
        "orbit": orbit
        if orbit is None
        else f"{orbit} {(candidate['orbit_state'] or '')[:4]}".strip(),
    }


def _newer(candidate: Json) -> tuple[str, ...]:
    return () if candidate["superseded_by"] is None else ("by", candidate["superseded_by"])


def _choice_cells(choice: Json | None, clouds: Mapping[str, float | None]) -> tuple[object, ...]:
    if choice is None:
        return (None,) * 8
    return (
        choice["id"],
        choice["datetime"],
        choice["days_from_phase"],
        choice["coverage_frac"],
        mean_cloud([choice], clouds),
        choice["relative_orbit"],
        len(choice["items"]),
        " ".join(choice["relaxed"]) or None,
    )


def _cell(value: object) -> Text:
    if isinstance(value, float):
        return Text(f"{value:.6f}")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    return Text("-" if value is None else str(value), style=_STYLES.get(str(value), ""))
