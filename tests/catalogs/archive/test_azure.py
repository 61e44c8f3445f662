"""Archives in Azure Storage: the bytes of a disk, and one clear error for each kind of damage."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pyarrow.parquet as pq
import pytest
from dask.distributed import Client, LocalCluster

from floodscan import CatalogError, scan
from floodscan.testing.archive_plan import Extent
from floodscan.testing.floods import Flood, write_events
from floodscan.testing.servers.azurite import ACCOUNT, sign
from floodscan.testing.servers.launch import sas_server
from floodscan.testing.servers.sas import TOKEN_PATH
from floodscan.testing.write_archive import Layout, write_archive
from tests.runs import result_bytes
from tests.servers.fixtures import signing_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from floodscan import ScanResult
    from floodscan.testing.servers.azurite import Azurite
    from floodscan.testing.servers.process import Server

BOX = (5.5, 49.2, 7.5, 50.4)
DAYS = ("2018-01-09", "2018-01-15", "2018-01-27")
LIFETIME = 4.0


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of three months, with many small row groups."""
    folder = tmp_path_factory.mktemp("archive")
    extent = Extent(
        start=datetime(2017, 12, 1, tzinfo=UTC),
        end=datetime(2018, 3, 1, tzinfo=UTC),
        boxes=(BOX,),
    )
    write_archive(folder, extent, layout=Layout.FLAT, row_group_rows=100)
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three floods in the area."""
    path = tmp_path_factory.mktemp("events") / "events.csv"
    floods = [Flood(f"flood-{day}", day, 5.9, 49.5, 6.7, 50.1) for day in DAYS]
    write_events(path, floods)
    return str(path)


@pytest.fixture(scope="module")
def expected(disk: Path, events: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results from the disk."""
    out = tmp_path_factory.mktemp("expected")
    result = scan(events, catalog=str(disk), out=out)
    assert {outcome.status for outcome in result.outcomes} <= {"complete", "partial"}
    return result_bytes(out)


@pytest.fixture
def container(azurite: Azurite, disk: Path, request: pytest.FixtureRequest) -> str:
    """A copy of the archive, of this test alone."""
    name = "".join(each if each.isalnum() else "-" for each in request.node.name.lower())
    name = "-".join(part for part in name.split("-") if part)[-60:].strip("-")
    azurite.upload(disk, name)
    return name


@pytest.fixture
def short_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Tokens that end after a few seconds."""
    with (
        sas_server(log=tmp_path / "sas.log", lifetime_seconds=LIFETIME) as server,
        signing_by(server.url + TOKEN_PATH, monkeypatch),
    ):
        yield server


def after_the_checks(
    action: Callable[[], object],
) -> Callable[[], AbstractContextManager[Client | None]]:
    """Do something when the index is read and nothing is joined yet; then run without a cluster."""

    @contextmanager
    def no_client() -> Iterator[None]:
        action()
        yield None

    return no_client


def texts_of(result: Path) -> str:
    """Return all that a run has written, its tables included."""
    found = []
    for file in result.rglob("*"):
        if file.suffix == ".parquet":
            found.append(str(pq.read_table(file).to_pylist()))
        if file.is_file():
            found.append(file.read_bytes().decode("latin-1"))
    return "\n".join(found)


def reasons_of(result: ScanResult) -> set[tuple[str, str | None]]:
    """Return codes and details of all empty slots."""
    rows = result.folder.read_events()["reasons"].to_pylist()
    return {(slot["code"], slot["detail"]) for reasons in rows for slot in reasons}


@pytest.mark.usefixtures("local_signing")
def test_storage_gives_the_bytes_of_a_disk(
    azurite: Azurite, container: str, events: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """All files of a container, with a token of the signing library."""
    scan(events, catalog=azurite.address(container), out=tmp_path)
    assert result_bytes(tmp_path) == expected


@pytest.mark.processes
def test_a_sas_may_end_in_mid_run(
    azurite: Azurite,
    container: str,
    events: str,
    expected: dict[str, bytes],
    tmp_path: Path,
    short_tokens: Server,
) -> None:
    """The next read has a new token, in this process as on workers."""
    address = azurite.address(container)
    wait = after_the_checks(lambda: time.sleep(LIFETIME + 1))
    scan(events, catalog=address, out=tmp_path / "alone", client=wait)
    assert result_bytes(tmp_path / "alone") == expected
    assert short_tokens.requests().total() >= 2
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        scan(events, catalog=address, out=tmp_path / "before", client=client)
        time.sleep(LIFETIME + 1)
        scan(events, catalog=address, out=tmp_path / "after", client=client)
    assert result_bytes(tmp_path / "after") == expected


@pytest.mark.usefixtures("short_tokens")
def test_no_sas_is_written(
    azurite: Azurite,
    container: str,
    events: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Files, tables, the cache, the log and the screen have none, although a part is broken."""
    caplog.set_level(logging.DEBUG)
    broken = _find_part(azurite, container, "sentinel-2-l2a", "2018-01-01")
    delete = after_the_checks(lambda: azurite.delete(container, broken))
    out = tmp_path / "out"
    result = scan(events, catalog=azurite.address(container), out=out, client=delete)
    assert any(code == "incomplete" for code, _ in reasons_of(result))
    written = [texts_of(out), texts_of(_cache()), capfd.readouterr().out]
    own_log = [each.getMessage() for each in caplog.records if each.name.startswith("floodscan")]
    for text in (*written, *own_log, capfd.readouterr().err):
        assert "sig=" not in text
        assert "se=20" not in text


