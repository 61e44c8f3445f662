"""Every benchmark runs, at a small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.records import SHARED_DATA

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(name: str, *words: str) -> str:
    """Run a benchmark and give what it prints."""
    command = [sys.executable, "-W", "ignore", str(BENCHMARKS / name), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - our own
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_parse_and_score_gives_the_results_of_the_plain_loop() -> None:
    """It checks ids, order and overlaps before it measures."""
    output = run("parse_and_score.py", "--n-items", "100", "--repeats", "1")
    assert "plain / this" in output


def test_selection_is_timed() -> None:
    """Both policies choose among made-up candidates."""
    output = run("selection.py", "--events", "4")
    assert "change-detection is" in output


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs the grids and floods of others")
def test_policies_are_compared(tmp_path: Path) -> None:
    """A table with a column per policy comes out."""
    run("policies.py", "--events", "2", "--out", str(tmp_path / "table.md"))
    header, *rows = (tmp_path / "table.md").read_text("utf-8").splitlines()
    assert "demo, change-detection" in header
    assert any(row.startswith("| chips | 890 of 1,120 | 1,120 of 1,120 |") for row in rows)
