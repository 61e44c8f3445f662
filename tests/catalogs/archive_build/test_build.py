"""An archive that is built from an API stands for the API, however it was built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from floodscan import scan
from floodscan.catalogs import open_catalog
from tests.catalogs.archive.layouts import DEM, OPTICAL, RADAR
from tests.cli.conftest import run_command
from tests.runs import result_bytes
from tests.sweeps import make_events, write_table
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.fixtures import StacApi

    Build = Callable[..., str]

N_EVENTS = 12


@pytest.fixture
def build(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lean_api: StacApi
) -> Build:
    """Return a function that builds an archive from the API in memory, and returns its output."""

    def call(*words: object) -> str:
        words = ("archive", "build", *words, "--catalog", lean_api.url)
        status, output, errors = run_command(monkeypatch, capfd, *words)
        assert (status, errors) == (0, "")
        return output

    return call


def read_files(archive: Path) -> dict[str, bytes]:
    """Read all files of an archive, also hidden ones."""
    return {
        path.relative_to(archive).as_posix(): path.read_bytes()
        for path in archive.rglob("*")
        if path.is_file()
    }


def has_files(archive: Path, n_files: int) -> bool:
    """Return whether an archive has so many complete files."""
    return len([*archive.rglob("[!.]*.parquet")]) >= n_files


def read_ids(archive: Path) -> Counter[tuple[str, str]]:
    """Count the items of an archive."""
    tables = [pq.read_table(path, columns=["id"]) for path in sorted(archive.rglob("*.parquet"))]
    names = [path.parent.name for path in sorted(archive.rglob("*.parquet"))]
    return Counter(
        (name, item_id)
        for name, table in zip(names, tables, strict=True)
        for item_id in table["id"].to_pylist()
    )


@pytest.mark.processes
def test_a_build_that_was_killed_twice_gives_the_same_bytes(
    pgstac_api: StacApi, tmp_path: Path
) -> None:
    """And an archive with which a scan gives the bytes that it gives with the API."""
    events = write_table(tmp_path / "events.csv", make_events(N_EVENTS))
    command = [sys.executable, "-m", "floodscan", "archive", "build", str(events)]
    command += ["--catalog", pgstac_api.url, "--out"]
    subprocess.run([*command, tmp_path / "undisturbed"], check=True)  # noqa: S603
    killed, wanted = tmp_path / "killed", read_files(tmp_path / "undisturbed")
    for n_files in (1, 3):
        process = subprocess.Popen([*command, killed, "--max-per-second", "2"])  # noqa: S603
        wait_for(partial(has_files, killed, n_files), "the first files")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert n_files <= len([*killed.rglob("[!.]*.parquet")]) < len(wanted)
    before = pgstac_api.searches()
    subprocess.run([*command, killed], check=True)  # noqa: S603
    assert pgstac_api.searches() - before < len(wanted)
    assert read_files(killed) == wanted
    scan(str(events), catalog=pgstac_api.url, out=tmp_path / "searched")
    result = scan(str(events), catalog=str(killed), out=tmp_path / "joined")
    assert result.counts["filled"] > N_EVENTS * 6
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")


@pytest.mark.processes
def test_ctrl_c_ends_a_build_at_once(lean_api: StacApi, tmp_path: Path) -> None:
    """Without a traceback; what is done is kept, and the same command goes on."""
    command = [sys.executable, "-m", "floodscan", "archive", "build", "demo"]
    command += ["--catalog", lean_api.url, "--out", str(tmp_path / "own")]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--max-per-second", "0.2"], stderr=subprocess.PIPE, text=True
    )
    wait_for(partial(has_files, tmp_path / "own", 1), "the first file")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    (message,) = errors.split("\n\n")[0].splitlines()
    assert message.endswith(" of 5 files are done and kept; run the same command again to continue")
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert "4 of 5 files written" in done.stdout


def test_an_archive_is_extended(build: Build, lean_api: StacApi, tmp_path: Path) -> None:
    """Other events add their items; each item is there once, and nothing is asked for twice."""
    events = make_events(8)
    few, all_events = tmp_path / "few.csv", tmp_path / "all.csv"
    write_table(few, events[:3])
    write_table(all_events, events)
    own = tmp_path / "own"
    build(few, "--out", own)
    first = read_ids(own)
    build(all_events, "--out", own)
    assert "0 of " in build(all_events, "--out", own)
    assert "0 of " in build(few, "--out", own)
    both = read_ids(own)
    assert both.keys() > first.keys()
    assert set(both.values()) == {1}
    scan(str(all_events), catalog=lean_api.url, out=tmp_path / "searched")
    result = scan(str(all_events), catalog=str(own), out=tmp_path / "joined")
    assert result.counts["filled"] > 50
    assert result_bytes(tmp_path / "joined") == result_bytes(tmp_path / "searched")


BOX = ("--bbox", "5", "49", "7", "51", "--collections", f"{OPTICAL}, {RADAR},{DEM}")


def test_later_months_give_the_bytes_of_one_build(build: Build, tmp_path: Path) -> None:
    """June, then the first half of July, then all of July; the DEM has no months."""
    for end in ("2021-06-30", "2021-07-15", "2021-07-31"):
        build(*BOX, "--start", "2021-06-03", "--end", end, "--out", tmp_path / "steps")
    build(*BOX, "--start", "2021-06-03", "--end", "2021-07-31", "--out", tmp_path / "once")
    files = read_files(tmp_path / "once")
    assert files.keys() == {
        f"{DEM}/any-time.parquet",
        *(f"{name}/2021-{month}.parquet" for name in (OPTICAL, RADAR) for month in ("06", "07")),
    }
    assert read_files(tmp_path / "steps") == files
    times = pq.read_table(tmp_path / "once" / RADAR)["datetime"].to_pylist()
    assert min(times) >= datetime(2021, 6, 3, tzinfo=UTC)


def test_a_month_is_asked_for_again_until_its_items_are_complete(
    build: Build, tmp_path: Path
) -> None:
    """Catalogs add items late: a file that was written soon after its month may lack some."""
    words = (*BOX, "--start", "2021-07-01", "--end", "2021-07-31", "--out", tmp_path / "own")
    build(*words)
    files = read_files(tmp_path / "own")
    path = tmp_path / "own" / RADAR / "2021-07.parquet"
    soon = datetime(2021, 8, 20, tzinfo=UTC).timestamp()
    os.utime(path, (soon, soon))
    assert "1 of 3 files written" in build(*words)
    assert "0 of 3 files written" in build(*words)
    assert read_files(tmp_path / "own") == files


def test_only_what_was_asked_for_is_covered(build: Build, tmp_path: Path) -> None:
    """Events elsewhere, or at another time, are not silently without scenes."""
    own = tmp_path / "own"
    near, far = make_events(2)
    build(write_table(tmp_path / "near.csv", [near]), "--out", own)
    result = scan(near, catalog=str(own), out=tmp_path / "there")
    assert result.counts["filled"] > 5
    assert "not_covered" not in {r.code for each in result.outcomes for r in each.reasons}
    result = scan(far, catalog=str(own), out=tmp_path / "elsewhere")
    (outcome,) = result.outcomes
    assert {each.code for each in outcome.reasons} == {"not_covered"}
    assert len(outcome.reasons) == result.counts["slots"] == 9
    assert "in the areas it is for" in str(outcome.reason)


def test_a_collection_without_items_is_known(build: Build, tmp_path: Path) -> None:
    """An archive says that there are none, as the API does."""
    box = ("--bbox", "-30", "-60", "-29", "-59", "--start", "2021-07-01", "--end", "2021-07-31")
    output = build(*box, "--out", tmp_path / "own")
    assert "0 items; 3 of 3 files written" in output
    catalog = open_catalog(str(tmp_path / "own"))
    assert catalog.describe([OPTICAL, RADAR, DEM]) == "floodscan-demo"
