"""Fixtures of the tests of the command line."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from floodscan.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

EVENT = "luxembourg_flood_2021_multimodal"


def run_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """Run the command line in this process; return exit status, output and errors."""
    monkeypatch.setattr(sys, "argv", ["floodscan", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), *capfd.readouterr()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line and returns exit status, output and errors."""
    return partial(run_command, monkeypatch, capfd)


@pytest.fixture(scope="session")
def demo_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of the demo by the command itself, on a local cluster."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "floodscan", "scan", "demo", "--out", str(out)]
    command += ["--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 of 9 slots filled" in done.stdout
    return out
