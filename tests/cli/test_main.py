"""The command line: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from floodscan import read_manifest
from floodscan.cli.main import cli, main
from floodscan.store import RunFolder
from floodscan.testing.servers.process import free_port
from tests.test_pipeline import FaultyCatalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.fixtures import StacApi

    Run = Callable[..., tuple[int, str, str]]

EVENT = "luxembourg_flood_2021_multimodal"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call the command line; gives exit status, output and errors."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["floodscan", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capfd.readouterr()

    return call


@pytest.fixture(scope="module")
def demo_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, run by the command itself, on a local cluster."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "floodscan", "scan", "demo", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 of 9 slots filled" in done.stdout
    return out


def test_status_tells_how_far_a_run_is(demo_out: Path, run: Run) -> None:
    """Of one that has ended, that all is done; a folder without one is told."""
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
    """Plain lines when piped, a row per slot and DEM tile, and where the files are."""
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
    """Under the reference policy too: each kind as often here as there."""
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
    """A program reads folder, counts and outcomes."""
    status, output, _ = run("scan", "demo", "--cluster", "none", "--out", demo_out, "--json")
    read = orjson.loads(output)
    assert (status, read["out"], read["counts"]["filled"]) == (0, str(demo_out), 9)
    assert read["events"][0]["status"] == "complete"


def test_scan_with_tiles_chooses_for_each(tmp_path: Path, run: Run) -> None:
    """Tiles stand beside the AOI's choices."""
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
    """The slot is printed with reason and hint."""
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
    told = run("explain", tmp_path / "out", EVENT, "event", "S2L2A")[1]
    assert told.startswith("event/S2L2A: no scene: all_rejected (")


def test_plan_asks_nothing(run: Run) -> None:
    """Slots, windows and searches are shown, for people and for programs."""
    status, output, _ = run("plan", "demo")
    assert status == 0
    assert "2021-06-05/2021-06-25" in output
    read = orjson.loads(run("plan", "demo", "--json")[1])
    assert (len(read[0]["slots"]), len(read[0]["searches"])) == (9, 3)


def test_explain_tells_why(demo_out: Path, run: Run) -> None:
    """The slot's candidates are ranked, with what decided and what was rejected."""
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
    """List calls with something wrong, and what is told of each."""
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


def test_what_cannot_be_used_is_one_message(
    tmp_path: Path, demo_out: Path, run: Run, subtests: pytest.Subtests
) -> None:
    """Each gives exit status 2 and one message, no traceback, and leaves nothing."""
    for name, (words, told) in bad_calls(tmp_path, demo_out).items():
        with subtests.test(name):
            status, output, errors = run(*words)
            assert status == 2
            assert told in errors
            assert output == ""
            assert "Traceback" not in errors
            assert not (tmp_path / "out").exists()


def test_collection_that_a_catalog_lacks_is_told(
    tmp_path: Path, lean_api: StacApi, run: Run
) -> None:
    """Before any work, by the catalog's name."""
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
def test_folder_without_the_right_to_write_is_told(tmp_path: Path, run: Run) -> None:
    """A read-only folder is one clear error."""
    tmp_path.chmod(0o500)
    assert run("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")[0] == 2


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_and_option_has_help(name: str, run: Run) -> None:
    """Each says what it does, and so does each of its options."""
    status, output, _ = run(name, "--help")
    assert status == 0
    assert output.startswith("Usage")
    for parameter in cli.commands[name].params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", None)


def test_choices_are_made_again_and_compared(demo_out: Path, run: Run, tmp_path: Path) -> None:
    """By the other policy from the stored candidates, and side by side with the first."""
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


def test_what_was_not_searched_cannot_be_chosen_from(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """A recipe that asks for more is refused by name."""
    recipe = tmp_path / "wide.toml"
    recipe.write_text("[S1RTC]\nwindow_days = 9\n")
    status, _, errors = run("reselect", demo_out, "--recipe", recipe, "--out", tmp_path / "no")
    assert status == 2
    assert "S1RTC.window_days is 9, but the stored run searched only 4" in errors


def test_a_recipe_that_names_no_ladder_takes_what_was_searched_of_the_default(
    demo_out: Path, run: Run, tmp_path: Path
) -> None:
    """One that names a step is refused by that step, and told what helps."""
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
    """Neither ends with the exit status of success."""
    monkeypatch.setattr("floodscan.scanning.open_source", lambda *_: FaultyCatalog("bug"))
    command = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")
    with pytest.raises(KeyError, match="missing"):
        run(*command)
    status, output, _ = run(*command, "--keep-going")
    assert status == 1
    assert "failed by a bug: Traceback" in caplog.text
    assert "0 of 9 slots filled" in output
