"""Grades of the SAR geometry: how well the phases of a target can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely

from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from floodscan.assessment.quality import Chosen, Outlines, SlotKey
    from floodscan.planning.targets import Target

_SAME_FRAME = 0.95


def grade_tracks(
    chosen: Chosen, slots: Mapping[SlotKey, list[int]], target: Target
) -> tuple[str, str | None] | None:
    """Grade the SAR geometry; frames are compared inside the target.

    Returns:
        A for one track and frame, B for one track, C for several tracks; and the reason for B and
        C. None for less than two SAR phases.
    """
    radar = {phase: rows for (phase, sensor), rows in slots.items() if sensor == Sensor.S1RTC}
    if len(radar) <= 1:
        return None
    by_track = phases_by_track(chosen, radar)
    if len(by_track) > 1:
        return "C", f"several tracks: {list_tracks(by_track)}"
    frames = {phase: chosen.outlines(rows) for phase, rows in radar.items()}
    first, *others = frames
    for phase in others:
        shared = _shared_frac(chosen, frames[first], frames[phase], target)
        if shared < _SAME_FRAME:
            place = f"{phase} shares {shared:.0%} of its ground in the target with {first}"
            return "B", f"one track, other frames: {place}"
    return "A", None


def phases_by_track(chosen: Chosen, radar: Mapping[Any, list[int]]) -> dict[str, list[str]]:
    """Group the SAR phases of a target by track."""
    by_track: dict[str, list[str]] = {}
    for phase, rows in radar.items():
        by_track.setdefault(chosen.tracks[rows[0]], []).append(str(phase))
    return by_track


def list_tracks(by_track: Mapping[str, Sequence[str]]) -> str:
    """Name the phases of each track."""
    return "; ".join(f"{', '.join(phases)} on {track}" for track, phases in by_track.items())


def _shared_frac(chosen: Chosen, one: Outlines, other: Outlines, target: Target) -> float:
    """Divide the ground in a target that two sets of outlines share by the ground of both."""
    if one == other:
        return 1.0
    inside, others = (
        shapely.intersection(chosen.ground(each), target.area) for each in (one, other)
    )
    joined = shapely.union(inside, others).area
    return float(shapely.intersection(inside, others).area / joined) if joined else 1.0
