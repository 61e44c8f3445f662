"""Warnings and grades of choices, of any policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from floodscan.assessment.quality import assess
from floodscan.model import Policy, Recipe
from floodscan.selection.flags import Flag
from tests.selection.worlds import (
    FLOOD,
    World,
    dem_item,
    make_event,
    random_world,
    s1_item,
    s2_item,
)

if TYPE_CHECKING:
    from floodscan.assessment.quality import Assessment
    from tests.selection.worlds import Item

ALL = (9.0, 49.0, 12.0, 52.0)
LEFT = (9.0, 49.0, 10.5, 52.0)
RIGHT = (10.5, 49.0, 12.0, 52.0)


def day(offset: int) -> datetime:
    """Return a time some days from the flood."""
    return datetime(FLOOD.year, FLOOD.month, FLOOD.day, 10, tzinfo=UTC) + timedelta(days=offset)


def assessed(*items: Item, policy: Policy = Policy.REFERENCE) -> Assessment:
    """Choose by a policy, and assess the choices."""
    world = World(make_event(), list(items), Recipe(policy=policy))
    return assess_world(world, world.chosen())


def assess_world(world: World, chosen: pa.Table) -> Assessment:
    """Assess the choices in a world."""
    return assess([world.plan], chosen, world.recipe)[world.event.event_id]


def codes(assessment: Assessment) -> list[str]:
    """List code and place of the warnings."""
    return [str(warning) for warning in assessment.warnings]


def test_a_reused_scene_on_the_wrong_side_gets_warnings() -> None:
    """The reference policy takes one scene after the flood for three phases."""
    found = codes(assessed(s2_item("a", day(2), ALL)))
    assert found == [
        "wrong_side_of_onset aoi/pre_event/S2L2A",
        "reused_scene aoi/event/S2L2A",
        "reused_scene aoi/post_event/S2L2A",
    ]


def test_two_scenes_of_one_pass_get_a_warning() -> None:
    """Different scenes of one datatake are of the same time."""
    items = [
        s2_item("a", day(2), LEFT, take="GS2A_1"),
        s2_item("b", day(2), ALL, take="GS2A_1", cloud=20.0),
    ]
    world = World(make_event(), items, Recipe())
    table = world.chosen()
    rows = table.to_pylist()
    for row in rows:
        row["selected"] = (row["phase"], row["item_id"]) in {("event", "a"), ("post_event", "b")}
    found = assess_world(world, pa.Table.from_pylist(rows, schema=table.schema))
    assert "reused_pass aoi/post_event/S2L2A" in codes(found)


def test_mixed_tracks_get_a_warning_and_grade_c() -> None:
    """The reason names the phases by track."""
    found = assessed(s1_item("a", day(-30), ALL), s1_item("b", day(0), ALL, orbit=139))
    assert "mixed_tracks aoi/S1RTC" in codes(found)
    grade = found.grades["aoi"]
    assert grade is not None
    assert grade[0] == "C"
    assert "pre_month on 37 descending" in str(grade[1])


@pytest.mark.parametrize(
    ("second", "grade"), [(ALL, "A"), ((9.0, 49.1, 12.0, 52.1), "A"), (LEFT, "B")]
)
def test_one_track_is_graded_by_its_frames(
    second: tuple[float, float, float, float], grade: str
) -> None:
    """Phases of one frame get A, different frames of the track get B."""
    found = assessed(
        s1_item("a", day(-30), ALL), s1_item("b", day(-5), second), policy=Policy.CHANGE_DETECTION
    )
    assert found.grades["aoi"] is not None
    assert found.grades["aoi"][0] == grade


def test_one_scene_has_no_grade() -> None:
    """There is nothing to compare it with."""
    assert assessed(s1_item("a", day(-30), ALL)).grades == {"aoi": None}


def test_low_coverage_gets_warnings_for_slots_and_jointly() -> None:
    """Two complementary halves have no ground in common."""
    found = assessed(s1_item("a", day(-30), LEFT), s2_item("b", day(-30), RIGHT), dem_item(10.0))
    assert codes(found) == [
        "low_coverage aoi/pre_month/S1RTC",
        "low_coverage aoi/pre_month/S2L2A",
        "low_joint_coverage aoi",
    ]
    assert found.joint_frac == {"aoi": 0.0}


def test_each_target_has_a_joint_coverage() -> None:
    """The area and each of its tiles."""
    world = World(make_event(), [s1_item("a", day(-30), LEFT)], Recipe(tile_size_m=40_000.0))
    found = assess_world(world, world.chosen())
    assert list(found.joint_frac) == [target.target_id for target in world.plan.targets]
    assert found.joint_frac["aoi"] == pytest.approx(0.5, abs=1e-3)
    assert {frac for frac in found.joint_frac.values() if frac is not None} >= {1.0}


def test_nothing_chosen_has_no_joint_coverage() -> None:
    """It is None, not 0."""
    found = assessed()
    assert found.joint_frac == {"aoi": None}
    assert codes(found) == []


def test_the_limit_is_that_of_the_recipe() -> None:
    """Half of the area is enough if the recipe says so."""
    world = World(make_event(), [s1_item("a", day(-30), LEFT)], Recipe(warn_coverage_below=0.4))
    assert assess_world(world, world.chosen()).warnings == ()


@pytest.mark.parametrize("seed", range(60))
def test_change_detection_gets_only_warnings_of_coverage(seed: int) -> None:
    """It has no other warning, unless the ladder mixed tracks."""
    world = random_world(seed)
    recipe = replace(
        world.recipe, relax=tuple(step for step in world.recipe.relax if not step.mixed_track)
    )
    world = replace(world, recipe=recipe)
    found = assess_world(world, world.chosen())
    of_metadata = {*Flag, "mixed_platforms", "mixed_offsets"}
    codes_found = {warning.code for warning in found.warnings} - of_metadata
    assert codes_found <= {"low_coverage", "low_joint_coverage"}


def test_with_an_empty_phase_there_is_no_grade_and_no_joint_coverage() -> None:
    """The phase is named, and what the others would give."""
    scenes = [s1_item(f"{days}", day(days), ALL) for days in (-30, -4, 0)]
    found = assessed(*scenes, policy=Policy.CHANGE_DETECTION)
    assert found.joint_frac == {"aoi": 1.0}
    assert found.complete_joint_frac("aoi") is None
    grade, reason = found.describe_grade("aoi")
    assert (grade, reason) == (None, "post_event is empty; the other phases alone: A")


def test_a_scene_of_the_day_of_an_assumed_onset_gets_a_warning() -> None:
    """Only in phase ``event``, and only if the hour of the onset is unknown."""
    items = [s1_item("same", day(0), ALL), s1_item("later", day(3), ALL)]
    for assumed, expected in ((True, ["onset_assumed aoi/event/S1RTC"]), (False, [])):
        event = replace(make_event(), onset_assumed=assumed)
        world = World(event, items, Recipe(policy=Policy.CHANGE_DETECTION))
        found = assess_world(world, world.chosen())
        assert [code for code in codes(found) if "onset" in code] == expected
