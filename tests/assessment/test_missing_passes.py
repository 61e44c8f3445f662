"""Empty SAR slots name the passes that the collection should have, from the cycle of the orbit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest

import floodscan
from floodscan import Phase, Policy, Recipe, Sensor
from floodscan.assessment.missing_passes import (
    CYCLE,
    find_missing_passes,
    list_passes,
    name_missing_passes,
)
from floodscan.assessment.outcomes import find_empty_slots
from floodscan.catalogs.base import Answer
from floodscan.schemas import ITEMS
from floodscan.testing.fake_catalog import FakeCatalog
from floodscan.testing.orbits import SENTINEL_1
from tests.selection.worlds import ALL, World, day, make_event, s1_item
from tests.sweeps import DEMO

if TYPE_CHECKING:
    import pyarrow as pa

    from floodscan.assessment.outcomes import EmptySlot
    from floodscan.model import Search
    from floodscan.testing.fake_catalog import Ask
    from tests.selection.worlds import Item

CHANGE_DETECTION = Recipe(policy=Policy.CHANGE_DETECTION)


@dataclass(frozen=True)
class WithoutPasses:
    """Drop the radar scenes of some days.

    Attributes:
        start: The first moment.
        end: The end.
    """

    start: datetime
    end: datetime

    def __call__(self, search: Search, ask: Ask) -> Answer:
        """Ask the source, and drop the scenes."""
        answer = ask(search)
        if search.collection != "sentinel-1-rtc":
            return answer
        times = answer.items["datetime"]
        kept = pc.or_(pc.less(times, self.start), pc.greater_equal(times, self.end))
        return replace(answer, items=answer.items.filter(kept))


def passes_of(candidates: pa.Table) -> set[tuple[str, int, str]]:
    """Return day, track and satellite of each radar scene over the area."""
    rows = candidates.filter(
        (pc.field("sensor") == "S1RTC") & (pc.field("overlap_frac") > 0)
    ).to_pylist()
    return {(f"{r['datetime']:%Y-%m-%d}", r["relative_orbit"], r["platform"]) for r in rows}


def test_passes_that_are_named_are_those_that_were_dropped() -> None:
    """Real passes over the demo: all of them that the cycle before or after has."""
    drop = WithoutPasses(datetime(2021, 7, 15, tzinfo=UTC), datetime(2021, 8, 15, tzinfo=UTC))
    whole = floodscan.scan(DEMO, catalog="demo", recipe=CHANGE_DETECTION)
    found = floodscan.scan(DEMO, catalog=FakeCatalog(faults=(drop,)), recipe=CHANGE_DETECTION)
    (plan,) = [World(DEMO, [], CHANGE_DETECTION).plan]
    (slot,) = [s for s in plan.slots if s.key == ("event", "S1RTC")]
    there, left = (r.folder.read_candidates(DEMO.event_id) for r in (whole, found))
    missing = find_missing_passes(slot, plan, list_passes(left), CHANGE_DETECTION)
    named = {(f"{each.time:%Y-%m-%d}", each.track, each.platform) for each in missing}
    dropped = passes_of(there) - passes_of(left)
    assert named
    assert named <= dropped
    shift = {
        (f"{datetime.fromisoformat(text) + turn:%Y-%m-%d}", track, platform)
        for text, track, platform in passes_of(left)
        for turn in (-CYCLE, CYCLE)
    }
    assert named == dropped & shift
    (hint,) = [
        each["hint"]
        for each in found.manifests[DEMO.event_id].failures
        if (each["phase"], each["sensor"]) == ("event", "S1RTC")
    ]
    assert "look in Sentinel-1 GRD for the pass of SENTINEL-1A on track 37, 2021-07-15 05:5" in hint


def hints_of(*items: Item, onset: datetime | None = None) -> dict[str, str]:
    """Return the hint of each empty SAR slot that names a pass."""
    world = World(make_event(onset=onset), [*items], CHANGE_DETECTION)
    answers = {search: Answer(items=ITEMS.empty_table()) for search in world.plan.searches}
    chosen = world.chosen()
    empty: list[EmptySlot] = find_empty_slots(world.plan, chosen, answers, world.recipe)
    named = name_missing_passes(empty, world.plan, chosen, world.recipe)
    assert [each.code for each in named] == [each.code for each in empty]
    return {
        str(each.phase): each.hint
        for each in named
        if each.sensor == Sensor.S1RTC and "Sentinel-1 GRD" in each.hint
    }


def test_a_pass_of_the_cycle_before_is_expected() -> None:
    """In each empty slot whose window and side of the onset it is in."""
    hints = hints_of(s1_item("before", day(-10), ALL, orbit=37))
    assert Phase.EVENT in hints
    assert "on track 37, 2021-07-" in hints[Phase.EVENT]
    assert "which sentinel-1-rtc lacks" in hints[Phase.EVENT]


@pytest.mark.parametrize(
    "items",
    [
        [s1_item("before", day(-10), ALL), s1_item("there", day(2), ALL)],
        [s1_item("too_early", day(-25), ALL)],
        [s1_item("aside", day(-10), (30.0, 50.0, 31.0, 51.0))],
    ],
    ids=["it is there", "another cycle", "another place"],
)
def test_no_other_pass_is_expected_in_the_event(items: list[Item]) -> None:
    """A pass that is there, and one that can't be."""
    assert Phase.EVENT not in hints_of(*items)


def test_a_pass_before_the_onset_is_not_expected_after_it() -> None:
    """The same day, an hour later."""
    before = s1_item("before", day(-12, 5), ALL)
    early, late = day(0, 4), day(0, 6)
    same_day = f"{day(0):%Y-%m-%d}"
    assert same_day in hints_of(before, onset=early)[Phase.EVENT]
    assert same_day not in hints_of(before, onset=late).get(Phase.EVENT, "")


def test_a_failed_search_names_no_pass() -> None:
    """Nobody knows what the collection lacks."""
    world = World(make_event(), [s1_item("before", day(-10), ALL)], CHANGE_DETECTION)
    failed = Answer(items=ITEMS.empty_table(), complete=False)
    answers = dict.fromkeys(world.plan.searches, failed)
    empty = find_empty_slots(world.plan, world.chosen(), answers, world.recipe)
    assert name_missing_passes(empty, world.plan, world.chosen(), world.recipe) == empty


def test_the_cycle_is_that_of_the_orbits() -> None:
    """Twelve days."""
    assert SENTINEL_1.cycle == CYCLE == timedelta(days=12)
