"""The slot ``event`` leads: what flood mappers choose, on small worlds with the same geometry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from floodscan.model import DateKind, Event, Phase, Policy, Recipe, Relaxation, Sensor
from floodscan.selection.change_detection import find_optimum
from tests.selection.exhaustive import all_options, may_follow, mixed_level, unlimited
from tests.selection.worlds import (
    ALL,
    World,
    chosen_ids,
    day,
    make_event,
    random_world,
    s1_item,
    s2_item,
    verdict_of,
    world_of,
)

if TYPE_CHECKING:
    from floodscan.selection.mosaics import PassOption
    from tests.selection.worlds import Item

SEEDS = st.integers(0, 10**6)
EVENT = list(Phase).index(Phase.EVENT)


def radar(item_id: str, hours: float, box: tuple[float, ...] = ALL, *, orbit: int = 37) -> Item:
    """Make a scene some hours after the onset at 00:00."""
    moment = day(0, 0) + timedelta(hours=hours)
    return s1_item(item_id, moment, box, orbit=orbit, take=f"{orbit}{moment:%j%H%M}")  # type: ignore[arg-type]


def before_and_after(orbit: int, *hours: float) -> list[Item]:
    """Make scenes of a track a month and four days before the flood, and hours after its onset."""
    moments = (-30 * 24.0, -4 * 24.0, *hours)
    return [radar(f"{orbit}_{hour:g}", hour, orbit=orbit) for hour in moments]


def world_with(items: list[Item], event: Event | None = None, **rules: object) -> World:
    """Make a world of given items with the default ladder."""
    return World(event or make_event(), items, Recipe(policy=Policy.CHANGE_DETECTION, **rules))  # type: ignore[arg-type]


def event_pass(world: World) -> list[str]:
    """Return the SAR scenes of the slot ``event``."""
    return chosen_ids(world.chosen()).get((Phase.EVENT, Sensor.S1RTC), [])


def test_the_only_pass_after_the_onset_is_the_event() -> None:
    """It is nearer to the date of ``post_event``, and a mapper needs it as the flood's image."""
    items = before_and_after(37, 71.0)
    assert event_pass(world_with(items)) == ["37_71"]
    assert event_pass(world_with(items, event_first=False)) == []


def test_a_pass_of_another_track_that_alone_sees_the_flood_leads() -> None:
    """Without it, more slots would be filled; with it the slot that counts is."""
    items = [*before_and_after(37), radar("flood", 30.0, orbit=110)]
    assert event_pass(world_with(items, relax=())) == ["flood"]
    assert event_pass(world_with(items, relax=(), event_first=False)) == []


def test_an_optical_pass_leads_too() -> None:
    """The only clear pass after the onset fills ``event``, not ``post_event``."""
    table = world_of(s2_item("clear", day(4), ALL)).chosen()
    assert chosen_ids(table) == {("event", "S2L2A"): ["clear"]}


def test_the_event_pass_is_the_nearest_to_the_peak() -> None:
    """A pass 66 h after the onset, 30 h before the peak, gives way to a pass at the peak."""
    items = [*before_and_after(37, 66.0, 140.0), *before_and_after(110, 97.0, 150.0)]
    event = replace(make_event(), peak=day(0, 0) + timedelta(hours=96))
    assert event_pass(world_with(items)) == ["37_66"]
    assert event_pass(world_with(items, event)) == ["110_97"]
    assert event_pass(world_with(items, event, event_first=False)) == ["37_66"]


def test_a_narrow_pass_counts_as_a_day_further_from_the_peak() -> None:
    """It covers 0.6 at the peak; the wide pass a day and a half away is as near, and fills more."""
    narrow = (9.0, 49.0, 10.6, 52.0)
    items = [
        *before_and_after(37, 36.0, 170.0),
        *(radar(f"110_{hour:g}", hour, narrow, orbit=110) for hour in (-720.0, -96.0, 0.5, 160.0)),
    ]
    event = replace(make_event(), peak=day(0, 0))
    assert event_pass(world_with(items, event)) == ["37_36"]
    wider = replace(event, peak=day(0, 0) - timedelta(hours=13))
    assert event_pass(world_with(items, wider)) == ["110_0.5"]


def test_the_peak_comes_before_the_ladder() -> None:
    """A window of seven days is needed for the pass at the peak of a long flood."""
    items = before_and_after(37, 20.0, 6.2 * 24, 7.5 * 24)
    event = replace(make_event(), peak=day(6, 5))
    table = world_with(items, event).chosen()
    (row,) = (r for r in table.to_pylist() if r["selected"] and r["phase"] == Phase.EVENT)
    assert (row["item_id"], row["relaxed"]) == ("37_148.8", ["S1RTC.window_days=7"])
    assert row["hours_from_peak"] == -0.2


def test_the_last_step_takes_the_only_event_pass_though_it_covers_little() -> None:
    """A pass with 0.197 of the area completes the set on its track, and names the step."""
    items = before_and_after(37, 150.0)
    items.insert(2, radar("part", 18.0, (9.0, 49.0, 10.197, 52.0)))
    table = world_with(items).chosen()
    relaxed = {row["item_id"]: row["relaxed"] for row in table.to_pylist() if row["selected"]}
    assert relaxed == {
        "37_-720": [],
        "37_-96": [],
        "part": ["S1RTC.min_coverage=0.1"],
        "37_150": [],
    }
    without = world_with(items, relax=Recipe().relax[:-1]).chosen()
    assert verdict_of(without, "part", Phase.EVENT) == "covers_too_little"


