"""Printed commands can be pasted, for each way in which floodscan is started."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import floodscan
from floodscan.cli.next_commands import list_next_commands, list_retries
from floodscan.testing.fake_catalog import FakeCatalog, Incomplete, RaiseError
from tests.paths import REPO_ROOT
from tests.services import missing
from tests.sweeps import faulty_demo

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(sys.executable).with_name("floodscan")
SYSTEM = "/usr/bin:/bin"
UV = shutil.which("uv") or os.environ.get("UV")
"""The program uv; ``uv run`` names itself in the environment."""


def start(folder: Path, words: Sequence[str], path: str = SYSTEM) -> str:
    """Run ``init`` in a folder, and return the first command that it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("UV_RUN")}
    done = subprocess.run(  # noqa: S603 - our own program
        [*words, "init", "--out", "a b"],
        cwd=folder,
        env={**env, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return next(line.strip() for line in done.stdout.splitlines() if line.startswith("  "))


def paste(folder: Path, line: str, path: str = SYSTEM) -> str:
    """Run a line in a shell, and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("way", ["in PATH", "by its path", "as a module", "by uv"])
def test_a_printed_command_starts_floodscan_in_the_same_way(way: str, tmp_path: Path) -> None:
    """A shell runs it as it is printed."""
    ways = {
        "in PATH": (["floodscan"], f"{SCRIPT.parent}:{SYSTEM}"),
        "by its path": ([str(SCRIPT)], SYSTEM),
        "as a module": ([sys.executable, "-X", "utf8", "-m", "floodscan"], SYSTEM),
        "by uv": ([UV or "", "run", "--no-sync", "--project", str(REPO_ROOT), "floodscan"], SYSTEM),
    }
    words, path = ways[way]
    if not words[0]:
        missing("uv is not in PATH")
    # subprocess looks a program up in this process's own PATH
    found = [shutil.which(words[0], path=path) or words[0], *words[1:]]
    line = start(tmp_path, found, path)
    rest = "plan 'a b/flood.toml' --recipe 'a b/recipe.toml'"
    assert line == f"{shlex.join(words)} {rest}"
    assert "luxembourg_2021" in paste(tmp_path, line, path)


def test_other_programs_that_use_the_package_print_the_usual_name(tmp_path: Path) -> None:
    """Such as a notebook, or these tests."""
    result = floodscan.scan("demo", out=tmp_path / "run")
    commands = dict(list_next_commands(result))
    assert [*commands] == ["Why", "Pictures", "Report"]
    assert all(words.startswith("floodscan ") for words in commands.values())


def test_events_without_a_manifest_are_not_named(tmp_path: Path) -> None:
    """They can't be explained."""
    buggy = faulty_demo(RaiseError(ValueError("a bug")))
    result = floodscan.scan("demo", catalog=buggy, out=tmp_path / "run", keep_going=True)
    assert list(list_next_commands(result)) == []


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["scan", "demo", "--out", "a b"], "floodscan scan demo --out 'a b' --retry-failed"),
        (["scan", "demo", "--retry-failed"], "floodscan scan demo --retry-failed"),
        (
            ["scan", "demo", "--catalog", "https://me:secret@example.org?key=secret"],
            "the same command with --retry-failed",
        ),
    ],
)
def test_a_failed_search_gets_a_retry(
    words: list[str], printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words of the command, unless a secret is among them."""
    part = FakeCatalog(faults=(Incomplete("sentinel-1-rtc"),))
    result = floodscan.scan("demo", catalog=part, out=tmp_path / "run")
    monkeypatch.setattr("sys.argv", ["floodscan", *words])
    assert list(list_retries(result)) == [("Retry", printed)]
    whole = floodscan.scan("demo", out=tmp_path / "whole")
    assert list(list_retries(whole)) == []
