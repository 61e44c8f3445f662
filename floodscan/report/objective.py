"""What decided under policy ``change-detection``: the parts of its objective in their order, in words and numbers."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_MIXED = "S1RTC.mixed_track=true"


def describe_objective(
    choices: Mapping[str, Mapping[str, Json | None]],
    phase: str,
    sensor: str,
    *,
    joint_frac: float | None,
    clouds: Mapping[str, float | None],
) -> list[Json]:
    """Tell by what the slots of a target were chosen together, and what this slot adds to it.

    Args:
        choices: ``selected`` of a manifest, of the event or of a tile.
        phase: Of the slot.
        sensor: Of the slot.
        joint_frac: Part of the target that all chosen scenes and the DEM cover together.
        clouds: Percent of cloud of each scene, by item id.

    Returns:
        The parts, the one that decides first, first: ``part``, ``value`` and ``text``. The first
        one, ``slot``, is what was chosen here; it is missing where nothing was.
    """
    own = {name: slots[sensor] for name, slots in choices.items()}
    filled = {name: choice for name, choice in own.items() if choice}
    parts = [_filled(filled, sensor, n_phases=len(own))]
    if sensor == Sensor.S1RTC and filled:
        parts.append(_track(filled))
    if joint_frac is not None:
        parts.append(_joint(joint_frac))
    if any(choice for slots in choices.values() for choice in slots.values()):
        parts.append(_least(choices))
    if filled:
        parts.append(_closeness(filled, clouds))
    return [_slot(filled[phase], clouds), *parts] if phase in filled else parts


def scene_clouds(manifest: Manifest) -> dict[str, float | None]:
    """List the percent of cloud of each chosen scene, by item id."""
    return {
        item["id"]: item["properties"].get("eo:cloud_cover") for item in manifest.content["items"]
    }


def mean_cloud(choices: Iterable[Json], clouds: Mapping[str, float | None]) -> float | None:
    """Average the cloud of scenes by what each covers; None of scenes that see no clouds.

    Args:
        choices: Of a manifest.
        clouds: Percent of cloud of each scene, by item id.
    """
    items = [
        item for choice in choices for item in choice["items"] if clouds.get(item["id"]) is not None
    ]
    whole = sum(item["aoi_overlap_frac"] for item in items)
    return (
        sum((clouds[item["id"]] or 0.0) * item["aoi_overlap_frac"] for item in items) / whole
        if whole
        else None
    )


def describe_steps(steps: Sequence[str]) -> str:
    """Name steps of the ladder that were taken."""
    return f"by {' and '.join(steps)}"


def _part(name: str, value: object, text: str) -> Json:
    return {"part": name, "value": value, "text": text}


def _slot(choice: Json, clouds: Mapping[str, float | None]) -> Json:
    words = [
        f"{_count(len(choice['items']), 'scene')} of one pass, {choice['coverage_frac']:.1%} of the target",
        f"{_count(choice['days_from_phase'], 'day')} from the phase's date",
        *_cloud_words([choice], clouds),
        _steps_words(choice["relaxed"]),
    ]
    return _part("slot", choice["coverage_frac"], ", ".join(words))


def _filled(filled: Mapping[str, Json], sensor: str, *, n_phases: int) -> Json:
    steps = sorted({step for choice in filled.values() for step in choice["relaxed"]})
    text = f"{len(filled)} of {n_phases} phases of {sensor}, {_steps_words(steps)}"
    return _part("filled", len(filled), text)


def _track(filled: Mapping[str, Json]) -> Json:
    """Tell the main track, and which phases only the ladder's last step took from another one."""
    mixed = [name for name, choice in filled.items() if _MIXED in choice["relaxed"]]
    main = next((c for name, c in filled.items() if name not in mixed), None) or next(
        iter(filled.values())
    )
    track = f"{main['relative_orbit']} {main['orbit_state']}"
    others = f", but {' and '.join(mixed)}" if mixed else ""
    grade = "" if main["grade"] is None else f"; grade {main['grade']}"
    reason = "" if main["grade_reason"] is None else f", {main['grade_reason']}"
    return _part(
        "track",
        track,
        f"{track} in {_count(len(filled) - len(mixed), 'phase')}{others}{grade}{reason}",
    )


def _joint(joint_frac: float) -> Json:
    return _part(
        "joint_coverage",
        joint_frac,
        f"all scenes and the DEM together cover {joint_frac:.1%} of the target",
    )


def _least(choices: Mapping[str, Mapping[str, Json | None]]) -> Json:
    slots = chain.from_iterable(
        ((f"{name}/{sensor}", c) for sensor, c in own.items()) for name, own in choices.items()
    )
    covered = {slot: choice["coverage_frac"] for slot, choice in slots if choice}
    slot = min(covered, key=lambda name: covered[name])
    return _part("least_coverage", covered[slot], f"{covered[slot]:.1%} in {slot}")


def _closeness(filled: Mapping[str, Json], clouds: Mapping[str, float | None]) -> Json:
    days = sum(choice["days_from_phase"] for choice in filled.values())
    words = [
        f"{_count(days, 'day')} from the phases' dates in all",
        *_cloud_words(filled.values(), clouds),
    ]
    return _part("closeness", days, ", ".join(words))


def _cloud_words(choices: Iterable[Json], clouds: Mapping[str, float | None]) -> list[str]:
    mean = mean_cloud(choices, clouds)
    return [] if mean is None else [f"{mean:.1f} % cloud"]


def _steps_words(steps: Sequence[str]) -> str:
    return describe_steps(steps) if steps else "without a step of the ladder"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
