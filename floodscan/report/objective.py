"""The objective of policy ``change-detection``: its parts in words and numbers, as they decided.

This policy chooses all slots of a target together, so no single measure of one slot decides. The
guide's page ``policies`` lists the parts of the objective; ``selection/change_detection.py``
defines them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floodscan.model import Relaxation, Sensor
from floodscan.report.clear_ground import share_of_cloud

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_MIXED_TRACK = str(Relaxation(sensor=Sensor.S1RTC, mixed_track=True))


def describe_objective(
    choices: Mapping[str, Mapping[str, Json | None]],
    phase: str,
    sensor: str,
    *,
    joint_frac: float | None,
    joint_clear_frac: float | None = None,
    clouds: Mapping[str, float | None],
) -> list[Json]:
    """Describe the objective of a target's choices, as one slot sees it.

    Args:
        choices: ``selected`` of a manifest, of the event or of a tile: phase → sensor → choice.
        phase: The slot's phase.
        sensor: The slot's sensor.
        joint_frac: Share of the target that the scenes of all filled slots cover together.
        joint_clear_frac: Share of it that all slots show clear, where that counts and is known.
        clouds: Percent of cloud of each scene, by item id.

    Returns:
        One entry for each part, in the order in which the parts decide: ``part``, ``value`` and
        ``text``. The part ``slot`` comes first; it is the choice of this slot, and is left out for
        an empty slot.
    """
    own = {name: slots[sensor] for name, slots in choices.items()}
    filled = {name: choice for name, choice in own.items() if choice}
    parts = [_filled(filled, sensor, n_phases=len(own))]
    parts += _clear_ground(filled)
    if sensor == Sensor.S1RTC and filled:
        parts.append(_track(filled))
    if joint_frac is not None:
        parts.append(_joint_coverage(joint_frac))
    if joint_clear_frac is not None:
        text = f"{joint_clear_frac:.1%} of the target is clear in all optical scenes together"
        parts.append(_part("joint_clear_coverage", joint_clear_frac, text))
    if any(choice for slots in choices.values() for choice in slots.values()):
        parts.append(_least_coverage(choices))
    if filled:
        parts.append(_closeness(filled, clouds))
    return [_slot(filled[phase], clouds), *parts] if phase in filled else parts


def scene_clouds(manifest: Manifest) -> dict[str, float | None]:
    """Return the percent of cloud of each chosen scene, by item id; None for radar and the DEM.

    Where clouds count over areas, that over the AOI.
    """
    content = manifest.content
    found: dict[str, float | None] = {
        item["id"]: item["properties"].get("eo:cloud_cover") for item in content["items"]
    }
    for slots in content["selected"].values():
        for choice in filter(None, slots.values()):
            for item in choice["items"]:
                if (ground := item.get("ground")) and ground["cloud_frac"] is not None:
                    found[item["id"]] = share_of_cloud(ground)
    return found


def mean_cloud(choices: Iterable[Json], clouds: Mapping[str, float | None]) -> float | None:
    """Return the mean cloud of scenes, weighted by the share of the target that each covers.

    Args:
        choices: Choices of a manifest, with their scenes.
        clouds: Percent of cloud of each scene, by item id.

    Returns:
        Percent; None if no scene has a cloud cover.
    """
    items = [
        item for choice in choices for item in choice["items"] if clouds.get(item["id"]) is not None
    ]
    weight: float = sum(item["aoi_overlap_frac"] for item in items)
    total: float = sum((clouds[item["id"]] or 0.0) * item["aoi_overlap_frac"] for item in items)
    return total / weight if weight else None


def describe_steps(steps: Sequence[str]) -> str:
    """Name the steps of the ladder that a choice needed."""
    return f"needs {' and '.join(steps)}" if steps else "needs no step of the ladder"


def _part(name: str, value: object, text: str) -> Json:
    return {"part": name, "value": value, "text": text}


def _slot(choice: Json, clouds: Mapping[str, float | None]) -> Json:
    n_scenes, n_days = len(choice["items"]), choice["days_from_phase"]
    words = [
        f"{_count(n_scenes, 'scene')} of one pass",
        f"{choice['coverage_frac']:.1%} of the target",
        f"{_count(n_days, 'day')} from the phase's date",
        *_cloud_words([choice], clouds),
        describe_steps(choice["relaxed"]),
    ]
    return _part("slot", choice["coverage_frac"], ", ".join(words))


def _filled(filled: Mapping[str, Json], sensor: str, *, n_phases: int) -> Json:
    steps = sorted({step for choice in filled.values() for step in choice["relaxed"]})
    text = f"{len(filled)} of {n_phases} phases of {sensor}, {describe_steps(steps)}"
    return _part("filled", len(filled), text)


def _track(filled: Mapping[str, Json]) -> Json:
    """Name the main track, and the phases with a pass of another track."""
    mixed = [name for name, choice in filled.items() if _MIXED_TRACK in choice["relaxed"]]
    on_main = [choice for name, choice in filled.items() if name not in mixed]
    main = (on_main or [*filled.values()])[0]
    track = f"{main['relative_orbit']} {main['orbit_state']}"
    others = f"; another track in {' and '.join(mixed)}" if mixed else ""
    grade = "" if main["grade"] is None else f"; grade {main['grade']}"
    reason = "" if main["grade_reason"] is None else f", {main['grade_reason']}"
    text = f"{track} in {_count(len(on_main), 'phase')}{others}{grade}{reason}"
    return _part("track", track, text)


def _clear_ground(filled: Mapping[str, Json]) -> list[Json]:
    """Say what the scenes of each phase show clear, where it counts."""
    shown = {
        phase: choice["clear_frac"] for phase, choice in filled.items() if "clear_frac" in choice
    }
    if not shown:
        return []
    words = ", ".join(
        f"{'unknown' if frac is None else f'{frac:.1%}'} in {phase}"
        for phase, frac in shown.items()
    )
    return [_part("clear_ground", shown, words)]


def _joint_coverage(joint_frac: float) -> Json:
    text = (
        f"the scenes of the filled slots and the DEM together cover {joint_frac:.1%} of the target"
    )
    return _part("joint_coverage", joint_frac, text)


def _least_coverage(choices: Mapping[str, Mapping[str, Json | None]]) -> Json:
    covered = {
        f"{phase}/{sensor}": choice["coverage_frac"]
        for phase, slots in choices.items()
        for sensor, choice in slots.items()
        if choice
    }
    slot = min(covered, key=lambda name: covered[name])
    return _part("least_coverage", covered[slot], f"{covered[slot]:.1%} in {slot}")


def _closeness(filled: Mapping[str, Json], clouds: Mapping[str, float | None]) -> Json:
    days = sum(choice["days_from_phase"] for choice in filled.values())
    words = [
        f"{_count(days, 'day')} from the phases' dates in total",
        *_cloud_words(filled.values(), clouds),
    ]
    return _part("closeness", days, ", ".join(words))


def _cloud_words(choices: Iterable[Json], clouds: Mapping[str, float | None]) -> list[str]:
    mean = mean_cloud(choices, clouds)
    return [] if mean is None else [f"{mean:.1f} % cloud"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
