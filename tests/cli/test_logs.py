"""The log: one clean line per record, on the screen and in a file, with no secret in it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from floodscan.errors import public_text
from floodscan.testing.servers.process import free_port
from tests.cli.conftest import EVENT
from tests.report.test_foreign_text import SHOWN, write_hostile_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.servers.fixtures import StacApi

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) [\w.]+: .+")
SLOW_WORKER = """
import sys, time
from floodscan.cli.logs import open_log
with open_log(0, sys.argv[1]):
    from floodscan.clusters import open_client
    with open_client("local", n_workers=1) as client:
        client.run(lambda dask_worker: bool(dask_worker.loop.call_later(0.2, time.sleep, 60)))
        time.sleep(1)
"""


def read_records(path: Path) -> list[str]:
    """Read a log file, and check the form of each line."""
    text = path.read_bytes().decode("utf-8")
    lines = text.splitlines()
    assert text.replace("\n", "").isprintable()
    assert [line for line in lines if not RECORD.fullmatch(line)] == []
    return [line.partition(": ")[2] for line in lines]


def test_a_scan_logs_searches_events_and_its_end(tmp_path: Path, run: Run) -> None:
    """Records are added to the file, and nothing is printed without --verbose."""
    words = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")
    for _ in range(2):
        assert run(*words, "--log-file", tmp_path / "log")[2] == ""
    records = read_records(tmp_path / "log")
    assert records[0].startswith("scan of 1 events in 1 batches, of which 0 are done; catalog demo")
    assert sum(record.startswith("search of sentinel-2-l2a, box 5.7") for record in records) == 1
    assert f"event {EVENT}: complete, 9 of 9 slots filled" in records
    assert records[-2].startswith("scan of 1 events in 1 batches, of which 1 are done")
    assert records[-1].startswith("finished: 1 events, 9 of 9 slots filled")


def test_each_v_prints_more(tmp_path: Path, run: Run) -> None:
    """-v prints what is done, and -vv also each chosen scene."""
    words = ("scan", "demo", "--cluster", "none", "--out")
    silent, once, twice = (
        run(*words, tmp_path / f"out{n}", *["-v"] * n)[2].splitlines() for n in range(3)
    )
    assert silent == []
    assert all(map(RECORD.fullmatch, [*once, *twice]))
    assert not any("chosen" in line for line in once)
    chosen = [line for line in twice if f"DEBUG floodscan.pipeline: event {EVENT}" in line]
    assert len(chosen) == len(twice) - len(once) >= 9
    assert any("aoi/event/S1RTC: chosen S1A_IW_GRDH" in line for line in chosen)


@pytest.mark.processes
def test_records_of_workers_are_in_the_log(demo_out: Path, tmp_path: Path, run: Run) -> None:
    """Searches are made by workers, and so are choices from stored candidates."""
    cluster = ("--cluster", "local", "--workers", 1)
    run("scan", "demo", *cluster, "--out", tmp_path / "out", "--log-file", tmp_path / "scan")
    assert sum(each.startswith("search of ") for each in read_records(tmp_path / "scan")) == 3
    run("reselect", demo_out, *cluster, "--out", tmp_path / "re", "--log-file", tmp_path / "again")
    records = read_records(tmp_path / "again")
    assert records[0].startswith("choosing again for 1 events in 1 batches of ")
    assert f"event {EVENT}: complete, 9 of 9 slots filled" in records


def test_foreign_text_is_one_line(tmp_path: Path, run: Run) -> None:
    """Ids of a catalog and the path of the output are hostile."""
    catalog = write_hostile_catalog(tmp_path / "catalog")
    words = ("scan", "demo", "--cluster", "none", "--catalog", catalog)
    out = tmp_path / "a\x1b]0;owned\x07\n2026-01-01T00:00:00.000Z INFO x: y"
    _, _, errors = run(*words, "--out", out, "-vv", "--log-file", tmp_path / "log")
    records = read_records(tmp_path / "log")
    assert any(SHOWN in record for record in records)
    assert r"a\x1b]0;owned\x07\n2026" in records[0]
    assert errors.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("GET https://me:pw@x.test/a?sv=1&sig=abc%3D HTTP", "GET https://x.test/a?… HTTP"),
        ('"POST /search?token=abc HTTP/1.1" 200', '"POST /search?… HTTP/1.1" 200'),
        ("token=abc, next", "token=…, next"),
        ("{'sas_token': 'abc', 'n': 1}", "{'sas_token': '…', 'n': 1}"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
        ("sig=a; api_key: b", "sig=…; api_key: …"),
        ("assignment = 3, design: round", "assignment = 3, design: round"),
        ("search of x, box 5.7, 49.4: 3 items", "search of x, box 5.7, 49.4: 3 items"),
    ],
)
def test_credentials_are_removed(text: str, public: str) -> None:
    """Users, passwords and queries of URLs, and values of keys that are secret."""
    assert public_text(text) == public


def test_no_secret_of_a_catalog_is_logged(tmp_path: Path, lean_api: StacApi, run: Run) -> None:
    """The address of a catalog may have a password and a token."""
    down = f"http://me:hidden1@127.0.0.1:{free_port()}/?token=hidden2"
    up = lean_api.url.replace("://", "://me:hidden1@") + "/?token=hidden2"
    logs = []
    for number, url in enumerate((down, up)):
        words = ("scan", "demo", "--cluster", "none", "--refresh", "--catalog", url)
        log = tmp_path / f"log{number}"
        printed = run(*words, "--out", tmp_path / f"out{number}", "-vv", "--log-file", log)
        logs.append("\n".join([*read_records(log), *printed[1:]]))
    assert "a request is repeated in " in logs[0]
    assert "search of sentinel-1-rtc and sentinel-2-l2a" in logs[1]
    assert "hidden" not in "".join(logs)


@pytest.mark.parametrize("path", ["none/log", "x" * 300, ""])
def test_a_log_file_that_cannot_be_written_is_a_mistake(
    path: str, tmp_path: Path, run: Run
) -> None:
    """It is reported in one message, before any work is done."""
    log = tmp_path / path
    words = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out", "--log-file", log)
    status, output, errors = run(*words)
    assert (status, output) == (2, "")
    assert errors.startswith(f"error: --log-file {log}: can't be written: ")
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_reported_once(tmp_path: Path, run: Run) -> None:
    """The run goes on without its log."""
    words = ("scan", "demo", "--cluster", "none", "--out", tmp_path / "out")
    status, _, errors = run(*words, "--log-file", "/dev/full")
    assert (status, errors) == (0, "--log-file /dev/full: No space left on device\n")


@pytest.mark.processes
def test_warnings_of_dask_are_only_in_the_file(tmp_path: Path) -> None:
    """On a loaded machine, workers often need longer to end than Dask expects."""
    command = [sys.executable, "-c", SLOW_WORKER, str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stderr == ""
    records = read_records(tmp_path / "log")
    assert any("Worker process still alive after" in record for record in records)
