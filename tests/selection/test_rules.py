"""Rules of policy ``change-detection``, one by one, on events of a few scenes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import shapely

from floodscan.assessment.outcomes import find_empty_slots
from floodscan.catalogs.base import Answer
from floodscan.geometry.footprints import bbox_of
from floodscan.model import Phase, Policy, Recipe, Relaxation, Sensor
from floodscan.planning.slots import plan_event
from floodscan.schemas import ITEMS
from tests.selection.worlds import FLOOD, World, make_event, s1_item, s2_item

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from floodscan.assessment.outcomes import EmptySlot

    Row = dict[str, Any]

ALL = (9.0, 49.0, 12.0, 52.0)
LEFT = (9.0, 49.0, 10.5, 52.0)
RIGHT = (10.5, 49.0, 12.0, 52.0)


def day(offset: int, hour: int = 5, minute: int = 0) -> datetime:
    """Give a moment some days from the flood."""
    return datetime(FLOOD.year, FLOOD.month, FLOOD.day, hour, minute, tzinfo=UTC) + timedelta(
        days=offset
    )


def world_of(*items: Row, **rules: Any) -> World:  # noqa: ANN401 - any rule of a recipe
    """Make a world of given items."""
    return World(make_event(), list(items), Recipe(policy=Policy.CHANGE_DETECTION, **rules))


def chosen_ids(table: pa.Table) -> dict[tuple[str, str], list[str]]:
    """List the chosen scenes of each slot, in the order of the mosaic."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in table.filter(table["selected"]).to_pylist():
        found[row["phase"], row["sensor"]].append(row["item_id"])
    return dict(found)


def shortfalls_of(world: World) -> dict[tuple[str | None, str | None], EmptySlot]:
    """Tell by phase and sensor why slots are empty."""
    answers = {search: Answer(items=ITEMS.empty_table()) for search in world.plan.searches}
    found = find_empty_slots(world.plan, world.chosen(), answers, world.recipe)
    return {(each.phase, each.sensor): each for each in found}


def verdict_of(table: pa.Table, item_id: str, phase: Phase) -> str:
    """Tell what became of an item in a slot."""
    rows = [row for row in table.to_pylist() if (row["item_id"], row["phase"]) == (item_id, phase)]
    return str(rows[0]["verdict"])


def test_a_scene_on_the_wrong_side_of_the_onset_is_rejected() -> None:
    """A clear scene after the flood is no pre-flood scene, and one before it no event scene."""
    table = world_of(s2_item("after", day(1), ALL), s2_item("before", day(-2), ALL)).chosen()
    assert chosen_ids(table) == {("pre_event", "S2L2A"): ["before"], ("event", "S2L2A"): ["after"]}
    assert verdict_of(table, "after", Phase.PRE_EVENT) == "wrong_side_of_onset"
    assert verdict_of(table, "before", Phase.EVENT) == "wrong_side_of_onset"


def test_the_guard_keeps_pre_phases_clear_of_the_onset() -> None:
    """A scene an hour before the onset counts only without a guard of more than that."""
    late = s1_item("late", day(-1, 23), ALL)
    assert chosen_ids(world_of(late).chosen())
    assert not chosen_ids(world_of(late, onset_guard_minutes=61).chosen())
    assert chosen_ids(world_of(late, onset_guard_minutes=59).chosen())


def test_a_scene_at_the_onset_is_after_it() -> None:
    """The onset itself belongs to the event."""
    table = world_of(s1_item("onset", day(0, 0), ALL)).chosen()
    assert chosen_ids(table) == {("event", "S1RTC"): ["onset"]}


def test_a_pass_during_which_the_water_came_fills_one_slot_only() -> None:
    """Its first scene is from before the onset, its second from after it: still they are no two moments."""
    items = [
        s1_item(name, day(0, 5) + timedelta(seconds=s), ALL, take="1")
        for name, s in (("a", -10), ("b", 15))
    ]
    world = World(
        make_event(onset=day(0, 5)), items, Recipe(policy=Policy.CHANGE_DETECTION, relax=())
    )
    assert len(chosen_ids(world.chosen())) == 1


