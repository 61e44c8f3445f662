"""Warnings of what the metadata of chosen scenes says against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.assessment.labels import WarningCode
from floodscan.model import Sensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TEXTS = {
    WarningCode.UNCALIBRATED: "Sentinel-1C is calibrated from 2025-05-20 on",
    WarningCode.NO_VV_OR_VH: "it has neither VV nor VH",
    WarningCode.LOW_SUN: "the sun was less than 20° above the horizon",
    WarningCode.LATE_EVENT: "it is from later than 96 hours after the onset",
    WarningCode.TWIN: "the catalog has it more than once, with different ids",
}
OFFSET_BASELINE = "04.00"
"""From this processing baseline on, of 2022-01-25, Sentinel-2 pixels have an offset of 1000."""


def describe_flags(
    scenes: Sequence[tuple[str, Sequence[str]]],
) -> Iterator[tuple[WarningCode, str]]:
    """Describe the flags of a slot's scenes, each flag once.

    Args:
        scenes: Item id and flags of each scene.
    """
    first: dict[str, str] = {}
    for item_id, flags in scenes:
        for flag in flags:
            first.setdefault(flag, item_id)
    for flag, item_id in sorted(first.items()):
        code = WarningCode(flag)
        yield code, f"{item_id}: {_TEXTS[code]}"


def compare_phases(
    sensor: str, flags: Mapping[str, Sequence[str]], baselines: Mapping[str, str | None]
) -> Iterator[tuple[WarningCode, str]]:
    """Find differences between the phases of a sensor.

    Satellites of one mission are calibrated to each other, and one track is flown by several of
    them. So a change of the satellite alone is no difference.

    Args:
        sensor: The sensor.
        flags: The flags of each phase's scene.
        baselines: The processing baseline of each phase.
    """
    raw = {phase: WarningCode.UNCALIBRATED in found for phase, found in flags.items()}
    if len(set(raw.values())) > 1:
        names = {phase: f"{'not ' if each else ''}calibrated" for phase, each in raw.items()}
        text = f"a change between phases is partly calibration: {_list_phases(names)}"
        yield WarningCode.MIXED_PLATFORMS, text
    if sensor == Sensor.S2L2A:
        sides = {
            phase: "with the offset" if baseline >= OFFSET_BASELINE else "without"
            for phase, baseline in baselines.items()
            if baseline
        }
        if len(set(sides.values())) > 1:
            text = f"the pixels from baseline {OFFSET_BASELINE} on have an offset of 1000"
            yield WarningCode.MIXED_OFFSETS, f"{text}: {_list_phases(sides)}"


def _list_phases(values: Mapping[str, str]) -> str:
    by_value: dict[str, list[str]] = {}
    for phase, value in values.items():
        by_value.setdefault(value, []).append(phase)
    return "; ".join(f"{', '.join(phases)}: {value}" for value, phases in by_value.items())
