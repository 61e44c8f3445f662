"""Flags of candidates, and the warnings that chosen scenes get for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from floodscan.assessment.quality import assess
from floodscan.model import Phase, Policy, Recipe
from floodscan.selection.flags import sun_elevation
from tests.selection.worlds import ALL, LEFT, World, day, make_event, s1_item, s2_item, world_of

if TYPE_CHECKING:
    from tests.selection.worlds import Item


def flags_of(world: World) -> dict[str, set[str]]:
    """Return the flags of each item, over all its rows."""
    found: dict[str, set[str]] = {}
    for row in world.chosen().to_pylist():
        found.setdefault(row["item_id"], set()).update(row["flags"])
    return found


def warnings_of(world: World) -> list[str]:
    """Return code and place of each warning of flags."""
    found = assess([world.plan], world.chosen(), world.recipe)[world.event.event_id]
    return [str(each) for each in found.warnings if "coverage" not in each.code]


def on(platform: str, item: Item, **facts: Any) -> Item:  # noqa: ANN401 - any property
    """Give an item another platform and other properties."""
    properties = {**item["properties"], "platform": platform, **facts}
    return {**item, "properties": properties}


@pytest.mark.parametrize(
    ("name", "flagged"),
    [("SENTINEL-1C", True), ("sentinel-1c", True), ("SENTINEL-1A", False), (None, False)],
)
def test_sentinel_1c_is_flagged_before_its_calibration(name: Any, *, flagged: bool) -> None:  # noqa: ANN401
    """The flood of the worlds is from 2021; the day of the calibration is tested below."""
    world = world_of(on(name, s1_item("a", day(1), ALL)))
    assert flags_of(world) == {"a": {"uncalibrated"} if flagged else set()}
    assert warnings_of(world) == (["uncalibrated aoi/event/S1RTC"] if flagged else [])


@pytest.mark.parametrize(
    ("text", "flagged"), [("2025-05-19T23:59:59", True), ("2025-05-20T00:00:00", False)]
)
def test_the_calibration_begins_on_its_day(text: str, *, flagged: bool) -> None:
    """A flood of May 2025."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    shift = date(2025, 5, 18) - make_event().phase_dates[Phase.EVENT]
    event = make_event(onset=moment - timedelta(hours=10))
    object.__setattr__(event, "phase_dates", {p: d + shift for p, d in event.phase_dates.items()})
    world = World(event, [on("SENTINEL-1C", s1_item("a", moment, ALL))], Recipe())
    assert flags_of(world) == {"a": {"uncalibrated"} if flagged else set()}


def test_scenes_without_vertical_channels_are_flagged() -> None:
    """HH and HV alone; the recipe rejects them, unless it asks for them."""
    items = [
        s1_item("polar", day(1), ALL, polarizations=["HH", "HV"]),
        s1_item("dual", day(1, 9), ALL, polarizations=["HH", "VV"], take="2"),
    ]
    assert flags_of(world_of(*items)) == {"polar": {"no_vv_or_vh"}, "dual": set()}


def test_an_event_later_than_four_days_is_flagged_in_that_phase_alone() -> None:
    """96 hours after the onset are not late yet."""
    world = world_of(
        s1_item("in_time", day(4, 0), ALL), s1_item("late", day(4, 0, 1), LEFT, take="9")
    )
    rows = {(r["item_id"], r["phase"]): r["flags"] for r in world.chosen().to_pylist()}
    assert rows["in_time", "event"] == rows["late", "post_event"] == []
    assert rows["late", "event"] == ["late_event"]


def test_twins_are_flagged_and_parts_of_a_granule_are_not() -> None:
    """Two ids of one scene: the same satellite, second, tile and footprint."""
    twins = [s2_item(name, day(1, 10), ALL) for name in ("one", "two")]
    parts = [
        s2_item(name, day(2, 10), box, tile="31UGL")
        for name, box in (("left", LEFT), ("right", (10.5, 49.0, 12.0, 52.0)))
    ]
    flags = flags_of(world_of(*twins, *parts))
    assert flags == {"one": {"twin"}, "two": {"twin"}, "left": set(), "right": set()}


