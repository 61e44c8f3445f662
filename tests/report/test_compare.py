"""Two runs side by side."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import floodscan
from floodscan import Policy, Recipe, Sensor
from floodscan.report.compare import compare
from floodscan.report.tables import show_comparison
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.store import RunFolder

    Json = dict[str, Any]

CHANGE = Recipe(policy=Policy.CHANGE_DETECTION)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two events by the reference policy."""
    return scan(demo_copies(2), tmp_path_factory.mktemp("reference"), Recipe())


def scan(events: list[floodscan.Event], out: Path, recipe: Recipe) -> RunFolder:
    """Scan on the demo's catalog."""
    return floodscan.scan(events, catalog="demo", out=out / "run", recipe=recipe).folder


def slots_of(found: Json) -> dict[str, Json]:
    """Take what differs, by phase and sensor."""
    return {f"{slot['phase']}/{slot['sensor']}": slot for slot in found["slots"]}


def printed(found: Json) -> str:
    """Print a comparison."""
    screen = StringIO()
    show_comparison(Console(file=screen, width=1000), found)
    return screen.getvalue()


def test_scene_that_both_have_is_told_with_its_mosaic(reference: RunFolder, tmp_path: Path) -> None:
    """Else a choice that only grew would read as if nothing had changed.

    A step of the ladder is told too.
    """
    found = compare(reference, scan(demo_copies(1), tmp_path, CHANGE))
    grown = slots_of(found)["pre_month/S2L2A"]
    assert grown["one"] == grown["other"][:1]
    assert grown["one_in_other"] == "selected in a mosaic of 4"
    assert grown["other_in_one"] == "selected alone"
    (line,) = [line for line in printed(found).splitlines() if "pre_month/S2L2A" in line]
    assert line.split()[-8:] == ["selected", "in", "a", "mosaic", "of", "4", "selected", "alone"]


def test_empty_side_tells_why(reference: RunFolder, tmp_path: Path) -> None:
    """The reason of the slot itself, or that it was not asked for."""
    clear = replace(CHANGE.sensors[Sensor.S2L2A], max_cloud_percent=1.0)
    sensors = {Sensor.S1RTC: CHANGE.sensors[Sensor.S1RTC], Sensor.S2L2A: clear}
    other = scan(demo_copies(1), tmp_path, replace(CHANGE, sensors=sensors, relax=()))
    found = compare(reference, other)
    slots = slots_of(found)
    reasons = {
        f["phase"]: f["reason"] for f in floodscan.read_manifest(other.path, "copy-000").failures
    }
    assert len(reasons) == 4
    for phase, reason in reasons.items():
        assert reason.startswith("all_rejected (")
        assert slots[f"{phase}/S2L2A"]["other_reason"] == reason
        assert f"no scene: {reason}  " in printed(found)
    assert slots["None/DEM"]["other_reason"] == "not asked for"
    assert slots["pre_month/S1RTC"]["one_reason"] is None


def test_events_of_one_run_alone_are_listed(reference: RunFolder, tmp_path: Path) -> None:
    """They can't be compared, but must not go unseen."""
    found = compare(scan(demo_copies(4)[1:], tmp_path, Recipe()), reference)
    assert found["only"] == {"one": ["copy-002", "copy-003"], "other": ["copy-000"]}
    assert printed(found).splitlines()[-2:] == [
        "2 events only in one: copy-002, copy-003",
        "1 events only in other: copy-000",
    ]
