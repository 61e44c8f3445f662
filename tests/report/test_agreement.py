"""The choices of a run beside the passes that experts used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from floodscan import Policy, Recipe, scan
from floodscan.cli.group import cli
from floodscan.errors import EventError, InputError
from floodscan.event_lists.expert_scenes import read_expert_passes
from floodscan.event_lists.rows import EVENT_LIST
from floodscan.report.agreement import Verdict, compare_with_experts
from floodscan.store import RunFolder
from floodscan.testing.archive_plan import Extent
from floodscan.testing.write_archive import write_archive

if TYPE_CHECKING:
    from pathlib import Path

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the demo."""
    out = tmp_path_factory.mktemp("agree") / "run"
    scan("demo", out=out)
    return RunFolder(out)


@pytest.fixture(scope="module")
def chosen(folder: RunFolder) -> dict[str, Any]:
    """The Sentinel-1 scene that is chosen for phase event."""
    rows = folder.read_candidates(EVENT).to_pylist()
    found: list[dict[str, Any]] = [
        row
        for row in rows
        if row["selected"]
        and (row["target_id"], row["phase"], row["sensor"]) == ("aoi", "event", "S1RTC")
    ]
    return found[0]


def write_list(path: Path, *scenes: tuple[str, datetime], event_id: str = EVENT) -> Path:
    """Write a converted list of one event, with scenes of experts."""
    event: dict[str, Any] = {
        "event_id": event_id,
        "event_date": datetime(2021, 7, 1, tzinfo=UTC).date(),
        "date_kind": "onset",
        "source": "test",
        "area_km2": 1.0,
        "expert_scenes": [{"satellite": name, "time": time} for name, time in scenes],
        "geometry": b"",
    }
    pq.write_table(pa.Table.from_pylist([event], schema=EVENT_LIST), path)
    return path


