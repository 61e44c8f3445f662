"""Policy ``change-detection``: its rules on made-up events, and its optimum against all combinations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from floodscan.events import Phase
from floodscan.planning import plan_event
from floodscan.recipe import Policy, Recipe, Relaxation, Sensor
from floodscan.selection import change_detection, slot_numbers
from floodscan.selection.change_detection import lay_out
from floodscan.selection.passes import learn, make_units
from tests.selection.worlds import FLOOD, World, make_event, random_world, s1_item, s2_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from floodscan.selection.change_detection import Choice
    from floodscan.selection.passes import Unit

    Row = dict[str, Any]

SEEDS = range(150)
SMALL_SEEDS = range(100)
WEST = 10.0
ALL = (9.0, 49.0, 12.0, 52.0)
LEFT = (9.0, 49.0, 10.5, 52.0)
RIGHT = (10.5, 49.0, 12.0, 52.0)


def day(offset: int, hour: int = 5, minute: int = 0) -> datetime:
    """Give a moment some days from the flood."""
    return datetime(FLOOD.year, FLOOD.month, FLOOD.day, hour, minute, tzinfo=UTC) + timedelta(days=offset)


def world_of(*items: Row, **rules: Any) -> World:  # noqa: ANN401 - any rule of a recipe
    """Make a world of given items."""
    return World(make_event(), list(items), Recipe(policy=Policy.CHANGE_DETECTION, **rules))


def chosen_ids(table: pa.Table) -> dict[tuple[str, str], list[str]]:
    """List the chosen scenes of each slot, in the order of the mosaic."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in table.filter(table["selected"]).to_pylist():
        found[row["phase"], row["sensor"]].append(row["item_id"])
    return dict(found)


def verdict_of(table: pa.Table, item_id: str, phase: Phase) -> str:
    """Tell what became of an item in a slot."""
    rows = [row for row in table.to_pylist() if (row["item_id"], row["phase"]) == (item_id, phase)]
    return str(rows[0]["verdict"])


def mosaics(table: pa.Table, sensor: Sensor) -> dict[Phase, list[Row]]:
    """List a sensor's chosen rows by phase, in order of the phases."""
    rows = [row for row in table.filter(table["selected"]).to_pylist() if row["sensor"] == sensor]
    by_phase = {phase: [row for row in rows if row["phase"] == phase] for phase in Phase}
    return {phase: members for phase, members in by_phase.items() if members}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_choice_breaks_a_rule(seed: int) -> None:
    """Onset, order, reuse, track, mosaics and limits hold in any generated input."""
    world = random_world(seed)
    table = world.chosen()
    onset, guard = world.event.onset, timedelta(minutes=world.recipe.onset_guard_minutes)
    for sensor in (Sensor.S1RTC, Sensor.S2L2A):
        by_phase = mosaics(table, sensor)
        for phase, rows in by_phase.items():
            times = [row["datetime"] for row in rows]
            before = phase in {Phase.PRE_MONTH, Phase.PRE_EVENT}
            assert max(times) < onset - guard if before else min(times) >= onset
            assert len({(row["datatake_id"] or "")[:9] for row in rows}) == 1
            assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        for earlier, later in pairwise(by_phase.values()):
            assert max(row["datetime"] for row in earlier) < min(row["datetime"] for row in later)
        ids = [row["item_id"] for rows in by_phase.values() for row in rows]
        takes = [{row["datatake_id"][:9] for row in rows} for rows in by_phase.values() if rows[0]["datatake_id"]]
        assert len(ids) == len(set(ids))
        assert len(set().union(*takes)) == len(takes)
    check_track(table, world.recipe)
    check_limits(table, world.recipe)


def check_track(table: pa.Table, recipe: Recipe) -> None:
    """One SAR track, unless the ladder allows several and says so."""
    rows = [row for members in mosaics(table, Sensor.S1RTC).values() for row in members]
    tracks = {(r["relative_orbit"], r["orbit_state"], frozenset(r["polarizations"])) for r in rows}
    mixed = [row for row in rows if "S1RTC.mixed_track=true" in row["relaxed"]]
    assert len(tracks) <= 1 or mixed
    assert not mixed or any(step.mixed_track for step in recipe.relax)