def test_mixed_tracks_come_before_small_coverage() -> None:
    """A whole pass of another track is an earlier step than a part of a pass."""
    items = [*before_and_after(37, 160.0), radar("part", 18.0, (9, 49, 10.3, 52))]
    items += [radar("other", 30.0, orbit=110)]
    assert event_pass(world_with(items, relax=Recipe().relax[3:])) == ["other"]
    assert event_pass(world_with(items, relax=Recipe().relax[-1:])) == ["part"]


def test_a_pass_whose_coverage_needs_a_step_is_not_taken_where_none_is_needed() -> None:
    """Its verdict says so, though other slots take that step."""
    items = [*before_and_after(37, 18.0), radar("part", 72.0, (9, 49, 10.3, 52))]
    items.append(radar("small", 30.0, (9, 49, 10.2, 52)))
    step = Relaxation(sensor=Sensor.S1RTC, min_coverage=0.1)
    table = world_with(items, relax=(step,)).chosen()
    assert chosen_ids(table)[Phase.EVENT, Sensor.S1RTC] == ["37_18"]
    assert verdict_of(table, "small", Phase.EVENT) == "covers_too_little"


def test_an_assumed_hour_says_from_when_on_a_pass_is_after_the_onset() -> None:
    """A morning pass on the day of the flood was before the water; with an hour given, not."""
    items = [*before_and_after(37, 5.0, 77.0), *before_and_after(110, 17.0, 89.0)]
    event = replace(make_event(), onset_assumed=True)
    assert event_pass(world_with(items, event)) == ["37_5"]
    assert event_pass(world_with(items, event, assumed_onset_hour=12.0)) == ["110_17"]
    own = replace(event, assumed_onset_hour=12.0)
    assert event_pass(world_with(items, own)) == ["110_17"]
    assert event_pass(world_with(items, replace(own, onset_assumed=False))) == ["37_5"]
    table = world_with(items, own).chosen()
    hours = {row["item_id"]: row["hours_from_onset"] for row in table.to_pylist()}
    assert (hours["110_17"], hours["37_5"]) == (5.0, -7.0)
    assert {row["hours_from_peak"] for row in table.to_pylist()} == {None}


def test_a_list_dated_by_activation_keeps_three_days_before_the_flood() -> None:
    """Mapping is asked for when the flood is there: a scene of the day before shows water."""
    items = [
        radar("month", -720.0),
        radar("week", -100.0),
        radar("eve", -30.0),
        radar("flood", 8.0),
    ]
    before = {}
    for kind in DateKind:
        event = replace(make_event(), date_kind=kind)
        found = chosen_ids(world_with(items, event, relax=()).chosen())
        before[kind] = found[Phase.PRE_EVENT, Sensor.S1RTC]
    assert before == {DateKind.ONSET: ["week"], DateKind.ACTIVATION: ["week"]}
    late = world_with([items[0], *items[2:]], replace(make_event(), date_kind=DateKind.ACTIVATION))
    assert verdict_of(late.chosen(), "eve", Phase.PRE_EVENT) == "wrong_side_of_onset"


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_the_event_is_filled_wherever_a_pass_is_admissible(seed: int) -> None:
    """Whatever the other slots could hold."""
    world = random_world(seed)
    world = replace(world, recipe=replace(world.recipe, event_first=True))
    options = unlimited(world).options
    choice = world.options()
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    for sensor, (combination, _) in found.items():
        assert (combination[EVENT] is None) == (not options[sensor][EVENT])


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 240))
def test_no_wide_pass_that_fills_as_much_is_a_day_nearer_to_the_peak(seed: int, hour: int) -> None:
    """Than the pass that is chosen."""
    world = random_world(seed, n_passes=8)
    event = replace(world.event, peak=world.event.onset + timedelta(hours=hour))
    world = World(event, world.items, replace(world.recipe, event_first=True))
    choice = world.options()
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    for sensor, (combination, _) in found.items():
        chosen = combination[EVENT]
        n_filled = sum(option is not None for option in combination)
        scenes = unlimited(world).scenes[sensor]
        slots = [all_options(found_scenes, sensor, world.recipe) for found_scenes in scenes]
        for other in slots[EVENT]:
            wide = other.size >= 0.7 * 4096
            if chosen and wide and most_filled(slots, other, world, sensor) >= n_filled:
                assert distance(chosen, event) < distance(other, event) + timedelta(days=1)


def most_filled(
    slots: list[list[PassOption]], event: PassOption, world: World, sensor: Sensor
) -> int:
    """Count the slots that can be filled beside a pass of ``event``, on its track."""
    mixes = mixed_level(world.recipe, sensor)
    usable = [[None, *(o for o in options if mixes or o.track == event.track)] for options in slots]
    usable[EVENT] = [event]
    return max(sum(map(bool, c)) for c in product(*usable) if may_follow(c))


def distance(option: PassOption, event: Event) -> timedelta:
    """Measure the time between a pass and the peak."""
    assert event.peak is not None
    return abs(datetime.fromtimestamp(option.start / 1e6, UTC) - event.peak)
