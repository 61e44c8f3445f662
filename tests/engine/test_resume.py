"""A run that stopped is continued, and never mixed with another run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import orjson
import pyarrow.parquet as pq
import pytest

from floodscan import ManifestError, OutputError, Policy, Recipe, Sensor, scan, scanning
from floodscan.catalogs import ArchiveCatalog
from floodscan.clusters import open_client
from floodscan.report.status import examine_run
from floodscan.store import RunFolder, locked
from floodscan.store.heartbeat import Driver
from floodscan.testing.build_demo import DEMO_FOLDER
from tests.engine.test_isolation import BAD, no_second_chance
from tests.runs import result_bytes
from tests.sweeps import GATEWAY_TIMEOUT, deadly_demo, demo_copies, faulty_demo, write_table
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from floodscan import Event

N_EVENTS = 90  # two batches or more
EVENTS = demo_copies(N_EVENTS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of a run without interruption."""
    out = tmp_path_factory.mktemp("whole") / "out"
    scan(EVENTS, catalog="demo", out=out)
    return result_bytes(out)


def start(events: Path, out: Path) -> subprocess.Popen[str]:
    """Start a scan in another process, without a cluster."""
    command = [
        sys.executable,
        "-m",
        "floodscan",
        "scan",
        str(events),
        "--catalog",
        "demo",
        "--cluster",
        "none",
    ]
    command += ["--out", str(out)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603


def wait_for_batch(out: Path) -> None:
    """Wait until the first batch is done; then others are not."""
    wait_for(lambda: list(out.glob("events/*.parquet")), "no batch is done")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_new_driver_continues_the_run_of_a_killed_one(
    number: signal.Signals, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """Finished batches are not repeated, and the results are those of a run without a stop."""
    out = tmp_path / "out"
    driver = start(write_table(tmp_path / "events.csv", EVENTS), out)
    wait_for_batch(out)
    driver.send_signal(number)
    _, errors = driver.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert "events are done and kept; run the same command again to continue" in errors
        assert driver.returncode == 128 + number
    state = examine_run(RunFolder(out))
    assert state["state"] == "stopped"
    assert 0 < state["counts"]["events"] < N_EVENTS == state["counts"]["events"] + state["missing"]
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("candidates/*.parquet")}
    seen: list[int] = []
    result = scan(EVENTS, catalog="demo", out=out, on_progress=lambda done, _: seen.append(done))
    assert seen[0] == state["counts"]["events"]
    assert result.counts["complete"] == N_EVENTS == len(result.outcomes)
    marked = {
        path.name
        for path in out.glob("candidates/*.parquet")
        if done.get(path.name) == path.stat().st_mtime_ns
    }
    assert marked
    assert result_bytes(out) == whole
    assert sorted(path.name for path in out.iterdir()) == [
        "candidates", "events.parquet", "manifests", "run.json", "searches.parquet",
    ]  # fmt: skip


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    """No file is written again, and no cluster is opened."""
    scan(EVENTS[:3], catalog="demo", out=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("candidates/*")}
    again = scan(EVENTS[:3], catalog="demo", out=tmp_path, client=lambda: pytest.fail("opened"))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("candidates/*")} == before
    assert again.counts["complete"] == len(again.outcomes) == 3