def _cache() -> Path:
    from pathlib import Path  # noqa: PLC0415

    return Path(os.environ["XDG_CACHE_HOME"]) / "floodscan"


@pytest.mark.parametrize("change", [("sig=", "sig=x"), ("sp=rl", "sp=rwl")])
def test_a_wrong_sas_is_one_clear_error(
    azurite: Azurite,
    container: str,
    events: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
) -> None:
    """The archive and the cause are named, and nothing is written."""
    sas, _ = sign(ACCOUNT, container, timedelta(minutes=5))
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas.replace(*change))
    with pytest.raises(CatalogError) as caught:
        scan(events, catalog=azurite.address(container), out=tmp_path / "out")
    assert f"abfs://{container}@{ACCOUNT}/" in str(caught.value)
    assert "403" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sig=" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.processes
def test_a_sas_in_the_address_is_not_written(
    azurite: Azurite, container: str, events: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Neither by the command, nor in its files; and the results are the same."""
    sas, _ = sign(ACCOUNT, container, timedelta(minutes=5))
    address = f"{azurite.address(container)}&{sas}"
    command = [sys.executable, "-m", "floodscan", "scan", events, "--catalog", address]
    done = subprocess.run(  # noqa: S603 - our own
        [*command, "--out", str(tmp_path), "--cluster", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result_bytes(tmp_path) == expected
    signature = parse_qs(sas)["sig"][0]
    for text in (done.stdout, done.stderr, texts_of(tmp_path), texts_of(_cache())):
        assert "sig=" not in text
        assert signature[:12] not in text


def test_a_sas_of_the_user_that_ends_in_mid_run_leaves_slots_incomplete(
    azurite: Azurite,
    container: str,
    events: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Floodscan can't renew it, and says that the storage refuses it."""
    sas, _ = sign(ACCOUNT, container, timedelta(seconds=LIFETIME))
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas)
    wait = after_the_checks(lambda: time.sleep(LIFETIME + 1))
    result = scan(events, catalog=azurite.address(container), out=tmp_path, client=wait)
    assert {outcome.status for outcome in result.outcomes} == {"failed"}
    reasons = reasons_of(result)
    assert {code for code, _ in reasons} == {"incomplete"}
    assert all("answers 403" in str(detail) for _, detail in reasons)


@pytest.mark.usefixtures("local_signing")
@pytest.mark.parametrize("damage", ["truncated", "corrupt footer", "empty"])
def test_a_broken_part_is_found_before_the_sweep(
    azurite: Azurite, container: str, events: str, tmp_path: Path, damage: str
) -> None:
    """One error names the file and the cause."""
    part = _find_part(azurite, container, "sentinel-2-l2a", "2018-01-01")
    content = azurite.read(container, part)
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    broken = {
        "truncated": content[: len(content) // 2],
        "corrupt footer": content[:footer] + b"\xff" * 64 + content[footer + 64 :],
        "empty": b"",
    }[damage]
    azurite.put(container, part, broken)
    with pytest.raises(CatalogError) as caught:
        scan(events, catalog=azurite.address(container), out=tmp_path / "out")
    message = str(caught.value)
    assert part.rpartition("/")[2] in message
    assert "http" not in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("local_signing")
@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_a_part_that_breaks_in_mid_run_leaves_its_slots_incomplete(
    azurite: Azurite,
    container: str,
    events: str,
    tmp_path: Path,
    damage: str,
) -> None:
    """Slots of other parts and collections are filled; the reason names the file and the cause."""
    part = _find_part(azurite, container, "sentinel-2-l2a", "2018-01-01")

    def break_part() -> None:
        if damage == "deleted":
            azurite.delete(container, part)
        else:
            azurite.put(container, part, bytes(len(azurite.read(container, part))))

    result = scan(
        events,
        catalog=azurite.address(container),
        out=tmp_path,
        client=after_the_checks(break_part),
    )
    details = {detail for code, detail in reasons_of(result) if code == "incomplete"}
    assert details
    for detail in details:
        assert part.rpartition("/")[2] in str(detail)
        assert "can't be read: " in str(detail)
        assert "http" not in str(detail)
    assert all(0 < outcome.n_filled < outcome.n_slots for outcome in result.outcomes)


@pytest.mark.usefixtures("local_signing")
def test_a_part_that_was_never_there_is_not_covered(
    azurite: Azurite, container: str, events: str, tmp_path: Path
) -> None:
    """An archive without a month says so: nothing is silently empty."""
    azurite.delete(container, _find_part(azurite, container, "sentinel-2-l2a", "2018-01-01"))
    result = scan(events, catalog=azurite.address(container), out=tmp_path)
    assert any(code == "not_covered" for code, _ in reasons_of(result))


def _find_part(azurite: Azurite, container: str, collection: str, month: str) -> str:
    (name,) = (
        name
        for name in azurite.list(container)
        if name.startswith(collection) and f"_{month}T" in name.partition("part-")[2][:30]
    )
    return name
