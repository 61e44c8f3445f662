"""``explain`` describes a choice that was made for all slots together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import floodscan
from floodscan import Policy, Recipe
from floodscan.report.explain import explain
from floodscan.report.objective import describe_objective

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.store import RunFolder

    Json = dict[str, Any]

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Scan the demo for change detection."""
    out = tmp_path_factory.mktemp("objective") / "out"
    return floodscan.scan("demo", out=out, recipe=Recipe(policy=Policy.CHANGE_DETECTION)).folder


def radar(orbit: int, *, days: int, relaxed: tuple[str, ...] = (), grade: str = "C") -> Json:
    """Make a choice of one Sentinel-1 scene, as in a manifest."""
    return {
        "items": [{"id": f"{orbit}_{days}", "aoi_overlap_frac": 0.8}],
        "coverage_frac": 0.8,
        "days_from_phase": days,
        "relaxed": list(relaxed),
        "relative_orbit": orbit,
        "orbit_state": "ascending",
        "grade": grade,
        "grade_reason": "several tracks",
    }


def test_each_slot_lists_the_parts_in_the_order_in_which_they_decide(run: RunFolder) -> None:
    """Only SAR has a track; only optical scenes have clouds."""
    slots = {
        slot["sensor"]: slot["objective"]
        for slot in explain(run, EVENT, ["pre_event", "S1RTC", "S2L2A"])
    }
    order = ["slot", "filled", "track", "joint_coverage", "least_coverage", "closeness"]
    assert [part["part"] for part in slots["S1RTC"]] == order
    assert [part["part"] for part in slots["S2L2A"]] == [name for name in order if name != "track"]
    found = {part["part"]: (part["value"], part["text"]) for part in slots["S2L2A"]}
    assert found["filled"] == (4, "4 of 4 phases of S2L2A, needs S2L2A.max_cloud_percent=50")
    assert found["joint_coverage"][0] == found["least_coverage"][0] == 1.0
    assert found["closeness"][1].startswith("23 days from the phases' dates in total, ")
    track = next(part for part in slots["S1RTC"] if part["part"] == "track")
    assert track["value"] == "37 descending"
    assert track["text"].startswith("37 descending in 4 phases; grade A")


def test_the_dem_and_the_reference_policy_have_no_objective(run: RunFolder, tmp_path: Path) -> None:
    """There, each slot is decided alone."""
    assert [slot["objective"] for slot in explain(run, EVENT, ["DEM"])] == [[]]
    reference = floodscan.scan("demo", out=tmp_path / "out").folder
    assert all(slot["objective"] == [] for slot in explain(reference, EVENT))


def test_phases_off_the_main_track_are_named() -> None:
    """Phases that needed the step ``mixed_track`` are not on the main track."""
    choices: dict[str, dict[str, Json | None]] = {
        "pre_month": {"S1RTC": radar(15, days=2, relaxed=("S1RTC.mixed_track=true",))},
        "pre_event": {"S1RTC": radar(88, days=1)},
        "event": {"S1RTC": None},
        "post_event": {"S1RTC": radar(88, days=0)},
    }
    parts = {
        p["part"]: p
        for p in describe_objective(choices, "event", "S1RTC", joint_frac=0.5, clouds={})
    }
    assert "slot" not in parts
    assert parts["filled"]["text"] == "3 of 4 phases of S1RTC, needs S1RTC.mixed_track=true"
    assert parts["track"]["text"] == (
        "88 ascending in 2 phases; another track in pre_month; grade C, several tracks"
    )
    assert parts["closeness"]["value"] == 3


def test_target_without_any_choice_has_one_part() -> None:
    """It has no coverage, no track and no distance."""
    choices: dict[str, dict[str, Json | None]] = {"event": {"S1RTC": None, "S2L2A": None}}
    (part,) = describe_objective(choices, "event", "S1RTC", joint_frac=None, clouds={})
    assert (part["part"], part["value"]) == ("filled", 0)


def test_candidates_are_in_the_order_of_time(run: RunFolder) -> None:
    """Chosen, ranked and rejected ones; their hours from the onset tell the same order."""
    slots = [slot for slot in explain(run, EVENT) if slot["phase"]]
    assert len(slots) == 8
    for slot in slots:
        times = [candidate["datetime"] for candidate in slot["candidates"]]
        hours = [candidate["hours_from_onset"] for candidate in slot["candidates"]]
        assert times == sorted(times)
        assert hours == sorted(hours)
        ranks = [candidate["rank"] for candidate in slot["candidates"]]
        assert ranks != sorted(ranks, key=lambda rank: (rank is None, rank or 0))
