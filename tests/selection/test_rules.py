"""The rules of policy ``change-detection``, each on an event of a few scenes."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from floodscan.assessment.outcomes import find_empty_slots
from floodscan.assessment.verdict_counts import count_verdicts
from floodscan.catalogs.base import Answer
from floodscan.model import Phase, Policy, Recipe, Relaxation, Sensor
from floodscan.planning.slots import plan_event
from floodscan.schemas import ITEMS
from tests.selection.worlds import (
    ALL,
    LEFT,
    RIGHT,
    World,
    chosen_ids,
    day,
    make_event,
    s1_item,
    s2_item,
    verdict_of,
    world_of,
)

if TYPE_CHECKING:
    from floodscan.assessment.outcomes import EmptySlot


def empty_slots_of(world: World) -> dict[tuple[str | None, str | None], EmptySlot]:
    """Return the empty slots by phase and sensor."""
    answers = {search: Answer(items=ITEMS.empty_table()) for search in world.plan.searches}
    verdicts = count_verdicts(world.chosen(), world.recipe).get(world.plan.event.event_id, {})
    found = find_empty_slots(world.plan, verdicts, answers, world.recipe)
    return {(each.phase, each.sensor): each for each in found}


def test_a_scene_on_the_wrong_side_of_the_onset_is_rejected() -> None:
    """A scene after the onset fills no pre-flood slot, a scene before it no event slot."""
    table = world_of(s2_item("after", day(1), ALL), s2_item("before", day(-2), ALL)).chosen()
    assert chosen_ids(table) == {("pre_event", "S2L2A"): ["before"], ("event", "S2L2A"): ["after"]}
    assert verdict_of(table, "after", Phase.PRE_EVENT) == "wrong_side_of_onset"
    assert verdict_of(table, "before", Phase.EVENT) == "wrong_side_of_onset"


def test_a_scene_within_the_guard_fills_no_pre_flood_slot() -> None:
    """An hour before the onset, a guard of 61 minutes rejects it, a guard of 59 does not."""
    late = s1_item("late", day(-1, 23), ALL)
    assert chosen_ids(world_of(late).chosen())
    assert not chosen_ids(world_of(late, onset_guard_minutes=61).chosen())
    assert chosen_ids(world_of(late, onset_guard_minutes=59).chosen())


def test_a_scene_at_the_onset_is_after_it() -> None:
    """The onset itself belongs to the event."""
    table = world_of(s1_item("onset", day(0, 0), ALL)).chosen()
    assert chosen_ids(table) == {("event", "S1RTC"): ["onset"]}


def test_a_pass_during_the_onset_fills_one_slot_only() -> None:
    """Its first scene is from before the onset, its second from after it."""
    items = [
        s1_item(name, day(0, 5) + timedelta(seconds=s), ALL, take="1")
        for name, s in (("a", -10), ("b", 15))
    ]
    world = World(
        make_event(onset=day(0, 5)), items, Recipe(policy=Policy.CHANGE_DETECTION, relax=())
    )
    assert len(chosen_ids(world.chosen())) == 1


def test_one_track_is_chosen_for_the_whole_set() -> None:
    """A track that fills more phases wins over nearer scenes of other tracks."""
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
    """Of two tracks that fill as many phases, the track whose smallest scene covers more wins."""
    uneven = [s1_item("37_a", day(-30), ALL), s1_item("37_b", day(-4), LEFT)]
    even = [
        s1_item(f"139_{n}", day(o), (9, 49, 10.8, 52), orbit=139, take=f"9{n}")
        for n, o in (("a", -31), ("b", -5))
    ]
    ids = chosen_ids(world_of(*uneven, *even).chosen())
    assert sorted(item_id for members in ids.values() for item_id in members) == ["139_a", "139_b"]


def test_tracks_are_mixed_only_by_the_last_step() -> None:
    """Without the step the slot stays empty; with it the choice names the step."""
    items = [
        s1_item("a", day(-30), ALL),
        s1_item("b", day(-4), ALL, orbit=139),
        s1_item("c", day(0), ALL),
    ]
    strict = world_of(*items, relax=()).chosen()
    assert ("pre_event", "S1RTC") not in chosen_ids(strict)
    assert verdict_of(strict, "b", Phase.PRE_EVENT) == "other_track"
    mixed = world_of(*items, relax=(Relaxation(sensor=Sensor.S1RTC, mixed_track=True),)).chosen()
    relaxed = {
        row["item_id"]: row["relaxed"] for row in mixed.filter(mixed["selected"]).to_pylist()
    }
    assert relaxed == {"a": [], "b": ["S1RTC.mixed_track=true"], "c": []}


def test_rules_are_loosened_only_for_slots_that_would_stay_empty() -> None:
    """A cloudy scene fills a slot that no clear scene can fill, and names the step."""
    items = [s2_item("clear", day(-30), LEFT), s2_item("hazy", day(-29), ALL, cloud=30.0)]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["clear"]}
    assert verdict_of(table, "hazy", Phase.PRE_MONTH) == "too_cloudy"
    (row,) = (row for row in world_of(items[1]).chosen().to_pylist() if row["selected"])
    assert row["relaxed"] == ["S2L2A.max_cloud_percent=50"]


def test_a_wider_window_is_a_step_too() -> None:
    """Six days from the date is outside the recipe's window and inside that of the first step."""
    table = world_of(s1_item("far", day(-30 - 6), ALL)).chosen()
    (row,) = table.to_pylist()
    assert (row["selected"], row["relaxed"]) == (True, ["S1RTC.window_days=7"])
    assert world_of(s1_item("far", day(-30 - 6), ALL), relax=()).chosen().num_rows == 0


