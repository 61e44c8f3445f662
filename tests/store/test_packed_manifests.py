"""Manifests of many events in few files: each is read back unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from floodscan import ManifestError, ScanResult, read_manifest, scan, scanning
from floodscan.report.explain import explain
from floodscan.store.ledger import Ledger
from tests.cli.conftest import run
from tests.sweeps import demo_copies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

__all__ = ["run"]

EVENTS = demo_copies(100)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    """A run with packed manifests."""
    return scan(
        EVENTS, catalog="demo", out=tmp_path_factory.mktemp("packed") / "out", pack_manifests=True
    )


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> ScanResult:
    """The same run with one file per manifest."""
    return scan(EVENTS, catalog="demo", out=tmp_path_factory.mktemp("loose") / "out")


def test_packs_give_back_the_bytes_of_the_files(
    packed: ScanResult, loose: ScanResult, run: Run
) -> None:
    """For the run folder, the command line and Python."""
    for event in EVENTS[::7]:
        content = loose.folder.manifest_path(event.event_id).read_bytes()
        assert packed.folder.read_manifest(event.event_id) == content
    (batch, rows), *_ = packed.folder.events.batches()
    ids = rows["event_id"].to_pylist()[::-1]
    assert packed.folder.read_manifests(batch, ids) == [
        loose.folder.read_manifest(event_id) for event_id in ids
    ]
    assert packed.folder.read_manifests(batch, ids) == loose.folder.read_manifests(batch, ids)
    status, output, _ = run("manifest", packed.folder.path, EVENTS[5].event_id)
    assert (status, output.encode()) == (
        0,
        loose.folder.manifest_path(EVENTS[5].event_id).read_bytes(),
    )
    assert read_manifest(packed.folder.path, "copy-007") == loose.manifests["copy-007"]
    assert [manifest.event_id for manifest in packed.manifests.values()] == [
        event.event_id for event in EVENTS
    ]


def test_the_table_of_events_is_read_once_for_all_manifests(
    packed: ScanResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read for the first manifest, batch by batch."""
    monkeypatch.delattr(Ledger, "read")
    manifests = packed.manifests
    assert manifests[EVENTS[0].event_id].event_id == EVENTS[0].event_id
    monkeypatch.delattr(Ledger, "batches")
    assert [manifest.event_id for manifest in manifests.values()] == [
        event.event_id for event in EVENTS
    ]


def test_there_are_few_files_with_thousands_of_rows(packed: ScanResult) -> None:
    """Each file of candidates has more than a thousand rows, except the last one."""
    parts = sorted(path.name for path in packed.folder.candidates_path.iterdir())
    assert sorted(path.name for path in packed.folder.manifests_path.iterdir()) == parts
    assert len(list(packed.folder.path.rglob("*.*"))) == 2 * len(parts) + 3
    rows = [len(packed.folder.read_part(name.removesuffix(".parquet"))) for name in parts]
    assert sorted(rows)[1] > 1000


def test_explain_and_reselect_read_packed_manifests(packed: ScanResult, tmp_path: Path) -> None:
    """The manifests of the new run are packed too."""
    assert explain(packed.folder, "copy-003", ("event", "S2L2A"))[0]["decision"]
    again = scanning.reselect(packed.folder.path, out=tmp_path / "again")
    assert again.folder.packed
    assert (
        again.manifests["copy-003"].content["selected"]
        == packed.manifests["copy-003"].content["selected"]
    )


def test_an_unknown_event_is_reported(packed: ScanResult, run: Run) -> None:
    """The command line suggests a similar id."""
    with pytest.raises(ManifestError, match="no event 'copy-1000' is finished"):
        read_manifest(packed.folder.path, "copy-1000")
    status, _, errors = run("manifest", packed.folder.path, "copy-1000")
    assert status == 2
    assert "has no event 'copy-1000'; did you mean" in errors


def test_manifests_of_many_events_are_packed_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with packed manifests keeps them packed."""
    monkeypatch.setattr(scanning, "MOST_MANIFEST_FILES", 2)
    assert scan(EVENTS[:3], catalog="demo", out=tmp_path / "many").folder.packed
    assert not scan(EVENTS[:2], catalog="demo", out=tmp_path / "few").folder.packed
    monkeypatch.undo()
    assert scan(EVENTS[:4], catalog="demo", out=tmp_path / "many").folder.packed
