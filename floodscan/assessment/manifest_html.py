"""A manifest in a notebook: the choices, the empty slots, the warnings and a timeline."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from floodscan.markup import BLUE, GREEN, block, frame, table, text
from floodscan.model import Sensor
from floodscan.planning.targets import AOI

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, Any]

_COLOURS: Final = {Sensor.S1RTC: BLUE, Sensor.S2L2A: GREEN}
_LEFT, _RIGHT, _WIDTH = 60.0, 550.0, 560.0  # pixels
_TOP, _ROW = 32.0, 22.0
_HEADER: Final = ("phase", "sensor", "time", "coverage", "cloud %", "orbit", "scene", "note")


def show_manifest(content: Json) -> str:
    """Return the content of a manifest as HTML."""
    filled = content["coverage"]["filled_frac"][AOI]
    joint = "no scenes" if filled is None else f"joint coverage of the chosen scenes {filled:.3f}"
    warnings = Counter(warning["code"] for warning in content["warnings"])
    counts = ", ".join(f"{number} {code}" for code, number in warnings.most_common())
    return block(
        content["event"]["name"],
        _draw_timeline(content),
        table(_HEADER, _rows(content)),
        text(f"{joint}; warnings: {counts or 'none'}"),
    )


def _rows(content: Json) -> Iterator[tuple[object, ...]]:
    reasons = {(f["target_id"], f["phase"], f["sensor"]): f["reason"] for f in content["failures"]}
    clouds = {item["id"]: item["properties"].get("eo:cloud_cover") for item in content["items"]}
    for phase, slots in content["selected"].items():
        for sensor, choice in slots.items():
            if choice is None:
                yield (phase, sensor, *[None] * 5, f"empty: {reasons[AOI, phase, sensor]}")
                continue
            yield (
                phase,
                sensor,
                _moment(choice["datetime"]),
                choice["coverage_frac"],
                clouds.get(choice["id"]) if sensor == Sensor.S2L2A else None,
                choice["relative_orbit"],
                choice["id"],
                _note(choice),
            )
    for dem in content["dem_items"]:
        yield (None, Sensor.DEM, None, dem["aoi_overlap_frac"], None, None, dem["id"], "")


def _note(choice: Json) -> str:
    more = len(choice["items"]) - 1
    grade = choice.get("grade")
    notes = [
        f"and {more} more of the pass" if more else "",
        f"SAR grade {grade}" if grade else "",
        f"after {', '.join(choice['relaxed'])}" if choice["relaxed"] else "",
    ]
    return "; ".join(filter(None, notes))


def _moment(written: str | None) -> str | None:
    return None if written is None else f"{datetime.fromisoformat(written):%Y-%m-%d %H:%M}"


def _draw_timeline(content: Json) -> str:
    """Draw the chosen scenes of each sensor along the days, beside the onset."""
    scenes = [
        (datetime.fromisoformat(choice["datetime"]), Sensor(sensor), phase)
        for phase, slots in content["selected"].items()
        for sensor, choice in slots.items()
        if choice and choice["datetime"]
    ]
    onset = datetime.fromisoformat(content["event"]["onset"])
    times = sorted([onset, *(time for time, *_ in scenes)])
    seconds = (times[-1] - times[0]).total_seconds()
    if not seconds:
        return ""

    def place(time: datetime) -> float:
        return _LEFT + (time - times[0]).total_seconds() / seconds * (_RIGHT - _LEFT)

    lines = {sensor: _TOP + _ROW * n for n, sensor in enumerate(_COLOURS)}
    bottom = _TOP + _ROW * len(lines)
    shapes = [_write(str(sensor), 0, y + 4) for sensor, y in lines.items()]
    shapes += [_line(_LEFT, y, _RIGHT, y) for y in lines.values()]
    shapes += [_line(place(onset), 16, place(onset), bottom - 8, 'stroke-dasharray="4 3"')]
    shapes += [_write(f"onset {onset:%Y-%m-%d}", place(onset), 12, anchor="middle")]
    shapes += [
        _mark(place(time), lines[sensor], _COLOURS[sensor], f"{phase}, {time:%Y-%m-%d %H:%M} UTC")
        for time, sensor, phase in scenes
    ]
    shapes += [
        _write(f"{time:%Y-%m-%d}", place(time), bottom + 6, anchor=anchor)
        for time, anchor in ((times[0], "start"), (times[-1], "end"))
    ]
    label = "chosen scenes along the days, and the onset"
    return frame("".join(shapes), label=label, width=_WIDTH, height=bottom + 12)


def _write(words: str, x: float, y: float, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'


def _line(x: float, y: float, to_x: float, to_y: float, style: str = 'opacity=".4"') -> str:
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="currentColor" {style}/>'


def _mark(x: float, y: float, colour: str, tip: str) -> str:
    shape = f'cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}" fill-opacity=".75"'
    return f"<circle {shape}><title>{text(tip)}</title></circle>"
