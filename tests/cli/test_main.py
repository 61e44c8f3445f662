"""The command line: output, files and exit statuses."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest

import floodscan
from floodscan import read_manifest
from floodscan.store import RunFolder
from tests.cli.conftest import EVENT
from tests.runs import result_bytes
from tests.sweeps import faulty_demo
from tests.test_pipeline import look_up_a_missing_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_status_shows_the_progress_of_a_run(demo_out: Path, run: Run) -> None:
    """Of a finished run, all events are done; a folder without a run is an error."""
    status, output, _ = run("status", demo_out)
    assert status == 0
    assert output.startswith(f"{demo_out}: finished; started ")
    assert "1 of 1 events are done" in output
    found = orjson.loads(run("status", demo_out, "--json")[1])
    assert (found["state"], found["missing"], found["counts"]["complete"]) == ("finished", 0, 1)
    status, _, errors = run("status", demo_out / "candidates")
    assert status == 2
    assert "holds no run.json; is it the output of a scan?" in errors


def test_scan_prints_the_choices_and_writes_them(demo_out: Path, run: Run) -> None:
    """In a pipe: plain lines, a row per slot and DEM tile, and the paths of the files."""
    status, output, errors = run("scan", "demo", "--cluster", "none", "--out", demo_out)
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == EVENT
    choices = lines[: lines.index("")]
    assert len([line for line in choices if "S1A_IW_GRDH" in line or "_T31UGR_" in line]) == 8
    assert "joint coverage 0.837894" in lines
    assert "  for readers of all items: 80.545% valid pixels, 890 of 1120 chips" in lines
    assert f"Why:      floodscan explain {demo_out} {EVENT}" in lines
    assert f"Pictures: floodscan plot {demo_out} {EVENT}" in lines
    assert "warnings at 1 of 1 events" in lines[-1]
    assert "\x1b" not in output
    assert str(demo_out) in output


def test_warnings_are_the_same_in_manifest_table_and_summary(demo_out: Path, run: Run) -> None:
    """Each kind is counted as often, also under the reference policy."""
    _, output, _ = run("scan", "demo", "--cluster", "none", "--out", demo_out)
    folder = RunFolder(demo_out)
    manifest = read_manifest(folder.manifest_path(EVENT)).content
    kinds = Counter(warning["code"] for warning in manifest["warnings"])
    assert sorted(kinds) == [
        "late_event",
        "low_coverage",
        "low_joint_coverage",
        "mixed_tracks",
        "onset_assumed",
        "reused_scene",
        "wrong_side_of_onset",
    ]
    table = folder.read_events()["warnings"].to_pylist()
    assert Counter(warning.split()[0] for warning in table[0]) == kinds
    summary = output.splitlines()[-1].partition(": ")[2]
    assert {word.split()[1]: int(word.split()[0]) for word in summary.split(", ")} == kinds


def test_scan_prints_json(demo_out: Path, run: Run) -> None:
    """The JSON has folder, counts and outcomes."""
    status, output, _ = run("scan", "demo", "--cluster", "none", "--out", demo_out, "--json")
    read = orjson.loads(output)
    assert (status, read["out"], read["counts"]["filled"]) == (0, str(demo_out), 9)
    assert read["events"][0]["status"] == "complete"


def test_scan_with_tiles_chooses_for_each_tile(tmp_path: Path, run: Run) -> None:
    """In addition to the choices for the AOI."""
    status, output, _ = run(
        "scan",
        "demo",
        "--cluster",
        "none",
        "--out",
        tmp_path / "out",
        "--tile-size",
        30000,
        "--json",
    )
    manifest = orjson.loads((tmp_path / "out" / "manifests" / f"{EVENT}.json").read_bytes())
    assert orjson.loads(output)["counts"]["slots"] == 9 * (1 + len(manifest["tiles"]))
    assert len(manifest["tiles"]) > 4
    assert status in {0, 1}


def test_unfilled_slot_ends_with_1(tmp_path: Path, run: Run) -> None:
    """The slot is printed with the reason and a hint."""
    (tmp_path / "r.toml").write_text("[S2L2A]\nmax_cloud_percent = 1\n")
    status, output, _ = run(
        "scan",
        "demo",
        "--cluster",
        "none",
        "--out",
        tmp_path / "out",
        "--recipe",
        tmp_path / "r.toml",
    )
    assert status == 1
    assert "all_rejected" in output
    assert "raise S2L2A.max_cloud_percent (now 1) above" in output
    output = run("explain", tmp_path / "out", EVENT, "event", "S2L2A")[1]
    assert output.startswith("event/S2L2A: no scene: all_rejected (")


def test_plan_shows_slots_and_searches(run: Run) -> None:
    """As a table or as JSON, without searching."""
    status, output, _ = run("plan", "demo")
    assert status == 0
    assert "2021-06-05/2021-06-25" in output
    read = orjson.loads(run("plan", "demo", "--json")[1])
    assert (len(read[0]["slots"]), len(read[0]["searches"])) == (9, 0)
    assert {slot["source"] for slot in read[0]["slots"]} == {"demo"}
    sent = orjson.loads(run("plan", "demo", "--catalog", "planetary-computer", "--json")[1])
    assert (len(sent[0]["slots"]), len(sent[0]["searches"])) == (9, 2)


def test_plan_ends_with_an_estimate(run: Run, tmp_path: Path) -> None:
    """Of row groups, of requests or of both, as the sources are."""
    assert "\nestimate: about 3 row groups, " in run("plan", "demo")[1]
    sent = run("plan", "demo", "--catalog", "planetary-computer")[1]
    assert "\nestimate: about 2 requests, " in sent
    (tmp_path / "r.toml").write_text('[sources]\nsentinel-1-rtc = "planetary-computer"\n')
    both = run("plan", "demo", "--catalog", "demo", "--recipe", tmp_path / "r.toml")[1]
    assert re.search(r"\nestimate: about \d requests?, .*; 2 row groups, ", both)


def test_explain_shows_ranked_and_rejected_candidates(demo_out: Path, run: Run) -> None:
    """With the measure that decided, and the reason of each rejection."""
    status, output, _ = run("explain", demo_out, EVENT, "pre_event", "S1RTC")
    assert status == 0
    assert "ahead of" in output.splitlines()[0]
    assert "by datetime" in output.splitlines()[0]
    rejected = run("explain", demo_out, EVENT, "pre_month", "S2L2A")[1]
    assert "missing_assets B09" in rejected
    assert rejected.count("too_cloudy") > 10
    read = orjson.loads(run("explain", demo_out, EVENT, "DEM", "--json")[1])
    assert [candidate["rank"] for candidate in read[0]["candidates"]] == [1, 2, 3, 4]


def test_choices_are_made_again_and_compared(demo_out: Path, run: Run, tmp_path: Path) -> None:
    """By another policy from the stored candidates; then both runs are compared."""
    again = tmp_path / "again"
    status, output, errors = run(
        "reselect", demo_out, "--policy", "change-detection", "--cluster", "none", "--out", again
    )
    assert (status, errors) == (0, "")
    assert "0 requests" in output
    assert "joint coverage 1.000000" in output
    status, output, errors = run("compare", demo_out, again)
    assert (status, errors) == (0, "")
    assert output.startswith("7 slots differ, 2 are the same")
    assert "wrong_side_of_onset" in output
    status, output, _ = run("compare", demo_out, again, "--json")
    assert status == 0
    assert len(orjson.loads(output)["slots"]) == 7


def test_reselect_from_python_gives_the_results_of_the_command(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """Both write the same candidates, manifests and run id."""
    words = (
        "reselect",
        demo_out,
        "--cluster",
        "none",
        "--policy",
        "change-detection",
        "--out",
        tmp_path / "command",
    )
    assert run(*words)[0] == 0
    result = floodscan.reselect(
        demo_out, out=tmp_path / "python", policy=floodscan.Policy.CHANGE_DETECTION
    )
    assert result.ok
    assert result_bytes(tmp_path / "python") == result_bytes(tmp_path / "command")
    runs = [RunFolder(tmp_path / name).read_run()["run_id"] for name in ("python", "command")]
    assert runs[0] == runs[1]


def test_reselect_needs_candidates_of_the_whole_window(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """A recipe with a wider window is an error that names the rule."""
    recipe = tmp_path / "wide.toml"
    recipe.write_text("[S1RTC]\nwindow_days = 9\n")
    status, _, errors = run(
        "reselect", demo_out, "--cluster", "none", "--recipe", recipe, "--out", tmp_path / "no"
    )
    assert status == 2
    assert "S1RTC.window_days is 9, but the stored run searched only 4" in errors


def test_steps_of_the_default_ladder_that_need_more_are_left_out(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """A step that a recipe lists itself is an error instead, with a hint."""
    recipe, again = tmp_path / "recipe.toml", tmp_path / "again"
    rules = 'policy = "change-detection"\nmin_coverage = 0.6\n'
    words = ("reselect", demo_out, "--cluster", "none", "--recipe", recipe, "--out")
    recipe.write_text(rules)
    status, output, errors = run(*words, again)
    assert (status, errors) == (0, "")
    assert "joint coverage 1.000000" in output
    left = RunFolder(again).read_run()["recipe"]["relax"]
    assert left == [
        {"sensor": "S2L2A", "max_cloud_percent": 50.0},
        {"sensor": "S1RTC", "mixed_track": True},
        {"sensor": "S1RTC", "min_coverage": 0.1},
    ]
    recipe.write_text(f'{rules}[[relax]]\nsensor = "S1RTC"\nwindow_days = 12\n')
    status, _, errors = run(*words, tmp_path / "no")
    assert status == 2
    assert (
        "the ladder has S1RTC.window_days=12, but the stored run searched only 4 "
        "(leave it out of relax, or write relax = [])" in errors
    )
    recipe.write_text(f"{rules}relax = []\n")
    assert run(*words, tmp_path / "bare")[2] == ""


def test_a_bug_ends_the_command_unless_it_keeps_going(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The exit status is never that of success."""
    monkeypatch.setattr(
        "floodscan.scanning.open_source", lambda *_, **__: faulty_demo(look_up_a_missing_key)
    )
    command = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")
    with pytest.raises(KeyError, match="missing"):
        run(*command)
    status, output, _ = run(*command, "--keep-going")
    assert status == 1
    assert "failed by a bug: Traceback" in caplog.text
    assert "0 of 9 slots filled" in output


def test_a_person_decides_for_a_track(run: Run, tmp_path: Path) -> None:
    """All SAR scenes are then of it; a decision that says nothing is a mistake."""
    out = tmp_path / "own"
    run("scan", "demo", "--policy", "change-detection", "--cluster", "none", "--out", out)
    status, output, errors = run("choose", out, EVENT, "--track", 139)
    assert (status, errors) == (0, "")
    assert "SAR grade" in output
    chosen = orjson.loads(run("choose", out, EVENT, "--track", 139, "--json")[1])
    assert {slots["S1RTC"]["relative_orbit"] for slots in chosen["selected"].values()} == {139}
    for words in ((), ("--track", 139, "--by-rules")):
        status, _, errors = run("choose", out, EVENT, *words)
        assert status == 2
        assert "give one of --event-pass, --track and --by-rules" in errors
    status, _, errors = run("choose", out, EVENT, "--track", 999)
    assert (status, "track 999 can't be chosen" in errors) == (2, True)
