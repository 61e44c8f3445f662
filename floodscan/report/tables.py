"""The results of commands on a screen: choices, outcomes, explanations and comparisons."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from floodscan.assessment.acquired_passes import MANIFEST_KEY
from floodscan.assessment.forecasts import ALL_SENSORS
from floodscan.assessment.labels import Status
from floodscan.model import Sensor
from floodscan.planning.targets import AOI
from floodscan.report.objective import mean_cloud, scene_clouds
from floodscan.report.screen import MOST_ROWS, fraction, print_indented, print_line, show, show_rows
from floodscan.schemas import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_RUNS = {"one": "run 1", "other": "run 2"}
_JUDGEMENTS = ("run 1's scene in run 2", "run 2's scene in run 1")
_SHARES = ("joint_frac", "valid_pixel_frac")
_READERS = {
    "mosaics": "for readers of all items",
    "single_scenes": "for readers of id alone",
}
OUTCOME_COLUMNS = ["event_id", "status", "n_filled", "n_slots", "reason"]
"""Columns of EVENTS that are printed for an event that is not complete."""


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
        (None, "DEM", dem["id"], None, None, fraction(dem["aoi_overlap_frac"]), *empty)
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
    """Print the empty slots, each with the reason and a hint; at most 20 of them."""
    if manifest.failures:
        header = ("target", "phase", "sensor", "reason", "hint")
        rows = [
            [failure[name.replace("target", "target_id")] for name in header]
            for failure in manifest.failures[:MOST_ROWS]
        ]
        show(
            console,
            f"{manifest.event_id}: {_sum_up(manifest.failures, 'empty slot')}",
            header,
            rows,
        )


def show_warnings(console: Console, manifest: Manifest) -> None:
    """Print the warnings about an event's choices, at most 20 of them."""
    if found := manifest.content["warnings"]:
        header = ("warning", "target", "phase", "sensor", "text")
        rows = [
            (each["code"], each["target_id"], each["phase"], each["sensor"], each["text"])
            for each in found[:MOST_ROWS]
        ]
        show(console, f"{manifest.event_id}: {_sum_up(found, 'warning')}", header, rows)


def _sum_up(found: Sequence[Json], noun: str) -> str:
    """Count entries of a manifest, and count them by code if only the first are shown."""
    counted = f"{len(found)} {noun}{'s' if len(found) > 1 else ''}"
    if len(found) <= MOST_ROWS:
        return counted
    kinds = Counter(each["code"] for each in found).most_common()
    codes = ", ".join(f"{number} {code}" for code, number in kinds)
    return f"{counted} ({codes}); the first {MOST_ROWS}, all are in the manifest"


def show_grade(console: Console, manifest: Manifest) -> None:
    """Print the grade of the AOI's SAR choices: how well the phases can be compared."""
    for choice in (slots.get(Sensor.S1RTC) for slots in manifest.content["selected"].values()):
        if choice and (choice["grade"] or choice["grade_reason"]):
            words = [f"SAR grade {choice['grade']}" if choice["grade"] else "no SAR grade"]
            words += [choice["grade_reason"]] if choice["grade_reason"] else []
            print_line(console, ", ".join(words))
            return


def show_coverage(console: Console, manifest: Manifest) -> None:
    """Print the joint coverage of the choices, and the pixels and chips predicted for readers."""
    coverage = manifest.content["coverage"]
    filled, n_empty = coverage["filled_frac"][AOI], coverage["empty_slots"]
    if filled is None:
        return
    if n_empty:
        slots = f"{n_empty} slot{'s are' if n_empty > 1 else ' is'} empty"
        print_line(console, f"joint coverage: none, because {slots}; of the others {filled:.6f}")
    else:
        print_line(console, f"joint coverage {filled:.6f}")
    sets = coverage["forecast"]
    if coverage["chips_total"] is not None:
        _show_forecast(console, "forecast", sets[ALL_SENSORS], coverage["chips_total"])
        # without a forecast of the whole, there may be one of a sensor
        has_none = n_empty or sets[ALL_SENSORS]["mosaics"] is None
        for name in [each for each in sets if has_none and sets[each]["mosaics"]]:
            title = f"forecast for {name} alone"
            _show_forecast(console, title, sets[name], coverage["chips_total"])
    console.print()


