"""Policy ``change-detection``: its rules on made-up events, and its optimum against all combinations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, pairwise, product
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

from floodscan.model import Phase, Recipe, Sensor
from floodscan.selection import slot_numbers, target_options
from floodscan.selection.attributes import derive_attributes
from floodscan.selection.change_detection import find_optimum
from floodscan.selection.mosaics import cover, make_pass_options
from floodscan.selection.sample_points import N_POINTS
from floodscan.selection.target_options import SceneColumns, gather_options
from tests.selection.worlds import World, random_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.selection.mosaics import PassOption, Scene
    from floodscan.selection.target_options import TargetOptions

    Row = dict[str, Any]

SEEDS = range(150)
SMALL_SEEDS = range(100)


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
            assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        for earlier, later in pairwise(by_phase.values()):
            assert max(row["datetime"] for row in earlier) < min(row["datetime"] for row in later)
        ids = [row["item_id"] for rows in by_phase.values() for row in rows]
        takes = [
            {row["datatake_id"][:9] for row in rows if row["datatake_id"]}
            for rows in by_phase.values()
        ]
        assert len(ids) == len(set(ids))
        assert len(set().union(*takes)) == sum(map(len, takes))
        check_overflights(list(by_phase.values()))
    check_track(table, world.recipe)
    check_limits(table, world.recipe)


def check_overflights(phases: Sequence[Sequence[Row]]) -> None:
    """Scenes of one satellite and orbit are of two passes only ten minutes and more apart."""
    for one, other in combinations(phases, 2):
        for row, later in product(one, other):
            names = [(r["platform"], r["relative_orbit"], r["orbit_state"]) for r in (row, later)]
            assert names[0] != names[1] or later["datetime"] - row["datetime"] > timedelta(
                minutes=10
            )


def check_track(table: pa.Table, recipe: Recipe) -> None:
    """One SAR track, unless the ladder allows several and says so."""
    rows = [row for members in mosaics(table, Sensor.S1RTC).values() for row in members]
    tracks = {(r["relative_orbit"], r["orbit_state"], frozenset(r["polarizations"])) for r in rows}
    mixed = [row for row in rows if "S1RTC.mixed_track=true" in row["relaxed"]]
    main = {
        (r["relative_orbit"], r["orbit_state"], frozenset(r["polarizations"]))
        for r in rows
        if r not in mixed
    }
    assert len(main) <= 1
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
            assert row["cloud_cover"] < float(
                steps.get("S2L2A.max_cloud_percent", asked.max_cloud_percent)
            )
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


def gathered(world: World) -> TargetOptions:
    """Gather the options of a world's AOI."""
    scored = world.scored()
    onsets = {world.event.event_id: world.event.onset}
    slots = slot_numbers(scored)
    attributes = derive_attributes(scored, slots, onsets, world.recipe)
    columns = SceneColumns(scored, slots, attributes)
    return gather_options(world.plan.targets[0], range(len(scored)), columns, world.recipe)


Combination = tuple["PassOption | None", ...]


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


def brute_force(choice: TargetOptions, recipe: Recipe) -> tuple[Combination, ...]:
    """Look at every combination of every sensor."""
    kept: list[list[Combination]] = []
    least_points = ceil(recipe.min_coverage * N_POINTS)
    for sensor in choice.options:
        slots = [
            make_pass_options(scenes, sensor, min_points=least_points)
            for scenes in choice.scenes[sensor]
        ]
        ladder = recipe.rules[sensor].ladder
        mixed_rung = next((n for n, step in enumerate(ladder, 1) if step.mixed_track), 0)
        everything = [c for c in product(*[[None, *units] for units in slots]) if may_follow(c)]
        tracks = sorted({unit.track for units in slots for unit in units}) or [0]
        valued = []
        for track in tracks:
            usable = [
                c for c in everything if mixed_rung or all(u is None or u.track == track for u in c)
            ]
            best = min(fill(c, track, mixed_rung) for c in usable)
            tied = [c for c in usable if fill(c, track, mixed_rung) == best]
            reach = min((-least(c), sum(u.cost for u in c if u)) for c in tied)
            valued.append((best, reach, track, tied))
        kept.append(min(valued, key=lambda entry: entry[:3])[3])

    def worth(combinations: Sequence[Combination]) -> tuple[Any, ...]:
        units = [unit for combination in combinations for unit in combination]
        joint = choice.dem_points
        for unit in units:
            joint &= unit.points if unit else joint
        cost = sum(unit.cost for unit in units if unit)
        return (
            -joint.bit_count(),
            -least(units),
            cost,
            tuple(unit.key if unit else () for unit in units),
        )

    return min(product(*kept), key=worth)