def test_one_track_is_chosen_for_the_whole_set() -> None:
    """A track that fills more phases wins over nearer scenes of others."""
    days = {"a": -30, "b": -4, "c": 0, "d": 6}
    steady = [s1_item(f"37_{name}", day(offset), ALL, orbit=37) for name, offset in days.items()]
    nearer = [
        s1_item(f"139_{n}", day(o, 6), ALL, orbit=139, take=f"9{n}")
        for n, o in (("a", -30), ("b", -4), ("c", 0))
    ]
    table = world_of(*steady, *nearer).chosen()
    assert [ids for _, ids in sorted(chosen_ids(table).items())] == [
        ["37_c"],
        ["37_d"],
        ["37_b"],
        ["37_a"],
    ]
    assert verdict_of(table, "139_a", Phase.PRE_MONTH) == "other_track"


def test_polarisations_in_another_order_are_the_same_track() -> None:
    """A set of channels has no order."""
    items = [s1_item("a", day(-30), ALL), s1_item("b", day(-4), ALL, polarizations=["VH", "VV"])]
    assert len(chosen_ids(world_of(*items).chosen())) == 2


def test_the_smallest_coverage_decides_between_tracks() -> None:
    """Of two tracks that fill as many phases, the one whose worst scene covers more is chosen."""
    uneven = [s1_item("37_a", day(-30), ALL), s1_item("37_b", day(-4), LEFT)]
    even = [
        s1_item(f"139_{n}", day(o), (9, 49, 10.8, 52), orbit=139, take=f"9{n}")
        for n, o in (("a", -31), ("b", -5))
    ]
    ids = chosen_ids(world_of(*uneven, *even).chosen())
    assert sorted(item_id for members in ids.values() for item_id in members) == ["139_a", "139_b"]


def test_tracks_are_mixed_only_by_the_last_step() -> None:
    """Without the step the slot stays empty; with it the choice says that it was taken."""
    items = [
        s1_item("a", day(-30), ALL),
        s1_item("b", day(-4), ALL),
        s1_item("c", day(0), ALL, orbit=139),
    ]
    strict = world_of(*items, relax=()).chosen()
    assert ("event", "S1RTC") not in chosen_ids(strict)
    assert verdict_of(strict, "c", Phase.EVENT) == "other_track"
    mixed = world_of(*items, relax=(Relaxation(sensor=Sensor.S1RTC, mixed_track=True),)).chosen()
    relaxed = {
        row["item_id"]: row["relaxed"] for row in mixed.filter(mixed["selected"]).to_pylist()
    }
    assert relaxed == {"a": [], "b": [], "c": ["S1RTC.mixed_track=true"]}


def test_rules_are_loosened_only_for_slots_that_would_stay_empty() -> None:
    """A cloudy scene fills a slot that no clear one can, and says so.

    A clear one is never passed over.
    """
    items = [s2_item("clear", day(-30), LEFT), s2_item("hazy", day(-29), ALL, cloud=30.0)]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["clear"]}
    assert verdict_of(table, "hazy", Phase.PRE_MONTH) == "too_cloudy"
    (row,) = (row for row in world_of(items[1]).chosen().to_pylist() if row["selected"])
    assert row["relaxed"] == ["S2L2A.max_cloud_percent=50"]


def test_a_wider_window_is_a_step_too() -> None:
    """Six days away is outside of the base window and inside of the first step's."""
    table = world_of(s1_item("far", day(-30 - 6), ALL)).chosen()
    (row,) = table.to_pylist()
    assert (row["selected"], row["relaxed"]) == (True, ["S1RTC.window_days=7"])
    assert world_of(s1_item("far", day(-30 - 6), ALL), relax=()).chosen().num_rows == 0


def test_a_mosaic_is_the_fewest_scenes_that_cover_what_the_pass_covers() -> None:
    """Halves complete each other, a third scene within them is redundant."""
    parts = {"left": LEFT, "right": RIGHT, "within": (9.9, 50.2, 10.4, 50.4)}
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in parts.items()
    ]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["left", "right"]}
    assert verdict_of(table, "within", Phase.PRE_MONTH) == "redundant"


def test_the_newest_processing_supersedes_the_others() -> None:
    """Same tile, same datatake: the older baseline points at the newer one."""
    items = [
        s2_item("old", day(-30), ALL, baseline="03.01"),
        s2_item("new", day(-30), ALL, baseline="05.00"),
    ]
    table = world_of(*items).chosen()
    rows = {row["item_id"]: row for row in table.to_pylist()}
    assert (rows["old"]["verdict"], rows["old"]["superseded_by"]) == ("superseded", "new")
    assert (rows["new"]["verdict"], rows["new"]["superseded_by"]) == ("selected", None)