@pytest.mark.parametrize("kept", [range(0, N_EVENTS, 3), range(70), range(1, N_EVENTS)])
def test_added_events_give_the_results_of_a_run_of_all(
    kept: range, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """Few or many events are added before, between and after the first ones."""
    scan([EVENTS[n] for n in kept], catalog="demo", out=tmp_path)
    result = scan(EVENTS, catalog="demo", out=tmp_path)
    assert result.counts["events"] == len(result.outcomes) == N_EVENTS
    assert result_bytes(tmp_path) == whole


def die_before_outcomes(out: Path, events: Sequence[Event], *, packed: bool) -> None:
    """Scan, and be killed when only the outcomes of a batch are not written yet."""
    rename = Path.replace

    def rename_or_die(path: Path, target: Path) -> Path:
        if target.parent.name == "events":
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    pytest.MonkeyPatch().setattr(Path, "replace", rename_or_die)
    scan(events, catalog="demo", out=out, pack_manifests=packed)


@pytest.mark.parametrize("packed", [False, True])
def test_an_unfinished_batch_leaves_nothing_in_a_run_of_more_events(
    packed: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """The batch is another one then: the old candidates, searches and manifests are gone."""
    killed = multiprocessing.get_context("spawn").Process(
        target=die_before_outcomes, args=(tmp_path / "out", EVENTS[:3]), kwargs={"packed": packed}
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    begun = [path.name for path in tmp_path.glob("out/candidates/*")]
    assert [path.name for path in tmp_path.glob("out/searches/*")] == begun
    assert len(list(tmp_path.glob("out/events/.*.parquet.*.tmp"))) == 1
    results = [
        scan(EVENTS[:4], catalog="demo", out=tmp_path / name, pack_manifests=packed).folder
        for name in ("out", "calm")
    ]
    assert begun
    assert len(results[0].searches.read()) == len(results[1].searches.read())
    packs = [{path.name for path in folder.manifests_path.iterdir()} for folder in results]
    assert packs[0] == packs[1]
    assert not list(tmp_path.rglob("*.tmp"))
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "calm")


def test_an_old_batch_that_a_late_worker_writes_is_removed(tmp_path: Path) -> None:
    """The worker outlives its killed driver, and writes while the next driver runs."""
    late = scan(EVENTS[:3], catalog="demo", out=tmp_path / "late").folder
    ((batch, rows),) = late.events.batches()

    def write_late(*_: object) -> None:
        folder = RunFolder(tmp_path / "out")
        folder.events.write(batch, rows)
        folder.searches.write(batch, late.searches.read())
        folder.write_candidates(batch, late.read_part(batch))

    result = scan(EVENTS[:4], catalog="demo", out=tmp_path / "out", on_progress=write_late)
    assert len(result.folder.read_events()) == result.counts["events"] == 4
    assert set(result.folder.searches.read()["batch"].to_pylist()) == set(
        result.folder.read_events()["batch"].to_pylist()
    )
    scan(EVENTS[:4], catalog="demo", out=tmp_path / "calm")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "calm")


@pytest.mark.parametrize("torn", [b"", b"PAR1 and half of what follows"])
def test_a_batch_with_a_broken_file_is_repeated(torn: bytes, tmp_path: Path) -> None:
    """Its node was lost while the outcomes were written."""
    folder = scan(EVENTS[:3], catalog="demo", out=tmp_path / "out").folder
    (batch,) = {row["batch"] for row in folder.read_events().to_pylist()}
    calm = result_bytes(folder.path)
    folder.events.whole.unlink()
    folder.prepare()
    (folder.events.folder / f"{batch}.parquet").write_bytes(torn)
    assert examine_run(folder)["missing"] == 3
    seen: list[int] = []
    scan(EVENTS[:3], catalog="demo", out=folder.path, on_progress=lambda done, _: seen.append(done))
    assert seen == [0, 3]
    assert result_bytes(folder.path) == calm
    assert len(folder.read_events()) == 3


def test_events_that_left_the_list_are_an_error(tmp_path: Path) -> None:
    """The message names them, and no file changes."""
    scan(EVENTS[:4], catalog="demo", out=tmp_path)
    before = result_bytes(tmp_path)
    with pytest.raises(
        OutputError, match=r"holds 1 events that are not in the list now \(copy-003\)"
    ):
        scan(EVENTS[:3], catalog="demo", out=tmp_path)
    assert result_bytes(tmp_path) == before


def test_another_recipe_or_catalog_is_an_error(tmp_path: Path) -> None:
    """The message names the fields that differ, and no file changes."""
    scan(EVENTS[:1], catalog="demo", out=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    sensors = Recipe().sensors
    wider = {**sensors, Sensor.S1RTC: replace(sensors[Sensor.S1RTC], window_days=6)}
    with pytest.raises(
        OutputError, match=r"recipe\.sensors\.S1RTC\.window_days is 4 there, and 6 here"
    ):
        scan(EVENTS[:1], catalog="demo", out=tmp_path, recipe=Recipe(sensors=wider))
    with pytest.raises(OutputError, match=r"catalog\.location is .* there, and faulty here"):
        scan(EVENTS[:1], catalog=faulty_demo(GATEWAY_TIMEOUT), out=tmp_path)
    with pytest.raises(OutputError, match="manifests is files there, and packed here"):
        scan(EVENTS[:1], catalog="demo", out=tmp_path, pack_manifests=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_archive_with_other_files_is_another_catalog(tmp_path: Path) -> None:
    """Its path and its id are the same; a copy of the same files is the same catalog."""
    demo, snapshot = ArchiveCatalog.at(str(DEMO_FOLDER)), tmp_path / "snapshot"
    shutil.copytree(DEMO_FOLDER, snapshot, copy_function=shutil.copyfile)
    assert ArchiveCatalog.at(str(snapshot)).digest() == demo.digest()
    scan(EVENTS[:1], catalog=str(snapshot), out=tmp_path / "out")
    before = result_bytes(tmp_path / "out")
    items = pq.read_table(snapshot / "sentinel-2-l2a.parquet")
    pq.write_table(items.slice(0, len(items) // 2), snapshot / "sentinel-2-l2a.parquet")
    with pytest.raises(OutputError, match=r"catalog\.digest is \w+ there, and \w+ here"):
        scan(EVENTS[:2], catalog=str(snapshot), out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == before
    shutil.copyfile(DEMO_FOLDER / "sentinel-2-l2a.parquet", snapshot / "sentinel-2-l2a.parquet")
    assert scan(EVENTS[:2], catalog=str(snapshot), out=tmp_path / "out").counts["complete"] == 2


def test_failed_searches_are_repeated_on_request(tmp_path: Path) -> None:
    """Only with ``retry_failed``; then the results are those of a run without a failure."""
    first = scan(EVENTS[:2], catalog=faulty_demo(GATEWAY_TIMEOUT), out=tmp_path / "out")
    assert first.counts["partial"] == 2
    again = scan(EVENTS[:2], catalog=faulty_demo(), out=tmp_path / "out")
    assert again.counts["partial"] == 2
    retried = scan(EVENTS[:2], catalog=faulty_demo(), out=tmp_path / "out", retry_failed=True)
    assert retried.counts["complete"] == len(retried.outcomes) == 2
    scan(EVENTS[:2], catalog="demo", out=tmp_path / "calm")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "calm")


def test_an_event_that_fails_loses_the_manifest_of_an_earlier_try(tmp_path: Path) -> None:
    """First one of its searches failed; in the second try it crashes its workers."""
    events = [EVENTS[0], BAD[0]]
    scan(events, catalog=faulty_demo(GATEWAY_TIMEOUT), out=tmp_path / "out")
    (tmp_path / "deaths").mkdir()
    catalog = deadly_demo(tmp_path / "deaths", location=faulty_demo().location)
    with no_second_chance(), open_client("local", n_workers=1) as client:
        result = scan(
            events, catalog=catalog, out=tmp_path / "out", client=client, retry_failed=True
        )
    assert [outcome.status for outcome in result.outcomes] == ["complete", "failed"]
    assert [path.stem for path in result.folder.manifests_path.iterdir()] == [EVENTS[0].event_id]
    with pytest.raises(ManifestError, match="there is no manifest: worker_lost"):
        result.folder.read_manifest(BAD[0].event_id)


def test_a_second_driver_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    """The message names the first driver's process; a killed driver blocks nobody."""
    events, out = write_table(tmp_path / "events.csv", EVENTS), tmp_path / "out"
    first = start(events, out)
    wait_for_batch(out)
    first.send_signal(signal.SIGSTOP)
    assert examine_run(RunFolder(out))["state"] == "running"
    second = start(events, out)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"process {first.pid} on" in errors
    assert "is writing to it" in errors
    first.kill()
    first.communicate()
    third = start(events, out)
    third.communicate(timeout=120)
    assert third.returncode == 0
    assert examine_run(RunFolder(out))["state"] == "finished"


def take_over(out: Path) -> bytes:
    """Take a folder over, as a driver on another machine does."""
    lock = msgspec.json.encode(msgspec.structs.replace(Driver.here(), host="another"))
    (out / "lock").write_bytes(lock)
    os.utime(out / "lock", (0, 0))
    (out / "lock").replace(out / ".driver.json")
    return lock


def test_a_driver_leaves_the_lock_of_its_successor_alone(tmp_path: Path) -> None:
    """It neither removes it nor sends heartbeats for it."""
    with locked(tmp_path, beat_seconds=0.01):
        lock = take_over(tmp_path)
        time.sleep(0.2)
    assert (tmp_path / ".driver.json").read_bytes() == lock
    assert (tmp_path / ".driver.json").stat().st_mtime == 0


@pytest.mark.parametrize("last", [0, 3])
def test_a_driver_whose_folder_was_taken_over_stops(last: int, tmp_path: Path) -> None:
    """It was suspended, for example; the other driver finishes the run."""

    def be_suspended(done: int, _: int) -> None:
        if done == last:
            take_over(tmp_path)

    with pytest.raises(
        OutputError, match="another process took it over, because this one gave no sign"
    ):
        scan(EVENTS[:3], catalog="demo", out=tmp_path, on_progress=be_suspended)
    assert not (tmp_path / "events.parquet").exists()
    assert (tmp_path / ".driver.json").exists()
    assert scan(EVENTS[:3], catalog="demo", out=tmp_path).counts["complete"] == 3


def between_check_and_lock(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen after a driver checked a folder and before it locks the folder."""

    def happen_and_lock(folder: Path) -> AbstractContextManager[None]:
        monkeypatch.undo()
        happens()
        return locked(folder)

    monkeypatch.setattr(scanning, "locked", happen_and_lock)


def test_another_run_of_a_faster_driver_is_found_under_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is checked again under the lock."""
    other = replace(Recipe(), policy=Policy.CHANGE_DETECTION)
    between_check_and_lock(
        monkeypatch, lambda: scan(EVENTS[:1], catalog="demo", out=tmp_path, recipe=other)
    )
    with pytest.raises(
        OutputError, match=r"recipe\.policy is change-detection there, and reference here"
    ):
        scan(EVENTS[:1], catalog="demo", out=tmp_path)
    assert examine_run(RunFolder(tmp_path))["counts"]["complete"] == 1


def test_the_same_run_of_a_faster_driver_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders of the batches, which its end removed, are made again."""
    between_check_and_lock(monkeypatch, lambda: scan(EVENTS[:1], catalog="demo", out=tmp_path))
    assert scan(EVENTS[:2], catalog="demo", out=tmp_path).counts["complete"] == 2


def test_a_run_of_another_version_is_an_error(tmp_path: Path) -> None:
    """Another version may have chosen by other rules."""
    scan(EVENTS[:1], catalog="demo", out=tmp_path)
    run = orjson.loads((tmp_path / "run.json").read_bytes())
    (tmp_path / "run.json").write_bytes(orjson.dumps({**run, "floodscan": "0.0.1"}))
    with pytest.raises(OutputError, match=r"floodscan is 0\.0\.1 there, and"):
        scan(EVENTS[:1], catalog="demo", out=tmp_path)