def _show_forecast(console: Console, title: str, forecast: Json, chips_total: int) -> None:
    for slots, reason in (
        (forecast["missing"], "these slots are empty"),
        (forecast.get("unknown"), "the clear ground of these slots is unknown"),
    ):
        if slots:
            names = ", ".join("/".join(filter(None, slot.values())) for slot in slots)
            print_line(console, f"{title}: none, because {reason}: {names}")
            return
    print_line(console, f"{title}:")
    for kind, reader in _READERS.items():
        found = forecast[kind]
        pixels = f"{found['valid_pixel_frac']:.3%} valid pixels"
        chips = f"{found['chips']} of {chips_total} chips"
        print_indented(console, f"{reader}: {pixels}, {chips}")


def show_outcomes(console: Console, events: Iterable[pa.Table], counts: Mapping[str, int]) -> None:
    """Print the events that are not complete, the failed ones first; at most 20 of them.

    Args:
        console: Where to print.
        events: EVENTS of the whole run, part by part; only ``OUTCOME_COLUMNS`` are needed.
        counts: Number of events by status, and of all ``events``.
    """
    first = list_incomplete(events)
    if n_lacking := counts["events"] - counts[Status.COMPLETE]:
        title = f"{n_lacking} of {counts['events']} events are not complete"
        rest = (
            f"; these are {len(first)} of them, all are in events.parquet"
            if len(first) < n_lacking
            else ""
        )
        show(console, title + rest, ("event", "status", "filled", "slots", "reason"), first)


def list_incomplete(events: Iterable[pa.Table]) -> list[tuple[object, ...]]:
    """List the events that are not complete, the failed ones first; at most 20 of them.

    Args:
        events: EVENTS of the whole run, part by part; only ``OUTCOME_COLUMNS`` are needed.

    Returns:
        The values of ``OUTCOME_COLUMNS`` of each event.
    """
    first = EVENTS.empty_table().select(OUTCOME_COLUMNS)
    for rows in events:
        lacking = rows.select(OUTCOME_COLUMNS).filter(pc.not_equal(rows["status"], Status.COMPLETE))
        first = pa.concat_tables([first, lacking]).sort_by("status").slice(0, MOST_ROWS)
    return [tuple(row.values()) for row in first.to_pylist()]


def show_explanation(console: Console, slots: Iterable[Json]) -> None:
    """Print the candidates of each slot, and the measure that decided."""
    for slot in slots:
        place = "/".join(filter(None, (slot["phase"], slot["sensor"])))
        print_line(console, f"{place}: {slot['decision']}", style="bold")
        for part in slot["objective"]:
            print_indented(console, f"{part['part'].replace('_', ' ')}: {part['text']}")
        for text in slot.get(MANIFEST_KEY, ()):
            print_indented(console, text)
        _show_alternatives(console, slot)
        cells = [_candidate_cells(candidate) for candidate in slot["candidates"]]
        show_rows(console, [*(cells[0] if cells else ())], [[*row.values()] for row in cells])


def _show_alternatives(console: Console, slot: Json) -> None:
    """Print the first passes after the onset, and the whole set with each of them."""
    if not slot["alternatives"]:
        return
    title = "the first passes after the onset that cover half of the area, and the set with each:"
    print_indented(console, title)
    rows = [
        (
            _scenes(each["items"]),
            "chosen" if each["chosen"] else None,
            each["track_id"],
            _signed_hours(each["hours_from_onset"]),
            _signed_hours(each["hours_from_peak"]),
            fraction(each["coverage_frac"]),
            each["set"]["filled"],
            fraction(each["set"]["joint_frac"]),
            each["set"]["last_step"],
        )
        for each in slot["alternatives"]
    ]
    header = ("pass", "", "track", "from onset", "from peak", "coverage", "slots", "joint", "step")
    show_rows(console, header, rows)


