"""Forecasts of pixels and chips, for both kinds of readers, with and without empty slots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import floodscan
from floodscan import Policy, Recipe, Sensor
from floodscan.assessment.quality import assess
from floodscan.model import Phase
from tests.selection.worlds import ALL, LEFT, RIGHT, World, day, dem_item, make_event, s1_item
from tests.sweeps import DEMO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from floodscan.assessment.forecasts import EventForecast
    from tests.selection.worlds import Item

DAYS = dict(zip(Phase, (-30, -4, 0, 3), strict=True))
RADAR = {sensor: Recipe().sensors[sensor] for sensor in (Sensor.S1RTC, Sensor.DEM)}
EMPTY = {"valid_pixel_frac": None, "chips": None}


def halves(phase: Phase) -> list[Item]:
    """Make the two frames of a pass, each over half of the event."""
    return [
        s1_item(f"{phase}_{name}", day(DAYS[phase]), box, take=f"take_{phase}")
        for name, box in (("left", LEFT), ("right", RIGHT))
    ]


def forecast(*items: Item, crs: str = "EPSG:32632", dem: bool = True) -> EventForecast:
    """Choose with mosaics among SAR items, and forecast the pixels."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION, sensors=RADAR)
    event = replace(make_event(), target_crs=crs)
    world = World(event, [*items, *([dem_item(10.0)] if dem else [])], recipe)
    return assess([world.plan], world.chosen(), recipe)[event.event_id].forecast


def test_readers_of_one_scene_get_its_part_of_a_mosaic() -> None:
    """Two halves fill the grid together, and a half of it alone."""
    found = forecast(*[item for phase in Phase for item in halves(phase)]).whole
    assert found.missing == ()
    assert found.mosaics is not None
    assert found.single_scenes is not None
    assert found.mosaics.valid_pixel_frac == pytest.approx(1.0, abs=0.05)  # the grid is the larger
    half = found.mosaics.valid_pixel_frac / 2
    assert found.single_scenes.valid_pixel_frac == pytest.approx(half, abs=0.01)


def test_an_empty_slot_promises_nothing_for_its_set() -> None:
    """Neither for the sensor nor for the whole, to no reader; and it is named."""
    scenes = [
        s1_item(phase, day(DAYS[phase]), ALL) for phase in Phase if phase is not Phase.PRE_EVENT
    ]
    found = forecast(*scenes)
    for name in ("all", "S1RTC"):
        assert found.sets[name].missing == (("pre_event", "S1RTC"),)
        assert found.sets[name].mosaics is None
        assert found.sets[name].single_scenes is None
    assert found.chips_total


def test_a_sensor_keeps_its_forecast_if_another_slot_is_empty() -> None:
    """Without a tile of the DEM, the whole has no forecast, but the radar phases have one."""
    scenes = [s1_item(phase, day(DAYS[phase]), ALL) for phase in Phase]
    found = forecast(*scenes, dem=False)
    assert found.whole.missing == ((None, "DEM"),)
    assert found.whole.mosaics is None
    radar = found.sets["S1RTC"]
    assert radar.missing == ()
    assert radar.mosaics == radar.single_scenes
    assert radar.mosaics is not None
    assert radar.mosaics.chips == found.chips_total


def test_without_a_grid_there_is_no_forecast() -> None:
    """A CRS of the other side of the Earth cannot hold the area."""
    scenes = [s1_item(phase, day(DAYS[phase]), ALL) for phase in Phase]
    found = forecast(*scenes, crs="+proj=ortho +lat_0=-50 +lon_0=-170")
    assert found.chips_total is None
    assert found.whole.missing == ()
    assert found.whole.mosaics is None
    assert found.whole.single_scenes is None


def scan_demo(tmp_path: Path, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scan the demo; gives the coverage in the manifest, and the row of EVENTS."""
    run = floodscan.scan("demo", recipe=recipe, out=tmp_path / "run")
    (row,) = run.folder.read_events().to_pylist()
    return run.manifests[DEMO.event_id].content["coverage"], row


@pytest.mark.parametrize(
    ("recipe", "mosaics", "single_scenes"),
    [
        (Recipe(), (0.80545, 890), (0.80545, 890)),
        (Recipe(policy=Policy.CHANGE_DETECTION), (1.0, 1120), (0.54126, 593)),
    ],
    ids=lambda each: str(each.policy) if isinstance(each, Recipe) else "",
)
def test_manifest_and_table_have_both_forecasts(
    tmp_path: Path, recipe: Recipe, mosaics: Sequence[float], single_scenes: Sequence[float]
) -> None:
    """Of the demo, by both policies; each choice of ``reference`` is one scene."""
    coverage, row = scan_demo(tmp_path, recipe)
    whole = coverage["forecast"]["all"]
    for kind, expected in (("mosaics", mosaics), ("single_scenes", single_scenes)):
        assert whole[kind]["valid_pixel_frac"] == pytest.approx(expected[0], abs=1e-5)
        assert whole[kind]["chips"] == expected[1]
    assert coverage["chips_total"] == row["chips_total"] == 1120
    for prefix, kind in (("", "mosaics"), ("single_", "single_scenes")):
        assert {name: row[prefix + name] for name in EMPTY} == whole[kind]


def test_manifest_and_table_of_an_event_with_empty_slots(tmp_path: Path) -> None:
    """Nulls for the whole and for the optical phases; the radar phases keep their forecast."""
    optical = replace(Recipe().sensors[Sensor.S2L2A], max_cloud_percent=1.0)
    recipe = Recipe(sensors={**Recipe().sensors, Sensor.S2L2A: optical})
    coverage, row = scan_demo(tmp_path, recipe)
    missing = [{"phase": str(phase), "sensor": "S2L2A"} for phase in Phase]
    nothing = {"missing": missing, "unknown": [], "mosaics": None, "single_scenes": None}
    full = {"valid_pixel_frac": 1.0, "chips": 1120}
    assert coverage["forecast"] == {
        "all": nothing,
        "S1RTC": {"missing": [], "unknown": [], "mosaics": full, "single_scenes": full},
        "S2L2A": nothing,
    }
    for prefix in ("", "single_"):
        assert {name: row[prefix + name] for name in EMPTY} == EMPTY
    assert row["chips_total"] == 1120
