"""The README's queries and snippets run as they stand on the output of its first command."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import duckdb
import pytest

from floodscan import Recipe
from floodscan.cli.main import cli
from floodscan.inputs.recipe_files import parse_recipe
from floodscan.scanning import scan

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """List the README's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo was scanned."""
    folder = tmp_path_factory.mktemp("readme")
    scan("demo", out=folder / "floodscan-demo")
    return folder


def test_duckdb_queries_tell_what_they_say(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenes per phase under the limit, and what a limit of 40 % would add."""
    monkeypatch.chdir(run_folder)
    under, added = (duckdb.execute(query).fetchall() for query in blocks("sql"))
    assert [phase for phase, *_ in under] == ["event", "post_event", "pre_event", "pre_month"]
    assert all(scenes >= 1 and cloud < 25 for _, scenes, cloud in under)
    assert ("pre_event", 31.4) in [(phase, round(cloud, 1)) for phase, _, cloud, _ in added]


@pytest.mark.parametrize("snippet", blocks("python"))
def test_python_snippets_run(
    snippet: str,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each prints something."""
    monkeypatch.chdir(run_folder)
    exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - our own README
    assert capsys.readouterr().out


def test_recipe_of_the_readme_is_the_default() -> None:
    """The values it shows are those that hold."""
    (text,) = [block for block in blocks("toml") if "policy" in block]
    assert parse_recipe(tomllib.loads(text), source="README.md") == Recipe()


def test_commands_of_the_readme_parse() -> None:
    """Every floodscan command that is shown exists, with its options."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    calls = [
        re.split(r"floodscan (?=[a-z])", line, maxsplit=1)[1]
        for line in lines
        if re.search(r"floodscan [a-z]", line)
    ]
    assert len(calls) >= 6
    for call in calls:
        name, *words = shlex.split(call, comments=True)
        command = cli.commands[name]
        command.make_context(name, words)


def test_pictures_of_the_readme_are_there() -> None:
    """Links lead to files."""
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (Path(__file__).parent.parent / target).is_file(), target
