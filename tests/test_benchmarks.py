"""Every benchmark runs, at a tiny size.

The tests check counts, which are the same in each run, and no times.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely

from benchmarks.count_work import count_work, find_differences
from floodscan import Policy
from floodscan.planning.estimate import Costs
from floodscan.testing.archive_plan import Extent
from floodscan.testing.write_archive import write_archive
from tests.paths import REPO_ROOT

pytestmark = pytest.mark.processes

COMMITTED = orjson.loads((REPO_ROOT / "benchmarks/results/work.json").read_bytes())
"""The counts of work, by version of Python."""

TOTALS = {"wall_seconds", "drawn_seconds", "worker_cpu_seconds", "driver_cpu_seconds"}
"""The columns of the scaling benchmark that are not a step of its threads' time."""


def run(name: str, *words: str) -> str:
    """Run a benchmark from the root of the repository and return its output."""
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", "-m", f"benchmarks.{name}"]
    with subprocess.Popen(  # noqa: S603 - our own
        [*command, *words],
        cwd=REPO_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)  # all of its processes print their stacks
            stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stdout


def test_every_benchmark_is_run() -> None:
    """Each module that is a command is run by a test of this file."""
    tested = Path(__file__).read_text("utf-8")
    folder = REPO_ROOT / "benchmarks"
    commands = [path.parent.name for path in folder.glob("*/__main__.py")]
    commands += [path.stem for path in folder.glob("*.py") if "__main__" in path.read_text("utf-8")]
    assert len(commands) > 9
    assert [name for name in commands if f'run("{name}"' not in tested] == []


@pytest.mark.skipif(
    f"3.{sys.version_info.minor}" not in COMMITTED and "CI" not in os.environ,
    reason="the work is not counted for this version of Python",
)
def test_each_stage_does_the_committed_work() -> None:
    """Instructions, vertices and values are within 5 % of the committed counts."""
    assert "all within 5% of the committed counts" in run("work")


def test_more_work_than_committed_is_named() -> None:
    """A stage is named with the count that grew, and a stage that is new."""
    known = {"parse": {"instructions": 1000, "vertices": 100, "values": 0}}
    assert find_differences({"parse": {**known["parse"], "vertices": 105}}, known) == []
    more = {"parse": {**known["parse"], "vertices": 106}, "join": known["parse"]}
    assert find_differences(more, known) == [
        "join: only in one of both",
        "parse: 106 vertices, committed are 100 (+6.0%)",
    ]


def test_shapely_and_arrow_are_counted() -> None:
    """Vertices are counted once, and not again inside of shapely."""
    box = shapely.box(0, 0, 1, 1)
    boxes, values = np.array([box, box]), pa.chunked_array([[1, 2, 3]])
    counts = count_work(lambda: (shapely.intersection(boxes, box), pc.add(values, values)))
    assert counts["vertices"] == 3 * 5
    assert counts["values"] == 2 * 3
    twice = count_work(lambda: [shapely.intersection(boxes, box) for _ in range(2)])
    assert twice["vertices"] == 2 * 3 * 5
    assert twice["instructions"] > counts["instructions"]


def test_parse_and_score_gives_the_results_of_the_plain_loop() -> None:
    """It compares ids, order and overlaps before it measures."""
    output = run("parse_and_score", "--n-items", "100", "--repeats", "1")
    assert "plain / this" in output


def test_cost_of_an_event_is_measured() -> None:
    """The table has both policies, with answers and without."""
    output = run("event_cost", "--events", "2", "--repeats", "1")
    rows = [line.split(" | ")[:2] for line in output.splitlines()[3:]]
    policies = ("reference", "change-detection")
    assert rows == [[f"| {policy}", kind] for policy in policies for kind in ("full", "empty")]


def test_start_is_measured() -> None:
    """Help, demo and one event at a catalog run, each as a process."""
    output = run("start_up", "--repeats", "1", "--latency", "0")
    assert output.count("| ≤ ") == 3


def test_a_sweep_is_compared_with_its_bare_requests() -> None:
    """The bare client sends as many searches as the sweep."""
    output = run("saturation", "--events", "2", "--latency", "0", "--repeats", "1")
    assert re.search(r"its [1-9]\d* requests by a bare client", output)