def test_low_sun_is_flagged_for_optical_scenes() -> None:
    """At 50° north in July it stands low at four in the morning, and high at ten."""
    items = [
        s2_item("dawn", day(1, 4), ALL),
        s2_item("morning", day(2, 10), ALL),
        s1_item("radar", day(1, 4), ALL),
    ]
    assert flags_of(world_of(*items)) == {"dawn": {"low_sun"}, "morning": set(), "radar": set()}


def test_phases_of_which_one_is_not_calibrated_get_a_warning() -> None:
    """The text names the phases. Satellites that are calibrated may change in a track."""
    before, after = s1_item("before", day(-3), ALL), s1_item("after", day(1), ALL)
    world = world_of(before, on("SENTINEL-1C", after))
    assert warnings_of(world) == ["uncalibrated aoi/event/S1RTC", "mixed_platforms aoi/S1RTC"]
    found = assess([world.plan], world.chosen(), world.recipe)["flood"].warnings
    (text,) = [each.text for each in found if each.code == "mixed_platforms"]
    assert text.endswith("pre_event: calibrated; event: not calibrated")
    assert warnings_of(world_of(before, on("SENTINEL-1B", after))) == []
    raw = world_of(on("SENTINEL-1C", before), on("SENTINEL-1C", after))
    assert "mixed_platforms aoi/S1RTC" not in warnings_of(raw)


def test_phases_of_several_offsets_get_a_warning() -> None:
    """The text names the phases; another satellite alone is no difference."""
    items = [
        s2_item("old", day(-30, 10), ALL, baseline="03.01"),
        on("Sentinel-2B", s2_item("new", day(-3, 10), ALL), **{"s2:processing_baseline": "04.00"}),
    ]
    world = world_of(*items)
    assert warnings_of(world) == ["mixed_offsets aoi/S2L2A"]
    found = assess([world.plan], world.chosen(), world.recipe)["flood"].warnings
    (text,) = [each.text for each in found if each.code.startswith("mixed")]
    assert text.endswith("pre_month: without; pre_event: with the offset")
    same = world_of(items[0], s2_item("also_old", day(-3, 10), ALL, baseline="03.01"))
    assert warnings_of(same) == []


def test_both_policies_flag_candidates() -> None:
    """A flag is a fact of the scene, whatever the policy."""
    item = on("SENTINEL-1C", s1_item("a", day(1), ALL))
    for policy in Policy:
        world = World(make_event(), [item], Recipe(policy=policy))
        assert flags_of(world) == {"a": {"uncalibrated"}}


@pytest.mark.parametrize(
    ("text", "lon", "lat", "elevation"),
    [
        ("2021-06-21T12:00:00Z", 0.0, 23.44, 90.0),  # noon under the tropic
        ("2021-03-20T12:07:00Z", 0.0, 0.0, 90.0),  # noon of the equinox at the equator
        ("2021-12-21T12:00:00Z", 0.0, 50.0, 16.6),  # 90 − 50 − 23.4
        ("2021-06-21T00:00:00Z", 0.0, 70.0, 3.4),  # the midnight sun: 70 + 23.4 − 90
        ("2021-06-21T00:00:00Z", 180.0, 70.0, 43.4),  # noon there: 90 − 70 + 23.4
    ],
)
def test_the_sun_stands_where_it_should(
    text: str, lon: float, lat: float, elevation: float
) -> None:
    """Within a degree of what the solstices and equinoxes give."""
    seconds = datetime.fromisoformat(text).timestamp()
    found = sun_elevation(np.array([seconds]), np.array([lon]), np.array([lat]))
    assert found[0] == pytest.approx(elevation, abs=1.0)