def test_of_several_processings_all_older_ones_point_at_the_newest() -> None:
    """Not at the next one; and both parts of a split granule stay."""
    boxes = {"a_0212": ALL, "b_0301": ALL, "c_0509": LEFT, "d_0510": LEFT, "e_0510": RIGHT}
    items = [
        s2_item(name, day(-30), box, baseline=f"{name[2:4]}.{name[4:]}")
        for name, box in boxes.items()
    ]
    table = world_of(*items).chosen()
    newer = {row["item_id"]: row["superseded_by"] for row in table.to_pylist()}
    assert newer == {
        "a_0212": "d_0510",
        "b_0301": "d_0510",
        "c_0509": "d_0510",
        "d_0510": None,
        "e_0510": None,
    }
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["d_0510", "e_0510"]}


def test_an_empty_slot_says_why_after_which_steps() -> None:
    """Counts of what was rejected, the steps that were tried in vain, and what would help."""
    world = world_of(s2_item("late", day(2), ALL), s2_item("overcast", day(-30), ALL, cloud=80.0))
    told = shortfalls_of(world)
    steps = "S2L2A.max_cloud_percent=50, S2L2A.window_days=15"
    assert told["pre_month", "S2L2A"].reason == f"all_rejected (too_cloudy 1) after {steps}"
    assert (
        told["pre_event", "S2L2A"].reason == f"all_rejected (wrong_side_of_onset 1) after {steps}"
    )
    assert "raise S2L2A.max_cloud_percent (now 50) above 80" in told["pre_month", "S2L2A"].hint
    assert told["event", "S1RTC"].reason == (
        "no_candidates after S1RTC.window_days=7, S1RTC.window_days=12, S1RTC.mixed_track=true"
    )
    assert "S1RTC.window_days (now 12)" in told["event", "S1RTC"].hint


def test_a_newer_processing_that_lacks_a_band_supersedes_nothing() -> None:
    """What can't be used can't take another's place."""
    items = [
        s2_item("old", day(-30), ALL),
        s2_item("new", day(-30), ALL, baseline="05.00", bands=("B02", "B03")),
    ]
    assert chosen_ids(world_of(*items).chosen()) == {("pre_month", "S2L2A"): ["old"]}


def test_a_sliver_fills_no_slot() -> None:
    """A pass that covers too little leaves it empty, unless the recipe is content with that."""
    sliver = s1_item("sliver", day(-30), (9.0, 49.0, 10.3, 52.0))
    table = world_of(sliver).chosen()
    assert not chosen_ids(table)
    assert verdict_of(table, "sliver", Phase.PRE_MONTH) == "covers_too_little"
    assert chosen_ids(world_of(sliver, min_coverage=0.2).chosen())


def test_split_granules_are_members_of_one_mosaic() -> None:
    """Two items of one tile, time and baseline with complementary footprints are both chosen."""
    items = [s2_item("one", day(-30), LEFT), s2_item("two", day(-30), RIGHT)]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["one", "two"]}


def test_a_part_of_a_split_granule_is_a_member_though_the_other_claims_all() -> None:
    """Footprints are hulls of what was seen: a part within a whole is still no duplicate, a twin is one."""
    items = [
        s2_item("whole", day(-30), ALL),
        s2_item("part", day(-30), LEFT),
        s2_item("twin", day(-30), ALL),
    ]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["twin", "part"]}
    assert verdict_of(table, "whole", Phase.PRE_MONTH) == "redundant"


def test_a_pass_without_datatakes_is_known_by_time_and_orbit() -> None:
    """Scenes seconds apart belong together, one the next day does not."""
    items = [
        s1_item(f"s{n}", day(-30, 5, n), box, take=None) for n, box in enumerate((LEFT, RIGHT))
    ]
    items.append(s1_item("next", day(-29), LEFT, take=None))
    assert chosen_ids(world_of(*items).chosen()) == {("pre_month", "S1RTC"): ["s0", "s1"]}