def test_an_empty_slot_says_why() -> None:
    """It counts the verdicts, lists the steps that were tried, and gives a hint."""
    world = world_of(s2_item("late", day(2), ALL), s2_item("overcast", day(-30), ALL, cloud=80.0))
    slots = empty_slots_of(world)
    steps = "S2L2A.max_cloud_percent=50, S2L2A.window_days=15"
    assert slots["pre_month", "S2L2A"].reason == f"all_rejected (too_cloudy 1) after {steps}"
    assert (
        slots["pre_event", "S2L2A"].reason == f"all_rejected (wrong_side_of_onset 1) after {steps}"
    )
    assert "raise S2L2A.max_cloud_percent (now 50) above 80" in slots["pre_month", "S2L2A"].hint
    assert slots["event", "S1RTC"].reason == (
        "no_candidates after S1RTC.window_days=7, S1RTC.window_days=12, S1RTC.mixed_track=true, "
        "S1RTC.min_coverage=0.1"
    )
    assert "S1RTC.window_days (now 12)" in slots["event", "S1RTC"].hint


def test_a_sliver_fills_no_slot() -> None:
    """A pass that covers less than the last step asks for leaves the slot empty."""
    sliver = s1_item("sliver", day(-30), (9.0, 49.0, 10.09, 52.0))
    table = world_of(sliver).chosen()
    assert not chosen_ids(table)
    assert verdict_of(table, "sliver", Phase.PRE_MONTH) == "covers_too_little"
    assert chosen_ids(world_of(sliver, min_coverage=0.05).chosen())


def test_without_datatakes_time_and_orbit_make_a_pass() -> None:
    """Scenes seconds apart are of one pass, a scene of the next day is of another."""
    items = [
        s1_item(f"s{n}", day(-30, 5, n), box, take=None) for n, box in enumerate((LEFT, RIGHT))
    ]
    items.append(s1_item("next", day(-29), LEFT, take=None))
    assert chosen_ids(world_of(*items).chosen()) == {("pre_month", "S1RTC"): ["s0", "s1"]}


def test_a_scene_without_a_time_is_never_chosen() -> None:
    """It may be from before or after the onset."""
    item = s1_item("timeless", day(-4), ALL)
    item["properties"]["datetime"] = "soon"
    table = world_of(item).chosen()
    assert not any(table["selected"].to_pylist())
    assert set(table["verdict"].to_pylist()) == {"no_time"}


def test_each_tile_gets_its_own_choice() -> None:
    """The AOI and every tile get the mosaics that cover them."""
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


def test_no_candidates_are_no_error() -> None:
    """An empty table stays empty."""
    assert world_of().chosen().num_rows == 0


@pytest.mark.parametrize("takes", [("5", None), ("101", "102"), (None, "5")])
def test_frames_seconds_apart_are_one_pass_with_any_datatakes(
    takes: tuple[str | None, str | None],
) -> None:
    """Two frames of an orbit fill one slot together, not two slots."""
    halves = ((LEFT, "one", 0), (RIGHT, "two", 25))
    items = [
        s1_item(name, day(2) + timedelta(seconds=later), box, take=take)
        for (box, name, later), take in zip(halves, takes, strict=True)
    ]
    assert chosen_ids(world_of(*items).chosen()) == {("event", "S1RTC"): ["one", "two"]}


def test_a_pass_during_the_onset_is_taken_where_it_fills_the_most_slots() -> None:
    """It may fill the slot before or after the onset, but only one leaves all slots filled."""
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


def test_an_empty_slot_names_the_rule_that_rejects_its_scenes() -> None:
    """Not a limit that a step of the ladder lifts."""
    hazy_sliver = s2_item("sliver", day(-30), (9, 49, 10.2, 52), cloud=30.0)
    slot = empty_slots_of(world_of(hazy_sliver))["pre_month", "S2L2A"]
    assert "covers_too_little 1" in slot.reason
    assert "lower min_coverage (now 0.5)" in slot.hint
    assert "max_cloud" not in slot.hint
    tracks = [
        s1_item("a", day(-30), ALL),
        s1_item("b", day(-4), ALL, orbit=139),
        s1_item("c", day(5), ALL),
    ]
    slot = empty_slots_of(
        world_of(*tracks, relax=(Relaxation(sensor=Sensor.S1RTC, window_days=7),))
    )["pre_event", "S1RTC"]
    assert "other_track 1" in slot.reason
    assert "add a step S1RTC.mixed_track" in slot.hint


def test_a_hint_names_the_real_cause() -> None:
    """The step of the ladder, the channels, and the guard; not only the window."""
    sliver = s1_item("sliver", day(0), (9, 49, 10.05, 52))
    polar = s1_item("polar", day(-30), ALL, polarizations=["HH", "HV"])
    early = s1_item("eve", day(-1, 20), ALL)
    slots = empty_slots_of(world_of(sliver, polar, early, onset_guard_minutes=600))
    assert "lower the step S1RTC.min_coverage=0.1" in slots["event", "S1RTC"].hint
    assert "S1RTC.polarizations (now VV, VH)" in slots["pre_month", "S1RTC"].hint
    assert "lower onset_guard_minutes (now 600)" in slots["pre_event", "S1RTC"].hint


def test_a_pass_that_fills_another_phase_has_a_verdict_of_its_own() -> None:
    """One scene after the flood fills one of the two phases."""
    table = world_of(s2_item("only", day(4), ALL)).chosen()
    assert {verdict_of(table, "only", phase) for phase in (Phase.EVENT, Phase.POST_EVENT)} == {
        "selected",
        "used_in_other_phase",
    }
