"""Policy ``change-detection`` on made-up events: its rules, and its optimum."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, pairwise, product
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

from floodscan.model import Phase, Recipe, Sensor
from floodscan.selection import slot_numbers
from floodscan.selection.change_detection import find_optimum
from floodscan.selection.mosaics import cover
from tests.selection.exhaustive import brute_force, unlimited
from tests.selection.worlds import random_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapely.geometry.base import BaseGeometry

    from floodscan.selection.mosaics import Scene
    from floodscan.selection.target_options import TargetOptions

    Row = dict[str, Any]

SEEDS = range(150)
SMALL_SEEDS = range(100)


def mosaics(table: pa.Table, sensor: Sensor) -> dict[Phase, list[Row]]:
    """List a sensor's chosen rows by phase, in order of the phases."""
    rows = [row for row in table.filter(table["selected"]).to_pylist() if row["sensor"] == sensor]
    by_phase = {phase: [row for row in rows if row["phase"] == phase] for phase in Phase}
    return {phase: members for phase, members in by_phase.items() if members}


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_choice_breaks_a_rule(seed: int, *, single: bool) -> None:
    """Onset, order, reuse, track, mosaics and limits hold for each generated event."""
    world = random_world(seed)
    world = replace(world, recipe=replace(world.recipe, mosaics=not single))
    table = world.chosen()
    onset, guard = world.event.onset, timedelta(minutes=world.recipe.onset_guard_minutes)
    for sensor in (Sensor.S1RTC, Sensor.S2L2A):
        by_phase = mosaics(table, sensor)
        for phase, rows in by_phase.items():
            times = [row["datetime"] for row in rows]
            before = phase in {Phase.PRE_MONTH, Phase.PRE_EVENT}
            assert max(times) < onset - guard if before else min(times) >= onset
            assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
            assert len(rows) == 1 or not single
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
    """Scenes of one satellite and orbit are of two passes only if over ten minutes apart."""
    for one, other in combinations(phases, 2):
        for row, later in product(one, other):
            names = [(r["platform"], r["relative_orbit"], r["orbit_state"]) for r in (row, later)]
            assert names[0] != names[1] or later["datetime"] - row["datetime"] > timedelta(
                minutes=10
            )


def check_track(table: pa.Table, recipe: Recipe) -> None:
    """Check that SAR scenes are of one track, unless a step of the ladder says otherwise."""
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
    """Check windows and clouds against the recipe and the steps that a choice names."""
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


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("seed", SMALL_SEEDS)
def test_the_choice_is_the_best_of_all_combinations(seed: int, *, single: bool) -> None:
    """No combination is better by the written objective, with mosaics and with single scenes."""
    world = random_world(seed + 1000, n_passes=12)
    world = replace(world, recipe=replace(world.recipe, mosaics=not single))
    # compare also with options that need steps, if the slots can be filled without
    expected = brute_force(unlimited(world), world)
    choice = world.options()
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    keys = [[option.key if option else () for option in options] for options, _ in found.values()]
    assert keys == [[option.key if option else () for option in options] for options in expected]


@pytest.mark.parametrize("seed", SEEDS[:60])
def test_a_mosaic_covers_what_its_pass_covers_and_each_part_adds_to_it(seed: int) -> None:
    """The other parts of a split granule are members even if they add nothing."""
    world = random_world(seed + 3000)
    choice, area = world.options(), world.event.aoi
    for option in (
        option for slots in choice.options.values() for options in slots for option in options
    ):
        members = cover(option.scenes, area)
        assert covered(members, area).area == pytest.approx(covered(option.scenes, area).area)
        assert members[0].size == max(scene.size for scene in members)
        tiles = Counter(scene.tile or scene.row for scene in members)
        for number, scene in enumerate(members):
            adds = covered(members[: number + 1], area).area > covered(members[:number], area).area
            assert adds or tiles[scene.tile or scene.row] > 1


def covered(scenes: Iterable[Scene], area: BaseGeometry) -> BaseGeometry:
    """Join the parts of an area that scenes cover."""
    joined: BaseGeometry = (
        shapely.union_all(shapely.from_wkb([scene.outline for scene in scenes])) & area
    )
    return joined


def reference_rule(
    choice: TargetOptions, sensor: Sensor, track: int, overlaps: Sequence[float]
) -> list[Any]:
    """Take for each phase in turn the admitted scene that comes first in the published order."""
    taken: list[Any] = []
    for scenes, options in zip(choice.scenes[sensor], choice.options[sensor], strict=True):
        passes = {option.pass_id for option in options}
        end, used = (
            max((s.start for s in taken if s), default=-(2**63)),
            {s.pass_id for s in taken if s},
        )
        admitted = [
            scene
            for scene in scenes
            if scene.level == 0
            and scene.track == track
            and scene.start > end
            and scene.pass_id not in used
            and scene.points
            and scene.pass_id in passes
        ]
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
    """The published order takes the same scenes of the same track, and covers no more together."""
    world = random_world(seed + 5000, n_passes=14)
    # the published order knows no slot that leads, and no peak
    world = replace(world, recipe=replace(world.recipe, relax=(), event_first=False))
    choice = world.options()
    found = find_optimum(choice.options, choice.dem_points, world.recipe)
    overlaps = world.scored()["overlap_frac"].to_pylist()
    ours = theirs = choice.dem_points
    comparable = True
    for sensor, (options, track) in found.items():
        scenes = reference_rule(choice, sensor, track, overlaps)
        comparable &= [scene is None for scene in scenes] == [option is None for option in options]
        for option, scene in zip(options, scenes, strict=True):
            ours &= option.points if option else ours
            theirs &= scene.points if scene else theirs
        assert sum(option is not None for option in options) >= sum(
            scene is not None for scene in scenes
        )
    if comparable:
        assert ours.bit_count() >= theirs.bit_count()