def test_one_page_has_all_promises(tmp_path: Path) -> None:
    """Each promise has a figure, a limit, a verdict and a command, and nothing is left out."""
    run("speed", "--tiny", "--out", str(tmp_path / "speed.md"))
    lines = (tmp_path / "speed.md").read_text("utf-8").splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if "| `benchmarks." in line]
    assert len(rows) == 15
    assert {row[3] for row in rows} <= {"yes", "**no**"}
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "CPU of an event by stage, ms", "Sweeps, and their requests by a bare client", "Peers",
        "A long event list",
    ]  # fmt: skip


def test_long_event_list_is_read_and_planned() -> None:
    """Every event is in a batch, and every batch has searches."""
    output = run("event_list", "--events", "100")
    assert "100 events, " in output
    assert "within 180 s and 600 MB" in output


def test_events_of_a_long_list_are_scanned_against_an_archive() -> None:
    """The events in the area of the archive have candidates, and the model is compared."""
    words = ["--archive-items", "3000", "--bbox", "4", "43", "16", "53", "--scanned", "6"]
    output = run("event_list", "--events", "5000", *words)
    assert "\n6 events, 6 of them with candidates, " in output
    assert re.search(r"The model expects [\d.]+ times the measured CPU", output)


def test_cost_of_the_engine_is_measured() -> None:
    """The table has a row for each number of events."""
    output = run("orchestration", "--events", "20", "--workers", "1")
    assert output.splitlines()[-1].startswith("| 20 | ")


def test_scaling_shows_where_the_time_goes(tmp_path: Path) -> None:
    """Every kind runs, the steps add up to the time of the threads, and a picture is drawn."""
    words = ["--workers", "1", "--events", "8", "--repeats", "1", "--out", str(tmp_path)]
    words += ["--in-flight", "1", "4", "--mean-wait", "0.01"]
    words += ["--rounds", "1", "--least-searches", "9"]
    output = run("scaling", *words)
    assert "latency scaling on `local`" in output
    runs = pq.read_table(tmp_path / "scaling.parquet").to_pylist()
    assert {run["kind"] for run in runs} == {"strong", "weak", "latency"}
    for each in runs:
        steps = [name for name in each if name.endswith("_seconds") and name not in TOTALS]
        assert len(steps) == 10
        threads_time = each["n_threads"] * each["wall_seconds"]
        assert sum(each[name] for name in steps) == pytest.approx(threads_time)
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_floodscan_is_compared_with_a_plain_loop() -> None:
    """Wall time and requests of both are printed, and the client's CPU."""
    words = ["--events", "4", "--latency", "0.01", "--workers", "1", "--repeats", "1"]
    output = run("client", *words)
    assert "floodscan, lean" in output
    (n_items, n_candidates) = re.findall(r"(\d+) items\n.* (\d+) candidates", output)[0]
    assert n_items == n_candidates


@pytest.mark.usefixtures("postgres")
def test_requests_are_counted() -> None:
    """Merged searches, one search per slot and answers of many pages give the same result."""
    output = run("count_requests", "--events", "5", "--page-items", "10")
    found = re.findall(r"([\d.]+) searches an event", output)
    _, apart, merged, paged = (float(number) for number in found)
    assert merged < apart / 3
    assert paged > merged
    assert "all complete: False" not in output
    assert "byte for byte: True" in output


def test_a_sweep_of_many_floods_needs_few_searches() -> None:
    """At most 2.2 searches an event are planned, a quarter of one search per slot."""
    output = run("count_requests", "--events", "200", "--api", "none")
    apart, merged = (
        float(number) for number in re.findall(r"[\d.]+(?= searches|$)", output, re.MULTILINE)
    )
    assert merged <= min(2.2, apart / 4)


@pytest.mark.usefixtures("postgres")
def test_forms_of_fields_are_compared() -> None:
    """Each of the twelve forms is measured for each of the three collections."""
    output = run("lean_fields", "--events", "1", "--repeats", "1")
    assert output.count("ms in total") == 3 * 12
    assert output.count("as floodscan asks ") == 3


