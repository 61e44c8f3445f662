"""The words on pictures: lines that describe a scene, the reason of an empty slot, folded text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from floodscan.planning.targets import AOI
from floodscan.report.objective import describe_steps, mean_cloud, scene_clouds
from floodscan.report.screen import clean

if TYPE_CHECKING:
    from floodscan.assessment.manifest import Manifest

    Json = dict[str, Any]

_WORD = re.compile(r".+?(?: (?!\d)|$)")  # keep a name and its count on one line: "too_cloudy 11"
_PLATFORM = re.compile(r"(\d[A-Z])$")


def scene_lines(manifest: Manifest, choice: Json) -> tuple[str, str, str, str]:
    """Describe a choice in four lines.

    Args:
        manifest: Manifest of the event.
        choice: A choice of this manifest; a mosaic is named by its first scene.

    Returns:
        Its time, how well it fits, its scenes, and the steps of the ladder that it needed (empty if
        none).
    """
    cloud = mean_cloud([choice], scene_clouds(manifest))
    grade, more = choice.get("grade"), len(choice["items"]) - 1
    fit = [
        _cover_words(choice),
        "" if cloud is None else f"{cloud:.1f} % cloud",
        "" if grade is None else f"SAR grade {grade}",
    ]
    names = [
        _platform(choice),
        _place(choice),
        f"+{more} scene{'s' if more > 1 else ''}" if more else "",
    ]
    return (
        f"{_moment(choice['datetime'])}{signed_days(choice['day_offset'], before=', ')}",
        ", ".join(filter(None, fit)),
        clean(", ".join(filter(None, names))),
        describe_steps(choice["relaxed"]) if choice["relaxed"] else "",
    )


def _cover_words(choice: Json) -> str:
    """Say how much of the area a choice shows clear, or covers if that does not count."""
    covered = f"{percent(choice['coverage_frac'])} of area"
    if "clear_frac" not in choice:
        return covered
    frac = choice["clear_frac"]
    return f"{covered}, unread" if frac is None else f"{percent(frac)} of area clear"


def percent(fraction: float) -> str:
    """Write a fraction in percent; only the whole reads as 100."""
    return "100 %" if fraction == 1 else f"{min(100 * fraction, 99.9):.1f} %"


def signed_days(days: int | None, *, before: str = "") -> str:
    """Write days from a phase's date with their sign; empty if they are unknown."""
    if days is None:
        return ""
    return f"{before}{days:{'+' if days else ''}d} d".replace("-", "\N{MINUS SIGN}")


def why_empty(manifest: Manifest, phase: str | None, sensor: str) -> str:
    """Return the reason of an empty slot of the AOI."""
    slot = (AOI, phase, sensor)
    reasons = [
        f["reason"] for f in manifest.failures if (f["target_id"], f["phase"], f["sensor"]) == slot
    ]
    return clean(": ".join(["no scene", *reasons]))


def fold(text: str, *, width: int, lines: int) -> str:
    """Break a text into lines of at most ``width`` letters.

    A word that is longer than a line is broken after ``_``, ``=`` or ``.``. If there are more than
    ``lines`` lines, the rest is cut and an ellipsis ends the last line.
    """
    inside = re.compile(rf".{{0,{width - 1}}}[_=.](?!\d)|.{{1,{width}}}")
    folded = [""]
    for word in _WORD.findall(text):
        for part in [word] if len(word.rstrip()) <= width else inside.findall(word):
            if len(folded[-1] + part.rstrip()) > width:
                folded.append("")
            folded[-1] += part
    if len(folded) > lines:
        folded[lines - 1 :] = [f"{folded[lines - 1][: width - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"]
    return "\n".join(line.rstrip() for line in folded)


def _moment(text: str | None) -> str:
    return "time unknown" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _platform(choice: Json) -> str:
    """Shorten ``SENTINEL-1A`` to ``S1A``."""
    name = str(choice["platform"] or "")
    found = _PLATFORM.search(name.upper())
    return f"S{found[1]}" if found else name


def _place(choice: Json) -> str:
    if choice.get("mgrs_tile"):
        return f"tile {choice['mgrs_tile']}"
    if choice.get("relative_orbit") is None:
        return ""
    return " ".join(filter(None, (f"orbit {choice['relative_orbit']}", choice.get("orbit_state"))))
