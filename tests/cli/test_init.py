"""``floodscan init``: files to start from, and commands that run as they are printed."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import fields
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from floodscan import Phase, Recipe, Sensor, SensorRecipe, read_events
from floodscan.inputs.event_records import FIELDS_OF_TOML
from floodscan.inputs.recipe_files import load_recipe, parse_recipe
from floodscan.model import DEFAULT_SENSORS, Relaxation, SearchPrices

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

STARTER = files("floodscan.data") / "starter"
RECIPE = (STARTER / "recipe.toml").read_text("utf-8")


def test_printed_commands_run(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, in the current folder."""
    monkeypatch.chdir(tmp_path)
    status, output, errors = run("init")
    assert (status, errors) == (0, "")
    commands = re.findall(r"^  floodscan (.*)$", output, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["plan", "scan", "explain"]
    for command in commands:
        local = ["--cluster", "none"] if command.startswith("scan") else []
        status, output, errors = run(*shlex.split(command), *local)
        assert (status, errors) == (0, "")
    assert "pre_month/S1RTC: " in output
    assert load_recipe("recipe.toml") == Recipe()


def test_files_go_to_another_folder(tmp_path: Path, run: Run) -> None:
    """It is made, and the commands name it."""
    status, output, _ = run("init", "--out", tmp_path / "a b" / "c")
    assert status == 0
    events = tmp_path / "a b" / "c" / "flood.toml"
    assert f"floodscan plan '{events}' --recipe" in output
    assert run("plan", events)[0] == 0


@pytest.mark.parametrize("name", ["flood.toml", "recipe.toml"])
def test_no_file_is_overwritten(name: str, tmp_path: Path, run: Run) -> None:
    """If one is there, none is written."""
    (tmp_path / name).write_text("mine")
    status, output, errors = run("init", "--out", tmp_path)
    assert (status, output) == (2, "")
    assert f"{tmp_path / name}: there already; choose another folder with --out" in errors
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, run: Run) -> None:
    """With one message."""
    (tmp_path / "file").write_text("")
    status, _, errors = run("init", "--out", tmp_path / "file")
    assert status == 2
    assert "can't be written" in errors


def test_recipe_is_the_default_and_has_every_key() -> None:
    """Each with a comment, before it or behind it."""
    assert parse_recipe(tomllib.loads(RECIPE), source="recipe.toml") == Recipe()
    raw = tomllib.loads(re.sub(r"^# (?=\w+ = )", "", RECIPE, flags=re.MULTILINE))
    assert raw.keys() - set(DEFAULT_SENSORS) == {f.name for f in fields(Recipe)} - {"rules"}
    for sensor, default in DEFAULT_SENSORS.items():
        asked = {f.name for f in fields(SensorRecipe) if getattr(default, f.name)}
        asked |= {"acquired_in"} if sensor == Sensor.S1RTC else set()
        assert raw[sensor].keys() == asked
    assert raw["searches"].keys() == {f.name for f in fields(SearchPrices)}
    assert raw["phase_offset_days"].keys() == set(Phase)
    assert {key for step in raw["relax"] for key in step} == {f.name for f in fields(Relaxation)}
    for block in RECIPE.split("\n\n"):
        assert "#" in block


def test_event_file_has_every_key(tmp_path: Path) -> None:
    """Keys that are commented out are valid too."""
    text = (STARTER / "flood.toml").read_text("utf-8")
    path = tmp_path / "flood.toml"
    path.write_text(text)
    assert len(read_events(path, phase_offset_days=Recipe().phase_offset_days)) == 1
    optional = re.sub(r"^# (?=\w+ = |\[event)", "", text, flags=re.MULTILINE)
    (event,) = tomllib.loads(optional)["event"]
    assert event.keys() == set(FIELDS_OF_TOML)
    without_date = re.sub(r"^(aoi|event_date) = .*\n", "", optional, flags=re.MULTILINE)
    path.write_text(without_date)
    (event,) = read_events(path, phase_offset_days=Recipe().phase_offset_days)
    assert event.target_crs == "EPSG:32632"