def test_the_join_of_an_archive_is_compared() -> None:
    """DuckDB finds the same items, and all floods are scanned."""
    words = ["--items", "3000", "--bbox", "4", "43", "16", "53", "--events", "3", "--many", "20"]
    output = run("archives", *words, "--sample", "9", "--repeats", "1")
    assert "equal items: True" in output
    assert "3 with 27 slot searches" in output
    assert "most memory of a worker" in output


def test_policies_are_compared(tmp_path: Path) -> None:
    """The table has a column for each policy, with the published figures of the demo."""
    run("policies", "--events", "2", "--out", str(tmp_path / "table.md"))
    header, *rows = (tmp_path / "table.md").read_text("utf-8").splitlines()
    assert "demo, change-detection" in header
    chips = "| chips of all items | 890 of 1,120 | 1,120 of 1,120 | 1,120 of 1,120 |"
    assert any(row.startswith(chips) for row in rows)


def test_clear_sky_counts_requests_and_errors() -> None:
    """Scenes are read from the servers of the tests, with and without latency."""
    words = ("--scenes", "6", "--latency", "0.01", "--at-once", "3", "--areas", "3")
    output = run("clear_sky", *words)
    assert "unread: 0 of 6 scenes\nrequests a scene: 1 at most" in output
    assert "error of the clear share over 3 areas" in output


def test_clear_ground_is_compared_with_clouds_of_scenes(tmp_path: Path) -> None:
    """What is promised by clear ground is clear; by the clouds of scenes it may not be."""
    run("clear_sky_choices", "--events", "2", "--out", str(tmp_path / "table.md"))
    lines = (tmp_path / "table.md").read_text("utf-8").splitlines()
    rows = {cells[1].strip(): cells[-3:-1] for line in lines if len(cells := line.split("|")) > 3}
    chips = {
        name: [int(cell.split(" of ")[0].replace(",", "")) for cell in cells]
        for name, cells in rows.items()
        if "clouds" not in name and "---" not in name
    }
    assert len(chips) == 4
    assert all(len({*found}) == 1 for name, found in chips.items() if name.endswith("area"))
    assert all(found[0] >= found[1] for found in chips.values())
    assert "scenes were looked at." in lines[-1]


def test_peers_are_compared(tmp_path: Path) -> None:
    """All peers choose as the reference policy does; change-detection has no violation."""
    words = ["--events", "2", "--latency", "0", "--in-flight", "4", "--repeats", "1"]
    run("peers", *words, "--out", str(tmp_path))
    page = (tmp_path / "peers.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    header, *ways = rows
    first_quality = header.index("slots filled")
    quality = {tuple(way[:2]): way[first_quality:] for way in ways}
    assert len(quality) == 10
    published = quality["floodscan, reference", "api"]
    together = quality["floodscan, change-detection", "api"]
    for (name, _), found in quality.items():
        assert found == (together if "change-detection" in name else published)
    assert published[1] != "0"
    assert together[1:4] == ["0", "0", "0"]
    assert all(float(way[header.index("requests")]) > 0 for way in ways if way[1] == "api")
    assert (tmp_path / "peers.png").stat().st_size > 10_000


def test_a_model_is_checked_against_sweeps(tmp_path: Path) -> None:
    """It has a row for each sweep that ran, and says what limits those that can't run here."""
    path, archive = tmp_path / "costs.json", tmp_path / "archive"
    start, box = datetime(2018, 1, 1, tzinfo=UTC), (4.0, 43.0, 16.0, 53.0)
    write_archive(archive, Extent(start=start, n_items=3000, boxes=(box,)))
    words = ("--events", "4", "--latency", "0.01", "--batches", "4", "--nodes", "1", "8")
    files = ("--archive", str(archive), "--write", str(path))
    output = run("model", *words, "--pace", "0.01", "--repeats", "1", *files)
    assert "40 tasks on 8 places took " in output
    assert "| none | 4 | 0.01 | 1 | " in output
    assert "| 2 | 4 | 0.01 | 64 | " in output
    assert "| none | 4 | 0.08 | 32 | " in output
    assert "| 256 | 100 | " in output
    costs = orjson.loads(path.read_bytes())["costs"]
    assert [Costs(**costs[policy]).item_bytes > 0 for policy in Policy] == [True, True]
    assert re.search(r"\n\| stored_megabyte \| -?[\d.]+ \| -?[\d.]+ \|\n\| joined_item \| ", output)
