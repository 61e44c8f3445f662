"""Estimates of the time of a sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from floodscan import Policy, Recipe
from floodscan.inputs.event_files import load_events
from floodscan.planning.estimate import (
    A_SECOND,
    AT_ONCE,
    DRIVER,
    MACHINE,
    WORKERS,
    Costs,
    Setup,
    SizeCounter,
    SweepSize,
    estimate,
    read_costs,
)
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import cut_batches, plan_batch

COSTS = Costs(
    event=0.001,
    request=0.001,
    item=0.0001,
    stored_megabyte=0.01,
    joined_item=0.0002,
    candidate=0.0001,
    choice=0.01,
    worker_task=0.002,
    driver_event=0.0005,
    task=0.001,
    item_bytes=1000,
)
SIZE = SweepSize(
    n_events=1000, n_requests=1000, n_items=50_000, n_candidates=50_000, n_choices=1000
)
STAGES = 1 + 1 + 5 + 5 + 10
"""CPU seconds of all stages on the workers."""

SETUP = Setup(n_cores=1000, request_seconds=1.0)


@pytest.mark.parametrize(
    ("setup", "bottleneck", "seconds"),
    [
        (replace(SETUP, in_flight=10), AT_ONCE, 100),
        (replace(SETUP, in_flight=1000, per_second=5), A_SECOND, 200),
        (replace(SETUP, n_cores=2), WORKERS, (STAGES + SIZE.n_tasks * 0.002) / 2),
        (SETUP, DRIVER, 0.5 + SIZE.n_tasks * 0.001),
        (
            replace(SETUP, machine_cores=2, other_cpu=3.0),
            MACHINE,
            (STAGES + 0.5 + SIZE.n_tasks * 0.003 + 3.0) / 2,
        ),
    ],
    ids=[AT_ONCE, A_SECOND, WORKERS, DRIVER, MACHINE],
)
def test_the_busiest_part_sets_the_time(setup: Setup, bottleneck: str, seconds: float) -> None:
    """Two round trips come on top."""
    found = estimate(SIZE, setup, COSTS)
    assert found.bottleneck == bottleneck
    assert found.seconds == pytest.approx(seconds + 2 * setup.request_seconds)


def test_a_join_takes_time_for_what_it_reads_and_finds() -> None:
    """Without requests, there is no round trip."""
    size = replace(SIZE, n_requests=0, n_items=0, n_joined_items=50_000, n_bytes=300_000_000)
    found = estimate(size, replace(SETUP, n_cores=2, has_tasks=False), COSTS)
    assert found.bottleneck == WORKERS
    assert found.seconds == pytest.approx((1 + 5 + 10 + 0.5 + 10 + 3) / 2)


def test_one_process_does_all_the_work_without_tasks() -> None:
    """Its cores are those of a process, and the driver's part is added to the workers'."""
    found = estimate(SIZE, replace(SETUP, n_cores=2, has_tasks=False), COSTS)
    assert found.bottleneck == WORKERS
    assert found.limits[WORKERS] == pytest.approx((STAGES + 0.5) / 2)
    assert found.limits[DRIVER] == 0


def test_the_size_of_a_sweep_is_that_of_its_plans() -> None:
    """Each search of the demo has one page; an item may be a candidate of several slots."""
    recipe = Recipe()
    events = load_events("demo", phase_offset_days=recipe.phase_offset_days)
    (batch,) = cut_batches(list_events(events), run_id="")
    plan, counter = plan_batch(batch, recipe), SizeCounter(recipe)
    assert list(counter.count([plan])) == [plan]
    assert (counter.size.n_events, counter.size.n_choices) == (1, 1)
    assert counter.size.n_requests == len(plan.searches)
    assert 0 < counter.size.n_items < counter.size.n_candidates


def test_what_an_archive_covers_is_counted_apart() -> None:
    """A join sends no request; slots that it does not cover find nothing."""
    recipe = Recipe()
    events = load_events("demo", phase_offset_days=recipe.phase_offset_days)
    (batch,) = cut_batches(list_events(events), run_id="")
    sent, joined = plan_batch(batch, recipe), plan_batch(batch, recipe, joins=bool)
    mixed = plan_batch(batch, recipe, joins=lambda search: search.window is None)
    sizes = []
    for plan, covers in (
        (sent, bool),
        (joined, bool),
        (mixed, bool),
        (joined, lambda search: search.window is None),
    ):
        counter = SizeCounter(recipe, covers)
        assert list(counter.count([plan])) == [plan]
        sizes.append(counter.size)
    by_api, by_archive, by_both, dem_alone = sizes
    assert (by_archive.n_requests, by_archive.n_items, by_api.n_joined_items) == (0, 0, 0)
    assert by_archive.n_joined_items == by_archive.n_candidates == by_api.n_candidates
    assert by_both.n_candidates == by_api.n_candidates
    assert by_both.n_joined_items == dem_alone.n_joined_items == dem_alone.n_candidates
    assert 0 < by_both.n_joined_items < by_both.n_candidates
    assert 0 < by_both.n_items < by_api.n_items
    assert [size.n_choices for size in sizes] == [1, 1, 1, 0]


def test_the_measured_costs_are_there() -> None:
    """They are written by ``benchmarks.model``; the policy that searches for sets costs more."""
    costs = {policy: read_costs(policy) for policy in Policy}
    assert costs[Policy.REFERENCE].driver_event > 0
    assert costs[Policy.REFERENCE].stored_megabyte > costs[Policy.REFERENCE].joined_item > 0
    both = [each.candidate + each.choice / 200 for each in costs.values()]
    assert both[0] < both[1]