@pytest.mark.parametrize(
    ("hours", "verdict", "is_candidate"),
    [(0.2, Verdict.SAME, True), (3.0, Verdict.EARLIER, False), (-3.0, Verdict.LATER, False)],
)
def test_the_first_pass_of_experts_is_compared(
    folder: RunFolder,
    chosen: dict[str, Any],
    hours: float,
    verdict: Verdict,
    is_candidate: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    """Times may differ by some minutes; other satellites and earlier passes don't count."""
    time = chosen["datetime"] + timedelta(hours=hours)
    before = datetime(2021, 6, 1, tzinfo=UTC)
    scenes = [("ICEYE", time - timedelta(days=1)), ("Sentinel-1", before), ("Sentinel-1", time)]
    path = write_list(tmp_path / "l.parquet", *scenes, ("Sentinel-1A", time + timedelta(days=2)))
    (found,) = compare_with_experts(folder, read_expert_passes(path))
    assert (found.verdict, found.is_candidate) == (verdict, is_candidate)
    assert found.hours == pytest.approx(-hours, abs=0.01)


def test_a_pass_of_another_orbit_is_another_track(
    folder: RunFolder, chosen: dict[str, Any], tmp_path: Path
) -> None:
    """The orbit of the experts' pass is that of a candidate at its time."""
    rows = folder.read_candidates(EVENT).to_pylist()
    other = next(
        row["datetime"]
        for row in rows
        if row["sensor"] == "S1RTC"
        and row["relative_orbit"] != chosen["relative_orbit"]
        and row["datetime"] > datetime(2021, 7, 1, tzinfo=UTC)
    )
    path = write_list(tmp_path / "l.parquet", ("Sentinel-1", other))
    (found,) = compare_with_experts(folder, read_expert_passes(path))
    assert (found.verdict, found.is_candidate) == (Verdict.OTHER_TRACK, True)


def test_the_command_counts_and_lists(
    folder: RunFolder, chosen: dict[str, Any], tmp_path: Path
) -> None:
    """For people and as JSON."""
    times = chosen["datetime"], chosen["datetime"] + timedelta(hours=3)
    path = write_list(tmp_path / "l.parquet", ("Sentinel-1", times[0]), ("Sentinel-2", times[1]))
    shown = CliRunner().invoke(cli, ["agree", str(folder.path), str(path)])
    assert "S1RTC: 1 of 1 the same pass (1 same)" in shown.stdout
    assert "S2L2A: 0 of 1 the same pass" in shown.stdout
    done = CliRunner().invoke(cli, ["agree", str(folder.path), str(path), "--json"])
    found = json.loads(done.stdout)
    assert found["counts"]["S1RTC"] == {"same": 1}
    assert [each["sensor"] for each in found["events"]] == ["S1RTC", "S2L2A"]


def test_a_list_without_scenes_of_experts_is_one_message(folder: RunFolder, tmp_path: Path) -> None:
    """So is one of other events, and a file of another kind."""
    path = write_list(tmp_path / "l.parquet", ("Sentinel-1", datetime.now(UTC)), event_id="e")
    with pytest.raises(InputError, match="has no event for which the list has scenes of experts"):
        compare_with_experts(folder, read_expert_passes(path))
    pq.write_table(pa.table({"event_id": ["e"]}), path)
    with pytest.raises(EventError, match="has no scenes of experts"):
        read_expert_passes(path)
    path.write_text("text")
    with pytest.raises(EventError, match="can't be read"):
        read_expert_passes(path)


def test_a_published_activation_beside_passes_of_the_orbits(
    foreign_data: Path, tmp_path: Path
) -> None:
    """The way of a user: convert, scan, agree. The archive is generated from the orbits.

    Its passes are within two minutes of those that the experts name, so each is a candidate.
    """
    source = foreign_data / "floods" / "cems" / "EMSR871-flood-detail.json"
    start, end = datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 4, 25, tzinfo=UTC)
    boxes = ((14.5, 40.0, 17.0, 42.2),)
    write_archive(tmp_path / "archive", Extent(start=start, end=end, boxes=boxes))
    events, out = tmp_path / "events.parquet", tmp_path / "run"
    runner = CliRunner()
    done = runner.invoke(cli, ["events", "convert", str(source), "--out", str(events)])
    assert done.exit_code == 0
    recipe = Recipe(policy=Policy.CHANGE_DETECTION)
    result = scan(events, catalog=str(tmp_path / "archive"), recipe=recipe, out=out)
    found = compare_with_experts(result.folder, read_expert_passes(events))
    expected = first_radar_passes(json.loads(source.read_bytes())["results"][0])
    assert {each.event_id: each.expert_time for each in found} == expected
    assert len(found) == 4
    assert all(each.is_candidate for each in found)
    for each in found:
        choice = result.manifests[each.event_id].content["selected"]["event"]["S1RTC"]
        apart = abs(datetime.fromisoformat(choice["datetime"]) - each.expert_time)
        assert (each.verdict is Verdict.SAME) == (apart < timedelta(minutes=2))
        assert each.verdict in {Verdict.SAME, Verdict.OTHER_TRACK}
    n_same = sum(each.verdict is Verdict.SAME for each in found)
    assert 0 < n_same < len(found)
    shown = runner.invoke(cli, ["agree", str(out), str(events)]).stdout
    assert f"S1RTC: {n_same} of 4 the same pass" in shown


def first_radar_passes(activation: dict[str, Any]) -> dict[str, datetime]:
    """Read the first pass of Sentinel-1 after the event that experts used for each area."""
    began = datetime.fromisoformat(activation["eventTime"]).replace(tzinfo=UTC)
    found: dict[str, datetime] = {}
    for aoi in activation["aois"]:
        times = [
            datetime.fromisoformat(image["acquisitionTime"]).replace(tzinfo=UTC)
            for product in aoi["products"]
            for image in product["images"]
            if image["sensorName"] == "Sentinel-1"
        ]
        if after := [time for time in times if time >= began]:
            found[f"{activation['code']}_AOI{aoi['number']:02}"] = min(after)
    return found