def test_an_area_across_the_antimeridian_gets_its_mosaic() -> None:
    """Scenes on both sides and across it are one pass."""
    event = make_event(179.5)
    east, west = (179.0, 49.0, 180.0, 52.0), (-180.0, 49.0, -179.0, 52.0)
    parts = [
        s2_item("east", day(-30), east, tile="60UWA"),
        s2_item("west", day(-30), west, tile="01UBR"),
    ]
    across = [s2_item("across", day(-4), (179.0, 49.0, 181.0, 52.0), tile="01UCR")]
    table = World(event, parts + across, Recipe(policy=Policy.CHANGE_DETECTION)).chosen()
    assert chosen_ids(table) == {
        ("pre_month", "S2L2A"): ["east", "west"],
        ("pre_event", "S2L2A"): ["across"],
    }


def test_a_scene_without_a_time_is_never_chosen() -> None:
    """Nobody knows which side of the onset it is on."""
    item = s1_item("timeless", day(-4), ALL)
    item["properties"]["datetime"] = "soon"
    table = world_of(item).chosen()
    assert not any(table["selected"].to_pylist())
    assert set(table["verdict"].to_pylist()) == {"no_time"}


def test_tiles_are_chosen_for_by_themselves() -> None:
    """Each target gets the mosaic that it needs."""
    items = [
        s2_item("left", day(-30), LEFT, tile="31UGL"),
        s2_item("right", day(-30), RIGHT, tile="31UGR"),
    ]
    world = world_of(*items, tile_size_m=30_000.0)
    plan = plan_event(world.event, world.recipe)
    table = world.chosen()
    by_target = defaultdict(set)
    for row in table.filter(table["selected"]).to_pylist():
        by_target[row["target_id"]].add(row["item_id"])
    assert by_target["aoi"] == {"left", "right"}
    assert len(by_target) == len(plan.targets)
    assert {frozenset(ids) for ids in by_target.values()} >= {
        frozenset({"left"}),
        frozenset({"right"}),
    }


def test_nothing_to_choose_from_is_no_error() -> None:
    """An empty table stays one."""
    assert world_of().chosen().num_rows == 0


def discs(*centres: tuple[float, float], radius: float) -> BaseGeometry:
    """Draw an area of small parts."""
    area: BaseGeometry = shapely.union_all(
        [shapely.Point(centre).buffer(radius) for centre in centres]
    )
    return area


AREAS = {
    "gauges": discs((10.1, 50.1), (10.9, 50.9), radius=0.005),
    "towns": discs((10.05, 50.4), (10.3, 50.9), (10.8, 50.2), (10.9, 50.95), radius=0.01),
    "river": shapely.LineString([(10, 50), (10.4, 50.7), (11, 51)]).buffer(0.0003),
    "ring": discs((10.5, 50.5), radius=0.4) - discs((10.5, 50.5), radius=0.39),
    "atoll": shapely.MultiPolygon(
        [shapely.box(179.9, -17, 179.91, -16.99), shapely.box(-179.5, -16.5, -179.49, -16.4)]
    ),
}


@pytest.mark.parametrize("name", AREAS)
def test_an_area_of_small_parts_gets_its_scenes(name: str) -> None:
    """However little of its box it fills: what covers all of it covers enough, and comes before what is nearer."""
    area = AREAS[name]
    west, _, east, _ = bbox = bbox_of(area)
    half = (west - 1, -60.0, west + (east - west) % 360 * 0.6, 60.0)
    whole = (west - 1, -60.0, west + 2, 60.0)
    items = [make(f"{make.__name__}_near", day(-30), half) for make in (s1_item, s2_item)]
    items += [make(f"{make.__name__}_whole", day(-29), whole) for make in (s1_item, s2_item)]
    event = replace(make_event(), aoi=area, bbox=bbox)
    table = World(event, items, Recipe(policy=Policy.CHANGE_DETECTION)).chosen()
    assert chosen_ids(table) == {
        ("pre_month", "S1RTC"): ["s1_item_whole"],
        ("pre_month", "S2L2A"): ["s2_item_whole"],
    }