def check_limits(table: pa.Table, recipe: Recipe) -> None:
    """Windows and clouds are those of the recipe, or of the steps that a choice names."""
    for row in table.filter(table["selected"]).to_pylist():
        asked = recipe.sensors[Sensor(row["sensor"])]
        steps = dict(step.split("=") for step in row["relaxed"])
        days = float(steps.get(f"{row['sensor']}.window_days", asked.window_days or 0))
        assert row["phase"] is None or row["days_from_phase"] <= days
        if asked.max_cloud_percent is not None:
            assert row["cloud_cover"] < float(steps.get("S2L2A.max_cloud_percent", asked.max_cloud_percent))
        assert row["missing_assets"] == []


@pytest.mark.parametrize("seed", SEEDS[:60])
def test_the_order_of_candidates_changes_nothing(seed: int) -> None:
    """Items in another order, and rows of a slot in another order, give the same table."""
    world = random_world(seed)
    table = world.chosen()
    rng = Random(seed)  # noqa: S311 - a test's seed
    scored = world.scored(rng)
    keys = np.array([rng.random() for _ in range(len(scored))])
    shuffled = scored.take(pa.array(np.lexsort([keys, slot_numbers(scored)])))
    assert world.chosen(shuffled).equals(table)


def laid_out(world: World) -> Choice:
    """Give what there is to choose from."""
    scored = world.scored()
    onsets = {world.event.event_id: world.event.onset}
    facts = learn(scored, slot_numbers(scored), onsets, world.recipe)
    measures = change_detection._Measures(scored, facts)
    return lay_out(world.plan.targets[0], list(range(len(scored))), measures, world.recipe)


Combination = tuple["Unit | None", ...]


def may_follow(combination: Combination) -> bool:
    """Tell whether phases follow each other and share no pass."""
    units = [unit for unit in combination if unit is not None]
    distinct = len({unit.pass_id for unit in units}) == len(units)
    return distinct and all(one.end < other.start for one, other in pairwise(units))


def fill(combination: Combination, track: int, mixed_rung: int) -> tuple[int, int, int, int]:
    """Value how well slots are filled, as the docstring of the policy words it."""
    units = [unit for unit in combination if unit is not None]
    off = sum(unit.track != track for unit in units)
    rungs = [unit.level for unit in units] + ([mixed_rung] if off else [])
    return -len(units), max(rungs, default=0), off, sum(unit.level for unit in units)


def brute_force(choice: Choice, recipe: Recipe) -> tuple[Combination, ...]:
    """Look at every combination of every sensor."""
    kept: list[list[Combination]] = []
    least_points = round(recipe.min_coverage * 64**2)
    for sensor in choice.units:
        slots = [make_units(choice.scenes.get((sensor, phase), []), sensor, least=least_points) for phase in Phase]
        ladder = recipe.ladder(sensor)
        mixed_rung = next((n for n, step in enumerate(ladder, 1) if step.mixed_track), 0)
        everything = [c for c in product(*[[None, *units] for units in slots]) if may_follow(c)]
        tracks = sorted({unit.track for units in slots for unit in units}) or [0]
        valued = []
        for track in tracks:
            usable = [c for c in everything if mixed_rung or all(u is None or u.track == track for u in c)]
            best = min(fill(c, track, mixed_rung) for c in usable)
            tied = [c for c in usable if fill(c, track, mixed_rung) == best]
            reach = min((-least(c), sum(u.cost for u in c if u)) for c in tied)
            valued.append((best, reach, track, tied))
        kept.append(min(valued, key=lambda entry: entry[:3])[3])

    def worth(combinations: Sequence[Combination]) -> tuple[Any, ...]:
        units = [unit for combination in combinations for unit in combination]
        joint = choice.ground
        for unit in units:
            joint &= unit.points if unit else joint
        cost = sum(unit.cost for unit in units if unit)
        return -joint.bit_count(), -least(units), cost, tuple(unit.key if unit else () for unit in units)

    return min(product(*kept), key=worth)


def least(units: Iterable[Unit | None]) -> int:
    """Count the points of the unit that covers the fewest."""
    return min((unit.points.bit_count() for unit in units if unit), default=2**30)


