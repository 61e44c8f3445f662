"""Archives are joined with many batches at once; results are those of any other catalog."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from distributed import KilledWorker

from floodscan import CatalogError, scan
from floodscan.catalogs import ArchiveCatalog, open_catalog
from floodscan.catalogs.archive import places, reading
from floodscan.catalogs.archive.joined import JoinedCatalog
from floodscan.catalogs.archive.shards import cut_shards, group_searches
from floodscan.clusters import open_client
from floodscan.engine import join_on_cluster, joining
from floodscan.model import Search
from floodscan.planning.event_list import list_events
from floodscan.planning.slots import Batch
from floodscan.testing.build_demo import DEMO_FOLDER
from floodscan.testing.fake_catalog import FakeCatalog
from tests.catalogs.archive.layouts import ASSETS, OPTICAL, demo_table
from tests.runs import result_bytes
from tests.sweeps import make_events, write_table
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = make_events(90)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's archive in many row groups."""
    folder = tmp_path_factory.mktemp("archive") / "demo"
    folder.mkdir()
    for collection in ASSETS:
        pq.write_table(demo_table(collection), folder / f"{collection}.parquet", row_group_size=30)
    return folder


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of a run that searches the same items one search at a time."""
    out = tmp_path_factory.mktemp("searched") / "out"
    catalog = FakeCatalog(source=open_catalog("demo"))
    scan(EVENTS, catalog=catalog, out=out)
    return result_bytes(out)


def test_a_join_gives_the_bytes_of_single_searches(
    archive: Path, searched: dict[str, bytes], tmp_path: Path
) -> None:
    """In one process; nothing of the join is left behind."""
    result = scan(EVENTS, catalog=str(archive), out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == searched
    assert result.counts["requests"] == 0
    assert not list((tmp_path / "out").glob(".*"))


def test_a_task_that_outlives_its_run_is_no_bug(tmp_path: Path) -> None:
    """After Ctrl-C the answers are removed while workers still search."""
    catalog = JoinedCatalog(tmp_path / "gone", 1, (), rest=open_catalog("demo"))
    search = Search("sentinel-2-l2a", (5.8, 49.5, 6.4, 50.1), None, ("B04",), joined=True)
    with pytest.raises(CatalogError, match="the answers of the join are gone"):
        catalog.search(search)


def test_small_lots_give_the_same_bytes(
    archive: Path, searched: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch may be joined alone."""
    monkeypatch.setattr(joining, "LOT_EVENTS", 1)
    scan(EVENTS, catalog=str(archive), out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == searched


@pytest.mark.parametrize(
    ("n_events", "sizes"), [(0, []), (30, [30]), (100, [100]), (130, [130]), (140, [100, 40])]
)
def test_a_small_rest_belongs_to_the_lot_before_it(
    n_events: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most a third of a lot here, in batches of ten."""
    monkeypatch.setattr(joining, "LOT_EVENTS", 100)
    monkeypatch.setattr(joining, "SMALL_LOT", 1 / 3)
    packed = [*list_events(make_events(n_events)).in_order()]
    batches = [Batch(str(n), tuple(packed[n : n + 10])) for n in range(0, n_events, 10)]
    lots = [*joining.cut_lots(batches)]
    assert [sum(len(batch.packed) for batch in lot) for lot in lots] == sizes
    assert [batch for lot in lots for batch in lot] == batches


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_cluster_gives_the_same_bytes(
    n_workers: int, archive: Path, searched: dict[str, bytes], tmp_path: Path
) -> None:
    """Shards are tasks of their own."""
    with open_client("local", n_workers=n_workers) as client:
        scan(EVENTS, catalog=str(archive), out=tmp_path / "out", client=client)
    assert result_bytes(tmp_path / "out") == searched
    assert not list((tmp_path / "out").glob(".*"))


def test_each_row_group_is_read_once(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of events; those that no window touches are not read."""
    read: list[tuple[str, int]] = []
    original = places.read_places

    def count(parquet: object, layout: object, row_group: int, *, mixed: bool) -> object:
        collection = layout.schema.names  # type: ignore[attr-defined]
        read.append((str(len(collection)), row_group))
        return original(parquet, layout, row_group, mixed=mixed)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_places", count)
    scan(EVENTS[:40], catalog=str(archive), out=tmp_path / "out")
    assert len(read) == len(set(read))
    n_row_groups = sum(pq.ParquetFile(file).num_row_groups for file in archive.glob("*.parquet"))
    assert 3 < len(read) <= n_row_groups


def test_a_run_that_is_killed_and_continued_has_the_same_bytes(
    archive: Path, tmp_path: Path
) -> None:
    """The answers of the killed join are removed."""
    events = write_table(tmp_path / "events.csv", EVENTS)
    scan(events, catalog=str(archive), out=tmp_path / "calm")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "floodscan", "scan", str(events), "--cluster", "none"]
    command += ["--catalog", str(archive), "--out", str(out)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as killed:
        wait_for(lambda: list(out.glob("candidates/*.parquet")), "no batch is written")
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    assert list(out.glob(".*.join"))
    scan(events, catalog=str(archive), out=out)
    assert result_bytes(out) == result_bytes(tmp_path / "calm")
    assert not list(out.glob(".*.join"))


@pytest.fixture
def damaged(archive: Path, tmp_path: Path) -> Path:
    """An archive with zeros in the middle of its optical file; the footer is fine."""
    folder = tmp_path / "damaged"
    shutil.copytree(archive, folder)
    path = folder / f"{OPTICAL}.parquet"
    metadata = pq.read_metadata(path).row_group(2)
    columns = (metadata.column(n) for n in range(metadata.num_columns))
    column = next(each for each in columns if each.path_in_schema == "id")
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(content)
    return folder


def test_a_row_group_that_cannot_be_read_leaves_its_slots_empty(
    damaged: Path, archive: Path, tmp_path: Path
) -> None:
    """The reason names the file; the slots of other times are filled, and a retry fills all."""
    out = tmp_path / "out"
    result = scan(EVENTS[:12], catalog=str(damaged), out=out)
    reasons = [each for outcome in result.outcomes for each in outcome.reasons]
    unread = [each for each in reasons if each.code == "incomplete"]
    assert unread
    assert all(f"row group 2 of {OPTICAL}.parquet can't be read" in str(r.detail) for r in unread)
    assert {each.sensor for each in unread} == {"S2L2A"}
    assert result.counts["filled"] > 12 * 5
    healthy = scan(EVENTS[:12], catalog=str(archive), out=tmp_path / "healthy")
    assert healthy.counts["filled"] > result.counts["filled"]
    shutil.copyfile(archive / f"{OPTICAL}.parquet", damaged / f"{OPTICAL}.parquet")
    scan(EVENTS[:12], catalog=str(damaged), out=out, retry_failed=True)
    assert result_bytes(out) == result_bytes(tmp_path / "healthy")


def test_a_file_that_is_cut_is_reported_before_the_run(archive: Path, tmp_path: Path) -> None:
    """Its footer is gone, so the error names the file and nothing is written."""
    folder = tmp_path / "cut"
    shutil.copytree(archive, folder)
    path = folder / f"{OPTICAL}.parquet"
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CatalogError, match=f"{OPTICAL}.parquet: "):
        scan(EVENTS[:1], catalog=str(folder), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bug_in_the_join_fails_the_events_of_the_lot(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it is raised, if the run does not keep going."""

    def fail(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(joining, "join_shard", fail)
    with pytest.raises(KeyError):
        scan(EVENTS[:2], catalog=str(archive), out=tmp_path / "out")
    result = scan(EVENTS[:2], catalog=str(archive), out=tmp_path / "out", keep_going=True)
    assert {each.code for o in result.outcomes for each in o.reasons} == {"internal_error"}


def test_a_file_that_changes_in_mid_run_is_not_read(archive: Path, tmp_path: Path) -> None:
    """Its row groups are no longer those of the index."""
    shutil.copytree(archive, tmp_path / "copy")
    catalog = open_catalog(str(tmp_path / "copy"))
    assert catalog.describe([OPTICAL])
    pq.write_table(demo_table(), tmp_path / "copy" / f"{OPTICAL}.parquet", row_group_size=20)
    answer = catalog.search(Search(OPTICAL, (5.0, 49.0, 7.0, 51.0), None, ("B02",)))
    assert not answer.complete
    assert "has changed since the run began" in str(answer.problem)


def test_a_shard_that_crashes_its_workers_is_unreadable(archive: Path) -> None:
    """Its slots are incomplete, as those of any row group that can't be read."""
    catalog = ArchiveCatalog.at(str(archive))
    search = Search(OPTICAL, (5.0, 49.0, 7.0, 51.0), None, ("B02",))
    (shard,) = cut_shards(catalog.index, group_searches([(search, 0)]))
    crash = KilledWorker("join", None, 3)  # type: ignore[arg-type]
    missing = join_on_cluster._give_up((catalog, shard), crash)
    assert len(missing) == len(shard.row_groups) > 3
    assert {part.reason for part in missing} == {"every worker that read it crashed"}
    assert all(part.touches(search) for part in missing)
    with pytest.raises(KeyError):
        join_on_cluster._give_up((catalog, shard), KeyError("bug"))


def test_the_demo_is_an_archive_too(tmp_path: Path) -> None:
    """Its folder and its name give the same bytes."""
    scan("demo", catalog=str(DEMO_FOLDER), out=tmp_path / "folder")
    scan("demo", out=tmp_path / "name")
    assert result_bytes(tmp_path / "folder") == result_bytes(tmp_path / "name")