def least(units: Iterable[PassOption | None]) -> int:
    """Count the points of the unit that covers the fewest."""
    return min((unit.points.bit_count() for unit in units if unit), default=2**30)


@pytest.mark.parametrize("seed", SMALL_SEEDS)
def test_the_choice_is_the_best_of_all_combinations(seed: int) -> None:
    """No combination is better by the written objective."""
    world = random_world(seed + 1000, n_passes=12)
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # what takes steps is there too, though no slot needs it
        patch.setattr(target_options, "fills_perfectly", lambda *_, **__: False)
        expected = brute_force(gathered(world), world.recipe)
    choice = gathered(world)
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    keys = [[unit.key if unit else () for unit in units] for units, _ in found.values()]
    assert keys == [[unit.key if unit else () for unit in units] for units in expected]


@pytest.mark.parametrize("seed", SEEDS[:60])
def test_a_mosaic_covers_what_its_pass_covers_and_each_part_adds_to_it(seed: int) -> None:
    """But for the other parts of a granule that was split: those are members whatever they add."""
    world = random_world(seed + 3000)
    choice, area = gathered(world), world.event.aoi
    for unit in (unit for slots in choice.options.values() for units in slots for unit in units):
        members = cover(unit.scenes, area)
        assert ground(members, area).area == pytest.approx(ground(unit.scenes, area).area)
        assert members[0].size == max(scene.size for scene in members)
        tiles = Counter(scene.tile or scene.row for scene in members)
        for number, scene in enumerate(members):
            adds = ground(members[: number + 1], area).area > ground(members[:number], area).area
            assert adds or tiles[scene.tile or scene.row] > 1


def ground(scenes: Iterable[Scene], area: BaseGeometry) -> BaseGeometry:
    """Join what scenes cover of an area."""
    covered: BaseGeometry = (
        shapely.union_all(shapely.from_wkb([scene.outline for scene in scenes])) & area
    )
    return covered


def reference_rule(
    choice: TargetOptions, sensor: Sensor, track: int, overlaps: Sequence[float]
) -> list[Any]:
    """Take for one phase after the other the scene that the published order puts first among those the rules admit."""
    taken: list[Any] = []
    for scenes, units in zip(choice.scenes[sensor], choice.options[sensor], strict=True):
        passes = {unit.pass_id for unit in units}
        end, used = (
            max((s.start for s in taken if s), default=-(2**63)),
            {s.pass_id for s in taken if s},
        )
        admitted = [
            scene
            for scene in scenes
            if scene.level == 0 and scene.track == track and scene.start > end and scene.pass_id not in used
            and scene.points and scene.pass_id in passes
        ]  # fmt: skip
        admitted.sort(
            key=lambda s: (
                -overlaps[s.row],
                s.cloud * (sensor == Sensor.S2L2A),
                s.days,
                s.start,
                s.item_id,
            )
        )
        taken.append(admitted[0] if admitted else None)
    return taken


@pytest.mark.parametrize("seed", SEEDS)
def test_joint_coverage_is_never_worse_than_that_of_the_reference_rule(seed: int) -> None:
    """The published order, applied to the same scenes of the same track, covers no more together."""
    world = random_world(seed + 5000, n_passes=14)
    world = replace(world, recipe=replace(world.recipe, relax=()))
    choice = gathered(world)
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    overlaps = world.scored()["overlap_frac"].to_pylist()
    ours = theirs = choice.dem_points
    comparable = True
    for sensor, (units, track) in found.items():
        scenes = reference_rule(choice, sensor, track, overlaps)
        comparable &= [scene is None for scene in scenes] == [unit is None for unit in units]
        for unit, scene in zip(units, scenes, strict=True):
            ours &= unit.points if unit else ours
            theirs &= scene.points if scene else theirs
        assert sum(unit is not None for unit in units) >= sum(scene is not None for scene in scenes)
    if comparable:
        assert ours.bit_count() >= theirs.bit_count()