def show_comparison(console: Console, found: Json) -> None:
    """Print the first slots whose choice differs, and the coverage of both runs, by event."""
    if found["differing"]:
        _show_differing_slots(console, found)
        _show_both_coverages(console, found["events"], n_events=found["shared"])
    else:
        print_line(console, f"no slot differs, {found['same']} are the same")
    for run, ids in found["only"].items():
        if ids:
            rest = ", …" if len(ids) > MOST_ROWS else ""
            print_line(
                console,
                f"{len(ids)} events only in {_RUNS[run]}: {', '.join(ids[:MOST_ROWS])}{rest}",
            )


def _show_differing_slots(console: Console, found: Json) -> None:
    header = ("event", "target", "slot", *_RUNS.values(), *_JUDGEMENTS)
    slots = found["slots"]
    rows = [
        (
            slot["event_id"],
            slot["target_id"],
            "/".join(filter(None, (slot["phase"], slot["sensor"]))),
            *(_scenes(slot[run]) or f"no scene: {slot[f'{run}_reason']}" for run in _RUNS),
            slot["one_in_other"],
            slot["other_in_one"],
        )
        for slot in slots[:MOST_ROWS]
    ]
    n = found["differing"]
    first = f"; the first {MOST_ROWS}, --json prints all" if n > MOST_ROWS else ""
    title = f"{n} slots differ, {found['same']} are the same{first}"
    show(console, title, header, rows, together=header[3:])


def _show_both_coverages(console: Console, events: Sequence[Json], *, n_events: int) -> None:
    header = ("event", "run", "coverage", "pixels", "chips", "single chips", "warnings")
    rows = [
        (
            event["event_id"],
            name,
            *(fraction(event[run][column]) for column in _SHARES),
            *(_count_chips(event[run], column) for column in ("chips", "single_chips")),
            len(event[run]["warnings"]),
        )
        for event in events[:MOST_ROWS]
        for run, name in _RUNS.items()
    ]
    title = f"{n_events} events in both runs; coverage of those that differ"
    first = f", the first {MOST_ROWS}" if len(rows) >= MOST_ROWS * len(_RUNS) else ""
    show(console, title + first, header, rows)


def _count_chips(event: Json, column: str) -> str | None:
    return None if event[column] is None else f"{event[column]}/{event['chips_total']}"


def _scenes(ids: Sequence[str]) -> str | None:
    return f"{ids[0]} +{len(ids) - 1}" if len(ids) > 1 else ids[0] if ids else None


def _candidate_cells(candidate: Json) -> dict[str, object]:
    orbit, offset = candidate["relative_orbit"], candidate["day_offset"]
    return {
        "rank": candidate["rank"],
        "scene": candidate["item_id"],
        "verdict": " ".join([candidate["verdict"], *candidate["missing_assets"]]),
        "datetime": candidate["datetime"] if candidate["phase"] else None,
        "overlap": fraction(candidate["overlap_frac"]),
        "days": candidate["days_from_phase"] if offset is None else f"{offset:+d}",
        "from onset": _signed_hours(candidate["hours_from_onset"]),
        "from peak": _signed_hours(candidate["hours_from_peak"]),
        "cloud %": candidate["cloud_cover"],
        **_ground_cells(candidate),
        "orbit": orbit
        if orbit is None
        else f"{orbit} {(candidate['orbit_state'] or '')[:4]}".strip(),
        "newer scene": candidate["superseded_by"],
    }


def _ground_cells(candidate: Json) -> dict[str, object]:
    """Return what a candidate shows of its target, where that counts."""
    if "clear_ground" not in candidate:
        return {}
    return {
        "area cloud %": candidate["area_cloud"],
        "clear": fraction(candidate["clear_share"]),
        "ground": candidate["clear_ground"],
    }


def _signed_hours(hours: float | None) -> str | None:
    return None if hours is None else f"{hours:+.1f} h"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _choice_cells(choice: Json | None, clouds: Mapping[str, float | None]) -> tuple[object, ...]:
    if choice is None:
        return (None,) * 8
    return (
        choice["id"],
        _moment(choice["datetime"]),
        choice["days_from_phase"],
        fraction(choice["coverage_frac"]),
        mean_cloud([choice], clouds),
        choice["relative_orbit"],
        len(choice["items"]),
        " ".join(choice["relaxed"]) or None,
    )
