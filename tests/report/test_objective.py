"""What ``explain`` tells of a choice that was made for all slots together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import floodscan
from floodscan import Policy, Recipe
from floodscan.report.explain import explain
from floodscan.report.objective import describe_objective

if TYPE_CHECKING:
    from floodscan.store import RunFolder

    Json = dict[str, Any]

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The demo, chosen for change detection."""
    out = tmp_path_factory.mktemp("objective") / "out"
    return floodscan.scan("demo", out=out, recipe=Recipe(policy=Policy.CHANGE_DETECTION)).folder


def radar(orbit: int, *, days: int, relaxed: tuple[str, ...] = (), grade: str = "C") -> Json:
    """Make a choice of one Sentinel-1 scene, as a manifest has it."""
    return {
        "items": [{"id": f"{orbit}_{days}", "aoi_overlap_frac": 0.8}], "coverage_frac": 0.8, "days_from_phase": days,
        "relaxed": list(relaxed), "relative_orbit": orbit, "orbit_state": "ascending", "grade": grade,
        "grade_reason": "several tracks",
    }  # fmt: skip


def test_each_slot_tells_the_parts_in_the_order_in_which_they_decide(run: RunFolder) -> None:
    """A track only of SAR; clouds only of the optical scenes."""
    slots = {
        slot["sensor"]: slot["objective"]
        for slot in explain(run, EVENT, ["pre_event", "S1RTC", "S2L2A"])
    }
    order = ["slot", "filled", "track", "joint_coverage", "least_coverage", "closeness"]
    assert [part["part"] for part in slots["S1RTC"]] == order
    assert [part["part"] for part in slots["S2L2A"]] == [name for name in order if name != "track"]
    told = {part["part"]: (part["value"], part["text"]) for part in slots["S2L2A"]}
    assert told["filled"] == (4, "4 of 4 phases of S2L2A, by S2L2A.max_cloud_percent=50")
    assert told["joint_coverage"][0] == told["least_coverage"][0] == 1.0
    assert told["closeness"][1].startswith("23 days from the phases' dates in all, ")
    track = next(part for part in slots["S1RTC"] if part["part"] == "track")
    assert track["value"] == "37 descending"
    assert track["text"].startswith("37 descending in 4 phases; grade B, one track, other frames")


def test_the_dem_and_the_reference_policy_have_no_objective(run: RunFolder, tmp_path: Any) -> None:  # noqa: ANN401
    """Each slot is then decided by itself."""
    assert [slot["objective"] for slot in explain(run, EVENT, ["DEM"])] == [[]]
    reference = floodscan.scan("demo", out=tmp_path / "out").folder
    assert all(slot["objective"] == [] for slot in explain(reference, EVENT))


def test_phases_off_the_main_track_are_named() -> None:
    """The main track is that of the phases that needed no step for it."""
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
    assert parts["filled"]["text"] == "3 of 4 phases of S1RTC, by S1RTC.mixed_track=true"
    assert (
        parts["track"]["text"] == "88 ascending in 2 phases, but pre_month; grade C, several tracks"
    )
    assert parts["closeness"]["value"] == 3


def test_nothing_chosen_at_all_leaves_only_that() -> None:
    """No coverage, no track, no distance is made up."""
    choices: dict[str, dict[str, Json | None]] = {"event": {"S1RTC": None, "S2L2A": None}}
    (part,) = describe_objective(choices, "event", "S1RTC", joint_frac=None, clouds={})
    assert (part["part"], part["value"]) == ("filled", 0)