def test_a_scene_that_fills_a_gap_between_points_is_a_member() -> None:
    """However narrow the gap is that the others leave."""
    edges = (10.4930, 10.5070)  # of 64 columns one is on either side
    boxes = {
        "west": (9, 49, edges[0], 52),
        "east": (edges[1], 49, 12, 52),
        "middle": (10.4, 49, 10.6, 52),
    }
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in boxes.items()
    ]
    (members,) = chosen_ids(world_of(*items).chosen()).values()
    assert set(members) == set(boxes)
    parts = {
        "part": (9, 49, edges[0], 52),
        "strip": (edges[0], 49, edges[1], 52),
        "rest": (edges[1], 49, 12, 52),
    }
    items = [
        s2_item(name, day(-30), box, tile=f"31UG{name == 'rest'}") for name, box in parts.items()
    ]
    (members,) = chosen_ids(world_of(*items).chosen()).values()
    assert set(members) == set(parts)


@pytest.mark.parametrize("takes", [("5", None), ("101", "102"), (None, "5")])
def test_one_overflight_is_one_pass_whatever_its_datatakes(
    takes: tuple[str | None, str | None],
) -> None:
    """Two frames of an orbit seconds apart are no before and after."""
    halves = ((LEFT, "one", 0), (RIGHT, "two", 25))
    items = [
        s1_item(name, day(2) + timedelta(seconds=later), box, take=take)
        for (box, name, later), take in zip(halves, takes, strict=True)
    ]
    assert chosen_ids(world_of(*items).chosen()) == {("post_event", "S1RTC"): ["one", "two"]}


def test_passes_of_one_event_hang_on_no_other() -> None:
    """Two datatakes that are one overflight here are two passes there, should a catalog use a name again."""
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    moments = {"one": (day(0), day(0, 5, 1)), "other": (day(0), day(2))}
    tables = []
    for name, (first, second) in moments.items():
        items = [s1_item("a", first, ALL, take="1"), s1_item("b", second, ALL, take="2")]
        tables.append(World(make_event(event_id=name), items, recipe).scored())
    passes = pa.concat_tables(tables).select(["event_id", "pass_id"]).to_pylist()
    assert len({tuple(row.values()) for row in passes}) == 3


def test_a_pass_across_the_onset_hides_no_other_way_to_fill_all_slots() -> None:
    """Its late scenes may be the event's where another pass is there for the days before."""
    onset = day(0, 5)
    moments = {
        "month": day(-30),
        "before": onset - timedelta(seconds=10),
        "after": onset + timedelta(seconds=15),
        "second": day(2),
        "third": day(6),
    }
    takes = {"month": "1", "before": "2", "after": "2", "second": "3", "third": "4"}
    whole = [s1_item(name, moment, ALL, take=takes[name]) for name, moment in moments.items()]
    poor = [
        s1_item(f"poor{d}", day(d, 7), (9, 49, 10.6, 52), orbit=139, take=f"{50 + d}")
        for d in (-30, -3, 1, 5)
    ]
    rules = Recipe(policy=Policy.CHANGE_DETECTION)
    found = chosen_ids(World(make_event(onset=onset), whole + poor, rules).chosen())
    assert list(found.values()) == [["month"], ["before"], ["second"], ["third"]]


def test_an_empty_slot_names_what_truly_rejects_its_scenes() -> None:
    """Not the limit that a step of the ladder lifts."""
    hazy_sliver = s2_item("sliver", day(-30), (9, 49, 10.2, 52), cloud=30.0)
    told = shortfalls_of(world_of(hazy_sliver))["pre_month", "S2L2A"]
    assert "covers_too_little 1" in told.reason
    assert "lower min_coverage (now 0.5)" in told.hint
    assert "max_cloud" not in told.hint
    tracks = [
        s1_item("a", day(-30), ALL),
        s1_item("b", day(-4), ALL),
        s1_item("c", day(5), ALL, orbit=139),
    ]
    told = shortfalls_of(
        world_of(*tracks, relax=(Relaxation(sensor=Sensor.S1RTC, window_days=7),))
    )["event", "S1RTC"]
    assert "other_track 1" in told.reason
    assert "add a step S1RTC.mixed_track" in told.hint


def test_a_pass_that_another_phase_took_is_told_apart() -> None:
    """One scene after the flood can't be both of its phases'."""
    table = world_of(s2_item("only", day(4), ALL)).chosen()
    assert {verdict_of(table, "only", phase) for phase in (Phase.EVENT, Phase.POST_EVENT)} == {
        "selected",
        "used_in_other_phase",
    }