@pytest.mark.parametrize("seed", SMALL_SEEDS)
def test_the_choice_is_the_best_of_all_combinations(seed: int) -> None:
    """No combination is better by the written objective."""
    world = random_world(seed + 1000, n_passes=12)
    choice = laid_out(world)
    expected = brute_force(choice, world.recipe)
    found = change_detection._optimize(choice.units, choice.ground, world.recipe)
    keys = [[unit.key if unit else () for unit in units] for units, _ in found.values()]
    assert keys == [[unit.key if unit else () for unit in units] for units in expected]


def reference_rule(choice: Choice, sensor: Sensor, track: int, levels: int) -> list[Any]:
    """Take for one phase after the other the largest scene, then the nearest, that the rules admit."""
    taken: list[Any] = []
    for phase in Phase:
        passes = {unit.pass_id for unit in choice.units[sensor][list(Phase).index(phase)]}
        end, used = max((s.start for s in taken if s), default=-(2**63)), {s.pass_id for s in taken if s}
        admitted = [
            scene
            for scene in choice.scenes.get((sensor, phase), [])
            if scene.level <= levels and scene.track == track and scene.start > end and scene.pass_id not in used
            and scene.points and scene.pass_id in passes
        ]  # fmt: skip
        admitted.sort(key=lambda s: (-s.points.bit_count(), s.days, s.start, s.item_id))
        taken.append(admitted[0] if admitted else None)
    return taken


@pytest.mark.parametrize("seed", SEEDS)
def test_joint_coverage_is_never_worse_than_that_of_the_reference_rule(seed: int) -> None:
    """The published order, applied to the same scenes of the same track, covers no more together."""
    world = random_world(seed + 5000, n_passes=14)
    world = replace(world, recipe=replace(world.recipe, relax=()))
    choice = laid_out(world)
    found = change_detection._optimize(choice.units, choice.ground, world.recipe)
    ours = theirs = choice.ground
    comparable = True
    for sensor, (units, track) in found.items():
        scenes = reference_rule(choice, sensor, track, 0)
        comparable &= [scene is None for scene in scenes] == [unit is None for unit in units]
        for unit, scene in zip(units, scenes, strict=True):
            ours &= unit.points if unit else ours
            theirs &= scene.points if scene else theirs
        assert sum(unit is not None for unit in units) >= sum(scene is not None for scene in scenes)
    if comparable:
        assert ours.bit_count() >= theirs.bit_count()


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


def test_one_track_is_chosen_for_the_whole_set() -> None:
    """A track that fills more phases wins over nearer scenes of others."""
    days = {"a": -30, "b": -4, "c": 0, "d": 6}
    steady = [s1_item(f"37_{name}", day(offset), ALL, orbit=37) for name, offset in days.items()]
    nearer = [
        s1_item(f"139_{n}", day(o, 6), ALL, orbit=139, take=f"9{n}") for n, o in (("a", -30), ("b", -4), ("c", 0))
    ]
    table = world_of(*steady, *nearer).chosen()
    assert [ids for _, ids in sorted(chosen_ids(table).items())] == [["37_c"], ["37_d"], ["37_b"], ["37_a"]]
    assert verdict_of(table, "139_a", Phase.PRE_MONTH) == "other_track"


def test_polarisations_in_another_order_are_the_same_track() -> None:
    """A set of channels has no order."""
    items = [s1_item("a", day(-30), ALL), s1_item("b", day(-4), ALL, polarizations=["VH", "VV"])]
    assert len(chosen_ids(world_of(*items).chosen())) == 2


def test_the_smallest_coverage_decides_between_tracks() -> None:
    """Of two tracks that fill as many phases, the one whose worst scene covers more is chosen."""
    uneven = [s1_item("37_a", day(-30), ALL), s1_item("37_b", day(-4), LEFT)]
    even = [s1_item(f"139_{n}", day(o), (9, 49, 10.8, 52), orbit=139, take=f"9{n}") for n, o in (("a", -31), ("b", -5))]
    ids = chosen_ids(world_of(*uneven, *even).chosen())
    assert sorted(item_id for members in ids.values() for item_id in members) == ["139_a", "139_b"]


