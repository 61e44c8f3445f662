"""The folder of a run: complete files, and tables that other tools can read."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from floodscan import OutputError, scan
from floodscan.report.status import examine_run
from floodscan.schemas import CANDIDATES, SEARCHES
from floodscan.store import RunFolder, find_lock_holder, locked
from floodscan.store.heartbeat import Driver
from floodscan.store.ledger import Ledger
from tests.sweeps import demo_copies


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the demo."""
    return scan("demo", out=tmp_path_factory.mktemp("run") / "out").folder


def test_candidates_are_geoparquet(folder: RunFolder) -> None:
    """Geopandas reads the folder with its coordinate system, and filters rows by a box."""
    frame = gpd.read_parquet(folder.candidates_path)
    assert frame.crs == "OGC:CRS84"
    assert len(frame) == len(folder.read_candidates())
    near = gpd.read_parquet(
        next(folder.candidates_path.glob("*.parquet")), bbox=(6.6, 49.3, 6.7, 49.4)
    )
    assert 0 < len(near) < len(frame)


def test_metadata_is_geoparquet_1_1(folder: RunFolder) -> None:
    """Version, encoding and covering follow the specification."""
    part = next(folder.candidates_path.glob("*.parquet"))
    geo = orjson.loads(pq.read_schema(part).metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["encoding"] == "WKB"
    assert geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    column = pq.ParquetFile(part).metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


def test_candidates_can_be_filtered(folder: RunFolder) -> None:
    """Flat columns and the bbox have statistics, and columns that repeat have dictionaries."""
    metadata = pq.read_metadata(next(folder.candidates_path.glob("*.parquet")))
    columns = [metadata.row_group(0).column(at) for at in range(metadata.num_columns)]
    for column in columns:
        nested = ".list." in column.path_in_schema or ".key_value." in column.path_in_schema
        assert (column.statistics is None) == nested, column.path_in_schema
    repeating = {column.path_in_schema for column in columns if column.has_dictionary_page}
    sizes = "proj_shapes.key_value.value.list.element"
    assert repeating >= {"event_id", "verdict", "rank", "geometry", "assets.key_value.key", sizes}
    assert repeating.isdisjoint({"item_id", "datetime", "assets.key_value.value", "bbox.xmin"})


def test_candidates_are_read_back(folder: RunFolder) -> None:
    """The table has the columns of CANDIDATES, and an unknown event has no rows."""
    assert folder.read_candidates().schema.equals(CANDIDATES)
    assert len(folder.read_candidates("nobody")) == 0


def test_no_temporary_file_is_left(folder: RunFolder) -> None:
    """Only the files that the guide describes are there."""
    names = sorted(
        str(file.relative_to(folder.path)) for file in folder.path.rglob("*") if file.is_file()
    )
    manifest = "manifests/luxembourg_flood_2021_multimodal.json"
    (part,) = (file.name for file in folder.candidates_path.iterdir())
    assert names == [
        f"candidates/{part}",
        "events.parquet",
        manifest,
        "run.json",
        "searches.parquet",
    ]


def test_a_failed_write_changes_no_file(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may fail while a file is written."""
    before = {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()}

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    (batch,) = (file.stem for file in folder.candidates_path.iterdir())
    with pytest.raises(
        OutputError, match="No space left on device; solve that and start the same scan"
    ):
        folder.write_candidates(batch, folder.read_candidates())
    assert {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()} == before


def test_a_failed_write_of_several_manifests_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full after the first of them."""
    folder = RunFolder(tmp_path)
    folder.prepare()
    folder.write_manifests("batch", {"one": b"old"})
    write_bytes = Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        if content == b"too much":
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match="No space left on device; solve that and start"):
        folder.write_manifests("batch", {"one": b"new", "two": b"too much"})
    assert [file.name for file in folder.manifests_path.iterdir()] == ["one.json"]
    assert folder.read_manifest("one") == b"old"


@pytest.mark.parametrize("packed", [False, True])
def test_files_are_on_the_disk_before_they_have_their_names(
    packed: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The crash of a node leaves no name without its content.

    The answers of a join are left out: they end with the run that made them.
    """
    on_disk, fsync, replace = set(), os.fsync, Path.replace

    def note(number: int) -> None:
        fsync(number)
        on_disk.add(os.fstat(number).st_ino)

    def check(path: Path, target: Path) -> Path:
        assert path.stat().st_ino in on_disk or target.parent.suffix == ".join", target
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", check)
    out = scan("demo", out=tmp_path / "out", pack_manifests=packed).folder.path
    assert {file.stat().st_ino for file in out.rglob("*") if file.is_file()} <= on_disk


@pytest.mark.parametrize("content", [b"", b'{"host": "mel0'])
def test_a_lock_without_a_process_holds_for_a_minute(content: bytes, tmp_path: Path) -> None:
    """The crash of a node may leave an empty lock file; the message names the file."""
    lock = tmp_path / ".driver.json"
    lock.write_bytes(content)
    with (
        pytest.raises(
            OutputError, match=r"another process is writing to it, according to \.driver\.json"
        ),
        locked(tmp_path),
    ):
        pass
    os.utime(lock, (0, 0))
    with locked(tmp_path):
        assert find_lock_holder(tmp_path) == Driver.here()
    assert list(tmp_path.iterdir()) == []


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """A run never mixes its files with other files."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="holds other files"):
        RunFolder(tmp_path).prepare()
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("other", ["candidates/thesis.parquet", "candidates", "more/"])
def test_only_empty_folders_of_a_run_are_reused(other: str, tmp_path: Path) -> None:
    """A failed start may leave empty folders; other files in them are not of a run."""
    RunFolder(tmp_path / "out").prepare()
    RunFolder(tmp_path / "out").prepare()
    path = tmp_path / "others" / other
    path.parent.mkdir(parents=True)
    path.mkdir() if other.endswith("/") else path.touch()
    with pytest.raises(OutputError, match="choose another --out"):
        RunFolder(tmp_path / "others").prepare()


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    """The path of the folder may be a file."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be written"):
        RunFolder(tmp_path / "file" / "out").prepare()


def test_folder_without_a_run_is_reported(tmp_path: Path) -> None:
    """Reading candidates or events names the missing table."""
    with pytest.raises(OutputError, match="is it the output of a scan"):
        RunFolder(tmp_path).read_candidates()
    with pytest.raises(OutputError, match="is it the output of a scan"):
        RunFolder(tmp_path).read_events()


def searches_of(batch: str, reason: str, n: int) -> pa.Table:
    """Make rows of a batch."""
    common = {
        "batch": batch,
        "collections": ["c"],
        "complete": False,
        "cached": False,
        "seconds": 0.0,
    }
    common |= {field.name: 0 for field in SEARCHES if field.type in {pa.int32(), pa.float64()}}
    return pa.Table.from_pylist(
        [common | {"reason": f"{reason} {number}"} for number in range(n)], schema=SEARCHES
    )


def test_a_ledger_is_read_and_written_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are in the order of their names. A part replaces the rows of its batch."""
    monkeypatch.setattr("floodscan.store.ledger._ROWS_AT_ONCE", 7)
    ledger = Ledger(tmp_path / "searches", SEARCHES)
    ledger.folder.mkdir()
    rows = {
        name: searches_of(name, "old", n) for name, n in (("b", 10), ("d", 3), ("a", 5), ("c", 20))
    }
    for name, table in rows.items():
        ledger.write(name, table)
    ledger.merge()
    assert [path.name for path in tmp_path.iterdir()] == ["searches.parquet"]
    assert dict(ledger.batches()) == rows
    ledger.folder.mkdir()
    rows |= {"b": searches_of("b", "new", 8), "bb": searches_of("bb", "new", 1)}
    for name in ("bb", "b"):
        ledger.write(name, rows[name])
    ledger.keep({"a", "b", "bb", "d"})
    del rows["c"]
    for _ in range(2):
        assert [name for name, _ in ledger.batches(["reason"])] == ["a", "b", "bb", "d"]
        assert ledger.read() == pa.concat_tables(rows[name] for name in sorted(rows))
        assert ledger.read(["reason"]) == ledger.read().select(["reason"])
        ledger.merge()


@pytest.mark.parametrize("listing", [0, 1])
def test_a_run_is_examined_while_its_tables_are_merged(
    listing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts disappear before they are read, or before their times are; no row is missed."""
    folder = scan(demo_copies(3), catalog="demo", out=tmp_path / "out").folder
    ((batch, rows),) = folder.events.batches()
    folder.events.whole.unlink()
    folder.prepare()
    folder.events.write(batch, rows)
    list_parts, listings = Ledger._parts, []

    def list_then_merge(ledger: Ledger) -> list[str]:
        parts = list_parts(ledger)
        listings.append(parts)
        if len(listings) == listing + 1:
            ledger.merge()
        return parts

    monkeypatch.setattr(Ledger, "_parts", list_then_merge)
    assert examine_run(folder)["counts"]["events"] == 3
    assert [path.name for path in folder.path.glob("events*")] == ["events.parquet"]
