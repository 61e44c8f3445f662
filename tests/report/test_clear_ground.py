"""Clear ground in explanations, tables and pictures of a run that counts it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from floodscan import CloudScope, Policy, scanning
from floodscan.assessment.manifest_files import read_manifest
from floodscan.report.explain import explain
from floodscan.report.map import draw_map
from floodscan.report.timeline import draw_timeline
from floodscan.store import RunFolder
from tests.test_reselecting_clear_ground import fill, scan_demo

if TYPE_CHECKING:
    from pathlib import Path

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture(scope="module", params=list(Policy))
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The demo by the clouds over its area, which are made up."""
    folder: Path = tmp_path_factory.mktemp("runs")
    scan_demo(folder / "scene", request.param)
    fill(folder / "scene")
    scanning.reselect(folder / "scene", out=folder / "area", cloud=CloudScope.AREA)
    return folder / "area"


def test_an_explanation_has_the_clear_ground_of_each_candidate(run: Path) -> None:
    """Beside the cloud of the scene, that over the area; and unread scenes say why."""
    candidates = [
        row for slot in explain(RunFolder(run), EVENT, ["S2L2A"]) for row in slot["candidates"]
    ]
    known = [row for row in candidates if row["clear_ground"] == "known"]
    unread = [row for row in candidates if row["clear_ground"] == "unread"]
    assert known
    assert unread
    assert all(0 <= row["clear_share"] <= 1 for row in known)
    assert all(row["clear_share"] is None and row["unread"] for row in unread)
    assert all(row["area_cloud"] == row["cloud_cover"] for row in unread)
    (radar, *_) = explain(RunFolder(run), EVENT, ["event", "S1RTC"])
    assert all("clear_ground" not in row for row in radar["candidates"])


def test_a_choice_is_explained_by_clear_ground(run: Path) -> None:
    """Policy ``reference`` names the measure, the other policy the shares of all phases."""
    slots = explain(RunFolder(run), EVENT, ["S2L2A"])
    if slots[0]["objective"]:
        parts = {part["part"] for slot in slots for part in slot["objective"]}
        assert "clear_ground" in parts
    else:
        leads = {slot["margin"]["by"] for slot in slots if slot["margin"]}
        assert leads <= {"clear_ground", "clear_share", "area_cloud", "days_from_phase"}
        assert leads


def test_pictures_show_clear_ground(run: Path, tmp_path: Path) -> None:
    """The words of each choice, and a mark for candidates of unknown ground."""
    manifest, candidates = read_manifest(run, EVENT), RunFolder(run).read_candidates(EVENT)
    draw_map(manifest, tmp_path / "map.svg")
    draw_timeline(manifest, candidates, tmp_path / "timeline.svg")
    drawn = [(tmp_path / name).read_text("utf-8") for name in ("map.svg", "timeline.svg")]
    assert all(re.search(r"[\d.]+ % of area clear, [\d.]+ % cloud", text) for text in drawn)
    assert "or shows clear if optical" in drawn[1]
    unknown = [
        row
        for row in candidates.to_pylist()
        if row["rank"] and row["sensor"] == "S2L2A" and row["clear_points"] is None
    ]
    assert len(re.findall(r">\?<", drawn[1])) == len(unknown)
