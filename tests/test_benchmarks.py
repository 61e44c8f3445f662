"""Every benchmark runs, at a small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
