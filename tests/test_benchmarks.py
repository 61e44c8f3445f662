"""Every benchmark runs, at a small size.

Of what it measures, requests are looked at, which are always the same.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tests.paths import REPO_ROOT

if TYPE_CHECKING:
    from pathlib import Path

BENCHMARKS = REPO_ROOT / "benchmarks"
TOTALS = {"wall_seconds", "drawn_seconds", "worker_cpu_seconds", "driver_cpu_seconds"}
"""Of the scaling benchmark: columns that are not a step of its threads' time."""


def run(name: str, *words: str) -> str:
    """Run a benchmark and give what it prints."""
    script = name if name == "-m" else str(BENCHMARKS / name)
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", script, *words]
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=BENCHMARKS.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)  # all of its processes tell where they hang
            stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stdout


def test_parse_and_score_gives_the_results_of_the_plain_loop() -> None:
    """It checks ids, order and overlaps before it measures."""
    output = run("parse_and_score.py", "--n-items", "100", "--repeats", "1")
    assert "plain / this" in output


def test_selection_is_timed() -> None:
    """Both policies choose among made-up candidates."""
    output = run("selection.py", "--events", "4")
    assert "change-detection is" in output


def test_what_the_engine_costs_is_told() -> None:
    """A row per number of events."""
    output = run("-m", "benchmarks.orchestration", "--events", "20", "--workers", "1")
    assert output.splitlines()[-1].startswith("| 20 | ")


def test_scaling_tells_where_the_time_goes(tmp_path: Path) -> None:
    """Every kind is run, all of the threads' time is accounted for, and drawn."""
    words = ["--workers", "1", "--events", "8", "--repeats", "1", "--out", str(tmp_path)]
    words += [
        "--in-flight",
        "1",
        "4",
        "--mean-wait",
        "0.01",
        "--rounds",
        "1",
        "--least-searches",
        "9",
    ]
    output = run("-m", "benchmarks.scaling", *words)
    assert "latency scaling on `local`" in output
    runs = pq.read_table(tmp_path / "scaling.parquet").to_pylist()
    assert {run["kind"] for run in runs} == {"strong", "weak", "latency"}
    for each in runs:
        seconds = sum(
            each[name] for name in each if name.endswith("_seconds") and name not in TOTALS
        )
        assert seconds == pytest.approx(each["n_threads"] * each["wall_seconds"])
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_asking_is_measured_against_a_plain_loop() -> None:
    """Wall time and requests of both, and the client's CPU."""
    output = run("-m", "benchmarks.client", "--events", "12", "--latency", "0.01", "--workers", "1")
    assert "floodscan, lean" in output
    assert "ratio" in output


@pytest.mark.usefixtures("pgstac_api")
def test_requests_are_counted() -> None:
    """With fewer searches, with one per slot and with answers of many pages, the result is the same."""
    output = run("-m", "benchmarks.count_requests", "--events", "3", "--page-items", "10")
    _, apart, together, paged = (
        float(number) for number in re.findall(r"([\d.]+) searches an event", output)
    )
    assert together < apart / 3
    assert paged > together
    assert "all complete: False" not in output
    assert "byte for byte: True" in output


def test_a_sweep_of_many_floods_needs_few_searches() -> None:
    """At most 2.2 an event, and a quarter of what one search per slot takes."""
    output = run("-m", "benchmarks.count_requests", "--events", "200", "--api", "none")
    apart, together = (
        float(number) for number in re.findall(r"[\d.]+(?= searches|$)", output, re.MULTILINE)
    )
    assert together <= min(2.2, apart / 4)


def test_policies_are_compared(tmp_path: Path) -> None:
    """A table with a column per policy comes out."""
    run("policies.py", "--events", "2", "--out", str(tmp_path / "table.md"))
    header, *rows = (tmp_path / "table.md").read_text("utf-8").splitlines()
    assert "demo, change-detection" in header
    assert any(row.startswith("| chips | 890 of 1,120 | 1,120 of 1,120 |") for row in rows)