def test_tracks_are_mixed_only_by_the_last_step() -> None:
    """Without the step the slot stays empty; with it the choice says that it was taken."""
    items = [s1_item("a", day(-30), ALL), s1_item("b", day(-4), ALL), s1_item("c", day(0), ALL, orbit=139)]
    strict = world_of(*items, relax=()).chosen()
    assert ("event", "S1RTC") not in chosen_ids(strict)
    assert verdict_of(strict, "c", Phase.EVENT) == "other_track"
    mixed = world_of(*items, relax=(Relaxation(sensor=Sensor.S1RTC, mixed_track=True),)).chosen()
    relaxed = {row["item_id"]: row["relaxed"] for row in mixed.filter(mixed["selected"]).to_pylist()}
    assert relaxed == {"a": [], "b": [], "c": ["S1RTC.mixed_track=true"]}


def test_rules_are_loosened_only_for_slots_that_would_stay_empty() -> None:
    """A cloudy scene fills a slot that no clear one can, and says so; a clear one is never passed over."""
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
    items = [s2_item(name, day(-30), box, tile=f"31UG{name[0].upper()}") for name, box in parts.items()]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["left", "right"]}
    assert verdict_of(table, "within", Phase.PRE_MONTH) == "redundant"


def test_the_newest_processing_supersedes_the_others() -> None:
    """Same tile, same datatake: the older baseline points at the newer one."""
    items = [s2_item("old", day(-30), ALL, baseline="03.01"), s2_item("new", day(-30), ALL, baseline="05.00")]
    table = world_of(*items).chosen()
    rows = {row["item_id"]: row for row in table.to_pylist()}
    assert (rows["old"]["verdict"], rows["old"]["superseded_by"]) == ("superseded", "new")
    assert (rows["new"]["verdict"], rows["new"]["superseded_by"]) == ("selected", None)


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
    items = [s2_item("whole", day(-30), ALL), s2_item("part", day(-30), LEFT), s2_item("twin", day(-30), ALL)]
    table = world_of(*items).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["twin", "part"]}
    assert verdict_of(table, "whole", Phase.PRE_MONTH) == "redundant"


def test_a_pass_without_datatakes_is_known_by_time_and_orbit() -> None:
    """Scenes seconds apart belong together, one the next day does not."""
    items = [s1_item(f"s{n}", day(-30, 5, n), box, take=None) for n, box in enumerate((LEFT, RIGHT))]
    items.append(s1_item("next", day(-29), LEFT, take=None))
    assert chosen_ids(world_of(*items).chosen()) == {("pre_month", "S1RTC"): ["s0", "s1"]}


def test_an_area_across_the_antimeridian_gets_its_mosaic() -> None:
    """Scenes on both sides and across it are one pass."""
    event = make_event(179.5)
    east, west = (179.0, 49.0, 180.0, 52.0), (-180.0, 49.0, -179.0, 52.0)
    parts = [s2_item("east", day(-30), east, tile="60UWA"), s2_item("west", day(-30), west, tile="01UBR")]
    across = [s2_item("across", day(-4), (179.0, 49.0, 181.0, 52.0), tile="01UCR")]
    table = World(event, parts + across, Recipe(policy=Policy.CHANGE_DETECTION)).chosen()
    assert chosen_ids(table) == {("pre_month", "S2L2A"): ["east", "west"], ("pre_event", "S2L2A"): ["across"]}


def test_a_scene_without_a_time_is_never_chosen() -> None:
    """Nobody knows which side of the onset it is on."""
    item = s1_item("timeless", day(-4), ALL)
    item["properties"]["datetime"] = "soon"
    table = world_of(item).chosen()
    assert not any(table["selected"].to_pylist())
    assert set(table["verdict"].to_pylist()) == {"no_time"}


def test_tiles_are_chosen_for_by_themselves() -> None:
    """Each target gets the mosaic that it needs."""
    items = [s2_item("left", day(-30), LEFT, tile="31UGL"), s2_item("right", day(-30), RIGHT, tile="31UGR")]
    world = world_of(*items, tile_size_m=30_000.0)
    plan = plan_event(world.event, world.recipe)
    table = world.chosen()
    by_target = defaultdict(set)
    for row in table.filter(table["selected"]).to_pylist():
        by_target[row["target_id"]].add(row["item_id"])
    assert by_target["aoi"] == {"left", "right"}
    assert len(by_target) == len(plan.targets)
    assert {frozenset(ids) for ids in by_target.values()} >= {frozenset({"left"}), frozenset({"right"})}


def test_nothing_to_choose_from_is_no_error() -> None:
    """An empty table stays one."""
    assert world_of().chosen().num_rows == 0
