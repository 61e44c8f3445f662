"""Choices by the clear ground of a target: both policies, unread scenes, and the optimum."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from floodscan.model import CloudScope, Phase, Policy, Recipe, Sensor
from floodscan.selection.change_detection import find_optimum
from floodscan.testing.skies import CLOUD, NODATA, PLANT, SHADOW, SNOW
from tests.selection.exhaustive import brute_force, unlimited
from tests.selection.skies import Sight, even, over_area, random_sky
from tests.selection.worlds import (
    ALL,
    LEFT,
    RIGHT,
    World,
    chosen_ids,
    day,
    random_world,
    s2_item,
    verdict_of,
    world_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.selection.worlds import Item

OPTICAL = {Sensor.S2L2A: Recipe().sensors[Sensor.S2L2A]}
AREA = over_area(Recipe(sensors=OPTICAL)).sensors
POLICIES = list(Policy)
HALF = 2048
HALF_CLOUDY = np.concatenate([even(PLANT)[:HALF], even(CLOUD)[HALF:]])


def under(sights: dict[str, Sight], *items: Item, policy: Policy, **rules: Any) -> World:  # noqa: ANN401
    """Make a world of optical items under given skies; clouds over the area count."""
    rules = {"sensors": AREA, "relax": (), **rules}
    world = world_of(*items, **rules)
    recipe = replace(world.recipe, policy=policy)
    return replace(world, recipe=recipe, sky=lambda row: sights[row["item_id"]])


def chosen_for_event(world: World) -> list[str]:
    """Return the scenes that fill the slot ``event``."""
    return chosen_ids(world.chosen()).get((Phase.EVENT, Sensor.S2L2A), [])


def chosen_before(world: World) -> list[str]:
    """Return the scenes that fill the slot ``pre_month``."""
    return chosen_ids(world.chosen()).get((Phase.PRE_MONTH, Sensor.S2L2A), [])


def of_scene(world: World) -> World:
    """Let the clouds of the whole scenes count."""
    optical = replace(world.recipe.sensors[Sensor.S2L2A], cloud=CloudScope.SCENE)
    sensors = {**world.recipe.sensors, Sensor.S2L2A: optical}
    return replace(world, recipe=replace(world.recipe, sensors=sensors))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cloudy_scene_that_is_clear_over_the_area_is_chosen(policy: Policy) -> None:
    """The scene with the lowest cloud cover has its clouds right over the area."""
    world = under(
        {"S2_cloudy": Sight(even(PLANT)), "S2_clear": Sight(even(CLOUD))},
        s2_item("S2_cloudy", day(2), ALL, cloud=46.6),
        s2_item("S2_clear", day(3), ALL, cloud=3.0),
        policy=policy,
    )
    assert chosen_for_event(world) == ["S2_cloudy"]
    assert chosen_for_event(of_scene(world)) == ["S2_clear"]
    table = world.chosen()
    assert verdict_of(table, "S2_clear", Phase.EVENT) == "too_cloudy"


@pytest.mark.parametrize("policy", POLICIES)
def test_tiles_of_an_event_may_take_different_scenes(policy: Policy) -> None:
    """Each scene is clear over one tile, and covered over the other tiles."""
    items = [s2_item(f"S2_{n}", day(2 + n), ALL, cloud=40.0) for n in range(2)]
    world = under({}, *items, policy=policy, tile_size_m=60_000.0)
    tiles = [target.target_id for target in world.plan.targets[1:]]

    def sky(row: dict[str, Any]) -> Sight:
        is_first = row["target_id"] == tiles[0]
        return Sight(even(PLANT if is_first == (row["item_id"] == "S2_0") else CLOUD))

    table = replace(world, sky=sky).chosen()
    during = table.filter(table["selected"]).to_pylist()
    chosen = {row["target_id"]: row["item_id"] for row in during if row["phase"] == Phase.EVENT}
    assert chosen[tiles[0]] == "S2_0"
    assert {chosen[tile] for tile in tiles[1:]} == {"S2_1"}


@pytest.mark.parametrize("policy", POLICIES)
def test_more_clear_ground_goes_before_nearness(policy: Policy) -> None:
    """Snow is not cloud, but what lies under it is not seen either."""
    snowy = np.concatenate([even(PLANT)[:3000], even(SNOW)[3000:]])
    world = under(
        {"S2_near": Sight(snowy), "S2_far": Sight(even(PLANT))},
        s2_item("S2_near", day(-30), ALL, cloud=0.0),
        s2_item("S2_far", day(-24), ALL, cloud=20.0),
        policy=policy,
    )
    assert chosen_before(world) == ["S2_far"]


def test_dark_flood_water_is_no_shadow() -> None:
    """A scene full of shadow is valid ground in ``event``; before the flood it is not."""
    world = under(
        {"S2_before": Sight(even(SHADOW)), "S2_during": Sight(even(SHADOW))},
        s2_item("S2_before", day(-4), ALL),
        s2_item("S2_during", day(1), ALL),
        policy=Policy.CHANGE_DETECTION,
    )
    table = world.chosen()
    assert chosen_ids(table) == {(Phase.EVENT, Sensor.S2L2A): ["S2_during"]}
    assert verdict_of(table, "S2_before", Phase.PRE_EVENT) == "covers_too_little"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("source", [None, "statistics"])
def test_a_scene_of_unknown_ground_is_not_taken_for_clear(
    source: str | None, policy: Policy
) -> None:
    """It comes behind a read scene that is further away and half covered."""
    world = under(
        {"S2_unknown": Sight(even(PLANT), source), "S2_read": Sight(HALF_CLOUDY)},
        s2_item("S2_unknown", day(-30), ALL, cloud=0.0),
        s2_item("S2_read", day(-24), ALL, cloud=20.0),
        policy=policy,
        sensors=over_area(Recipe(sensors=OPTICAL), max_cloud_percent=60.0).sensors,
        relax=(),
    )
    assert chosen_before(world) == ["S2_read"]
    rows = {
        row["item_id"]: row for row in world.chosen().to_pylist() if row["phase"] == "pre_month"
    }
    assert rows["S2_unknown"]["rank"] == 2
    alone = replace(world, items=world.items[:1])
    assert chosen_before(alone) == ["S2_unknown"]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_unread_scene_comes_behind_one_of_which_only_shares_are_known(policy: Policy) -> None:
    """Though its scene has fewer clouds; and its limit is that of the scene."""
    world = under(
        {
            "S2_unread": Sight(even(PLANT), None),
            "S2_shares": Sight(even(PLANT), "statistics"),
            "S2_unread_cloudy": Sight(even(PLANT), None),
        },
        s2_item("S2_unread", day(-30), ALL, cloud=0.0),
        s2_item("S2_shares", day(-26), ALL, cloud=80.0),
        s2_item("S2_unread_cloudy", day(-29), ALL, cloud=80.0),
        policy=policy,
    )
    table = world.chosen()
    assert chosen_before(world) == ["S2_shares"]
    assert verdict_of(table, "S2_unread_cloudy", Phase.PRE_MONTH) == "too_cloudy"


def test_a_pass_is_judged_by_its_read_scenes_where_they_suffice() -> None:
    """A failed read of one tile does not put the whole pass behind others."""
    world = under(
        {
            "S2_a": Sight(even(PLANT)),
            "S2_b": Sight(even(PLANT), None),
            "S2_other": Sight(HALF_CLOUDY),
        },
        s2_item("S2_a", day(1), (9.0, 49.0, 10.8, 52.0), tile="31UGR"),
        s2_item("S2_b", day(1), RIGHT, tile="31UGS"),
        s2_item("S2_other", day(2), ALL),
        policy=Policy.CHANGE_DETECTION,
        sensors=over_area(Recipe(sensors=OPTICAL), max_cloud_percent=60.0).sensors,
    )
    table = world.chosen()
    assert chosen_ids(table)[Phase.EVENT, Sensor.S2L2A] == ["S2_a"]
    assert verdict_of(table, "S2_b", Phase.EVENT) == "eligible"


def test_read_scenes_come_first_in_a_mosaic_with_unread_ones() -> None:
    """The unread scene covers more, but nobody knows what it shows."""
    quarter = np.concatenate([even(PLANT)[:1024], even(CLOUD)[1024:]])
    world = under(
        {"S2_a": Sight(even(PLANT), None), "S2_b": Sight(quarter)},
        s2_item("S2_a", day(1), ALL, tile="31UGR"),
        s2_item("S2_b", day(1), ALL, tile="31UGS"),
        policy=Policy.CHANGE_DETECTION,
        sensors=over_area(Recipe(sensors=OPTICAL), max_cloud_percent=90.0).sensors,
    )
    assert chosen_for_event(world) == ["S2_b", "S2_a"]


def test_a_covered_scene_joins_no_mosaic() -> None:
    """Though its footprint covers ground that the other scene lacks."""
    world = under(
        {"S2_a": Sight(even(PLANT)), "S2_b": Sight(even(SNOW))},
        s2_item("S2_a", day(1), LEFT, tile="31UGR"),
        s2_item("S2_b", day(1), RIGHT, tile="31UGS"),
        policy=Policy.CHANGE_DETECTION,
        min_coverage=0.3,
    )
    table = world.chosen()
    assert chosen_ids(table)[Phase.EVENT, Sensor.S2L2A] == ["S2_a"]
    assert verdict_of(table, "S2_b", Phase.EVENT) == "redundant"


def test_clouds_count_on_the_ground_that_a_scene_shows() -> None:
    """Ground outside the raster is not clear because no cloud is seen there."""
    classes = even(NODATA)
    classes[:1000], classes[1000:1300] = PLANT, CLOUD
    world = under(
        {"S2_strip": Sight(classes), "S2_nothing": Sight(even(NODATA))},
        s2_item("S2_strip", day(1), ALL, cloud=1.0),
        s2_item("S2_nothing", day(2), ALL, cloud=1.0),
        policy=Policy.REFERENCE,
        sensors=over_area(Recipe(sensors=OPTICAL), max_cloud_percent=23.0).sensors,
    )
    table = world.chosen()
    assert verdict_of(table, "S2_strip", Phase.EVENT) == "too_cloudy"  # 300 of 1300 points
    assert verdict_of(table, "S2_nothing", Phase.EVENT) == "too_cloudy"


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_choice_is_the_best_of_all_combinations_of_clear_ground(
    seed: int, *, single: bool
) -> None:
    """No combination is better by the written objective, with unread scenes among them."""
    world = random_world(seed + 5000, n_passes=12)
    recipe = over_area(replace(loosening(world.recipe), mosaics=not single))
    world = replace(world, recipe=recipe, sky=random_sky(seed, unread=0.1, shares_only=0.1))
    expected = brute_force(unlimited(world), world)
    choice = world.options()
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    keys = [[option.key if option else () for option in options] for options, _ in found.values()]
    assert keys == [[option.key if option else () for option in options] for options in expected]


def loosening(recipe: Recipe) -> Recipe:
    """Leave out the steps that would tighten the recipe; recipe files refuse them."""
    floor = recipe.min_coverage
    kept = (step for step in recipe.relax if step.min_coverage is None or step.min_coverage < floor)
    return replace(recipe, relax=tuple(kept))


@pytest.mark.parametrize("seed", range(80))
def test_joint_clear_coverage_is_never_worse_than_by_the_clouds_of_scenes(seed: int) -> None:
    """Of the same admissible scenes, and on the same track."""
    world = random_world(seed + 6000, n_passes=14)
    rules = {"max_cloud_percent": None}
    recipe = over_area(replace(world.recipe, min_coverage=0.0, relax=()), **rules)
    world = replace(
        world, event=replace(world.event, peak=None), recipe=recipe, sky=random_sky(seed)
    )
    by_area, by_scene = (joint_clear(world, each) for each in (world, of_scene(world)))
    assert by_area >= by_scene


def joint_clear(world: World, rules: World) -> int:
    """Count the points that are clear, or covered, in all slots that some rules fill."""
    choice = rules.options()
    found = find_optimum(choice.options, choice.dem_points, rules.recipe)
    clear = points_by_row(world)
    joint = choice.dem_points
    for option in (option for options, _ in found.values() for option in options if option):
        joint &= reduce(lambda done, scene: done | clear[scene.row], option.scenes, 0)
    return joint.bit_count()


def points_by_row(world: World) -> dict[int, int]:
    """Return the points that each scene covers, by its row."""
    choice = world.options()
    return {
        scene.row: scene.points
        for slots in choice.scenes.values()
        for scenes in slots
        for scene in scenes
    }


def test_skies_of_the_property_matter() -> None:
    """Else the property could not fail: in many worlds the clear ground is really larger."""
    better = 0
    for seed in range(30):
        world = random_world(seed + 6000, n_passes=14)
        recipe = over_area(
            replace(world.recipe, min_coverage=0.0, relax=()), max_cloud_percent=None
        )
        world = replace(
            world, event=replace(world.event, peak=None), recipe=recipe, sky=random_sky(seed)
        )
        better += joint_clear(world, world) > joint_clear(world, of_scene(world))
    assert better >= 5


def test_nothing_changes_where_clear_ground_is_known_but_does_not_count() -> None:
    """The columns of a run by clouds over areas leave a choice by clouds of scenes alone."""
    for seed in range(10):
        world = of_scene(replace(random_world(seed), sky=random_sky(seed, unread=0.3)))
        without = replace(world, sky=None)
        assert ranks(world.chosen()) == ranks(without.chosen())


def ranks(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return rank and verdict of each row."""
    names = ("phase", "sensor", "item_id", "rank", "verdict")
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
