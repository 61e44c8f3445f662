"""Clear ground of the choices: shares, forecasts and warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from floodscan import Policy, Recipe, Sensor
from floodscan.assessment.quality import assess
from floodscan.model import Phase
from floodscan.planning.slots import plan_event
from floodscan.planning.targets import AOI
from floodscan.selection.sample_points import (
    ALL_POINTS,
    N_POINTS,
    covered_points,
    draw_points,
    place_sample_points,
)
from floodscan.testing.skies import CLOUD, PLANT
from tests.selection.skies import Sight, even, over_area
from tests.selection.worlds import (
    ALL,
    World,
    day,
    dem_item,
    make_event,
    s1_item,
    s2_item,
)

if TYPE_CHECKING:
    from floodscan.assessment.quality import Assessment

DAYS = dict(zip(Phase, (-30, -4, 0, 3), strict=True))
SOUTH = np.concatenate([even(PLANT)[:2048], even(CLOUD)[2048:]])
NORTH_AND_MORE = np.concatenate([even(CLOUD)[:1024], even(PLANT)[1024:]])
CLEAR = Sight(even(PLANT))


def assessed(skies: dict[Phase, Sight], policy: Policy = Policy.CHANGE_DETECTION) -> Assessment:
    """Choose a scene of each sensor for each phase, under given skies, and assess the choices."""
    optical = [s2_item(f"S2_{phase}", day(DAYS[phase]), ALL) for phase in Phase]
    radar = [s1_item(f"S1_{phase}", day(DAYS[phase], 17), ALL) for phase in Phase]
    recipe = over_area(Recipe(policy=policy), max_cloud_percent=None)
    event = replace(make_event(), target_crs="EPSG:32632")
    by_id = {f"S2_{phase}": skies.get(phase, CLEAR) for phase in Phase}
    world = World(
        event, [*optical, *radar, dem_item(10.0)], recipe, lambda row: by_id[row["item_id"]]
    )
    return assess([world.plan], world.chosen(), recipe)[event.event_id]


def test_pixels_count_that_are_clear_in_all_phases() -> None:
    """One phase is clear in the south, another one but for the southernmost quarter."""
    found = assessed({Phase.PRE_MONTH: Sight(SOUTH), Phase.EVENT: Sight(NORTH_AND_MORE)})
    assert found.clear[AOI].frac((Phase.PRE_MONTH, "S2L2A")) == 0.5
    assert found.clear[AOI].frac((Phase.EVENT, "S2L2A")) == 0.75
    assert found.clear[AOI].frac((Phase.EVENT, "S1RTC")) is None
    assert found.joint_clear_frac(AOI) == 0.25
    assert found.complete_joint_frac(AOI) == pytest.approx(1.0)
    whole, clear = found.forecast.whole.mosaics, assessed({}).forecast.whole.mosaics
    assert whole is not None
    assert clear is not None
    assert whole.valid_pixel_frac == pytest.approx(0.25 * clear.valid_pixel_frac, abs=0.02)
    assert 0.15 * clear.chips < whole.chips < 0.3 * clear.chips
    radar = found.forecast.sets["S1RTC"].mosaics
    assert radar is not None
    assert radar.valid_pixel_frac == 1.0  # clouds hide nothing from radar
    assert {(w.phase, w.code) for w in found.warnings if "clear" in w.code} == {
        (Phase.PRE_MONTH, "low_clear_coverage"),
        (Phase.EVENT, "low_clear_coverage"),
        (None, "low_clear_coverage"),
    }


@pytest.mark.parametrize("source", [None, "statistics"])
def test_unknown_ground_promises_nothing(source: str | None) -> None:
    """Neither pixels nor a share; the slot is named, and why."""
    found = assessed({Phase.EVENT: Sight(even(PLANT), source)})
    assert found.joint_clear_frac(AOI) is None
    assert found.forecast.whole.unknown == ((Phase.EVENT, "S2L2A"),)
    assert found.forecast.whole.mosaics is None
    assert found.forecast.whole.single_scenes is None
    assert found.forecast.sets["S1RTC"].mosaics is not None
    (warning,) = (w for w in found.warnings if w.code == "clear_ground_unknown")
    text = "only shares" if source else "was not read: 403 Forbidden"
    assert (warning.phase, warning.sensor) == (Phase.EVENT, "S2L2A")
    assert text in warning.text


def test_nothing_is_said_of_clear_ground_that_does_not_count() -> None:
    """By the clouds of scenes, columns of clear ground change nothing."""
    event = replace(make_event(), target_crs="EPSG:32632")
    items = [s2_item("S2", day(0), ALL)]
    world = World(event, items, Recipe(sensors={Sensor.S2L2A: Recipe().sensors[Sensor.S2L2A]}))
    found = assess([world.plan], world.chosen(), world.recipe)[event.event_id]
    assert found.clear == {}
    assert found.joint_clear_frac(AOI) is None


@pytest.mark.parametrize("west", [10.0, 179.5, -179.9])
def test_drawn_ground_has_the_points_that_it_stands_for(west: float) -> None:
    """Also across the antimeridian; all points together stand for more than the target."""
    target = plan_event(make_event(west), Recipe()).targets[0]
    sample_points = place_sample_points(target)
    drawn = np.random.default_rng(3).random(N_POINTS) < 0.4
    points = int.from_bytes(np.packbits(drawn, bitorder="little").tobytes(), "little")
    ground = draw_points(sample_points, points)
    assert covered_points(sample_points, np.array([ground], dtype=object)) == [points]
    share = shapely.intersection(ground, target.area).area / target.area.area
    assert share == pytest.approx(drawn.mean(), abs=0.01)
    assert shapely.covers(draw_points(sample_points, ALL_POINTS), target.area)
    assert draw_points(sample_points, 0).is_empty
