"""The command line: output, files and exit statuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import floodscan
from floodscan import read_manifest
from floodscan.cli.main import main
from floodscan.store import RunFolder
from floodscan.testing.servers.process import free_port
from tests.runs import result_bytes
from tests.test_pipeline import FaultyCatalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.fixtures import StacApi

    Run = Callable[..., tuple[int, str, str]]

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line and returns exit status, output and errors."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["floodscan", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capfd.readouterr()

    return call


@pytest.fixture(scope="module")
def demo_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of the demo by the command itself, on a local cluster."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "floodscan", "scan", "demo", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 of 9 slots filled" in done.stdout
    return out


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
    assert "joint coverage 0.837894; predicted 80.545% valid pixels, 890 of 1120 chips" in lines
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
        "low_coverage",
        "low_joint_coverage",
        "mixed_tracks",
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
    assert (len(read[0]["slots"]), len(read[0]["searches"])) == (9, 3)


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


def bad_calls(tmp_path: Path, demo_out: Path) -> dict[str, tuple[list[Any], str]]:
    """Return calls with a mistake, and a part of the message for each."""
    (tmp_path / "broken.toml").write_text("[[event")
    (tmp_path / "policy.toml").write_text("policy = 'best'\n")
    (tmp_path / "sensor.toml").write_text("sensors = ['S3']\n")
    (tmp_path / "id.toml").write_text(
        '[[event]]\nevent_id = "../x"\nbbox = [6, 49, 7, 50]\nevent_date = 2021-07-15\n'
    )
    (tmp_path / "file").touch()
    out = ["--cluster", "none", "--out", tmp_path / "out"]
    return {
        "missing file": (["scan", tmp_path / "none.toml", *out], "none.toml: No such file"),
        "broken file": (["scan", tmp_path / "broken.toml", *out], "broken.toml: can't be read"),
        "bad id": (["scan", tmp_path / "id.toml", *out], "event 1, field 'event_id'"),
        "bad policy": (
            ["scan", "demo", *out, "--recipe", tmp_path / "policy.toml"],
            "field 'policy'",
        ),
        "bad sensor": (
            ["scan", "demo", *out, "--recipe", tmp_path / "sensor.toml"],
            "field 'sensors'",
        ),
        "missing recipe": (
            ["scan", "demo", *out, "--recipe", tmp_path / "none.toml"],
            "none.toml: No such file",
        ),
        "bad tile size": (
            ["scan", "demo", *out, "--tile-size", "-5"],
            "--tile-size: must be above 0",
        ),
        "no catalog": (["scan", "demo", *out, "--catalog", tmp_path / "none"], "can't be read"),
        "unreachable": (
            ["scan", "demo", *out, "--catalog", f"http://127.0.0.1:{free_port()}"],
            "can't be reached",
        ),
        "unwritable out": (
            ["scan", "demo", "--cluster", "none", "--out", tmp_path / "file" / "out"],
            "can't be written",
        ),
        "no scheduler": (
            ["scan", "demo", "--out", tmp_path / "out", "--cluster", "tcp://127.0.0.1:1"],
            "no Dask scheduler",
        ),
        "unknown option": (["scan", "demo", "--cloud", "40"], "No such option"),
        "unknown event": (["explain", demo_out, "nobody"], "has no event 'nobody'"),
        "unknown phase": (["explain", demo_out, EVENT, "pre-event"], "did you mean 'pre_event'?"),
        "unknown target": (
            ["explain", demo_out, EVENT, "--target", "tile_1_1"],
            "has no target 'tile_1_1'",
        ),
        "no run": (["explain", tmp_path, EVENT], "is it the output of a scan?"),
    }


def test_a_mistake_is_one_message(
    tmp_path: Path, demo_out: Path, run: Run, subtests: pytest.Subtests
) -> None:
    """The exit status is 2, there is no traceback, and no file is left."""
    for name, (words, message) in bad_calls(tmp_path, demo_out).items():
        with subtests.test(name):
            status, output, errors = run(*words)
            assert status == 2
            assert message in errors
            assert output == ""
            assert "Traceback" not in errors
            assert not (tmp_path / "out").exists()


def test_missing_collection_is_an_error(tmp_path: Path, lean_api: StacApi, run: Run) -> None:
    """The message names the catalog, before any work begins."""
    (tmp_path / "r.toml").write_text("[DEM]\ncollection = 'cop-dem-glo-90'\n")
    words = [
        "scan",
        "demo",
        "--cluster",
        "none",
        "--out",
        tmp_path / "out",
        "--recipe",
        tmp_path / "r.toml",
    ]
    for catalog in (lean_api.url, "demo"):
        status, _, errors = run(*words, "--catalog", catalog)
        assert status == 2
        assert "no collection 'cop-dem-glo-90'" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_an_error(tmp_path: Path, run: Run) -> None:
    """The exit status is that of a mistake."""
    tmp_path.chmod(0o500)
    assert run("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")[0] == 2


def test_choices_are_made_again_and_compared(demo_out: Path, run: Run, tmp_path: Path) -> None:
    """By another policy from the stored candidates; then both runs are compared."""
    again = tmp_path / "again"
    status, output, errors = run(
        "reselect", demo_out, "--policy", "change-detection", "--out", again
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
    words = ("reselect", demo_out, "--policy", "change-detection", "--out", tmp_path / "command")
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
    status, _, errors = run("reselect", demo_out, "--recipe", recipe, "--out", tmp_path / "no")
    assert status == 2
    assert "S1RTC.window_days is 9, but the stored run searched only 4" in errors


def test_steps_of_the_default_ladder_that_need_more_are_left_out(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """A step that a recipe lists itself is an error instead, with a hint."""
    recipe, again = tmp_path / "recipe.toml", tmp_path / "again"
    rules = 'policy = "change-detection"\nmin_coverage = 0.6\n'
    words = ("reselect", demo_out, "--recipe", recipe, "--out")
    recipe.write_text(rules)
    status, output, errors = run(*words, again)
    assert (status, errors) == (0, "")
    assert "joint coverage 1.000000" in output
    left = RunFolder(again).read_run()["recipe"]["relax"]
    assert left == [
        {"sensor": "S2L2A", "max_cloud_percent": 50.0},
        {"sensor": "S1RTC", "mixed_track": True},
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
    monkeypatch.setattr("floodscan.scanning.open_source", lambda *_: FaultyCatalog("bug"))
    command = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")
    with pytest.raises(KeyError, match="missing"):
        run(*command)
    status, output, _ = run(*command, "--keep-going")
    assert status == 1
    assert "failed by a bug: Traceback" in caplog.text
    assert "0 of 9 slots filled" in output
