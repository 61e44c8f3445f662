"""Archives in S3: the bytes of a disk, for all or for owners, and one error if it is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from floodscan import CatalogError, scan
from floodscan.clusters import open_client
from floodscan.testing.archive_plan import Extent
from floodscan.testing.floods import Flood, write_events
from floodscan.testing.servers.seaweed import KEY, KEY_ID, PRIVATE, PUBLIC
from floodscan.testing.write_archive import Layout, write_archive
from tests.runs import result_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.testing.servers.seaweed import Seaweed

BOX = (5.5, 49.2, 7.5, 50.4)
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A flood in the area."""
    path = tmp_path_factory.mktemp("events") / "events.csv"
    write_events(path, [Flood("flood", "2018-01-15", 5.9, 49.5, 6.7, 50.1)])
    return str(path)


@pytest.fixture(scope="module")
def disk(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive on disk, which is also in both buckets."""
    folder = tmp_path_factory.mktemp("archive")
    start, end = datetime(2017, 12, 20, tzinfo=UTC), datetime(2018, 2, 10, tzinfo=UTC)
    extent = Extent(start=start, end=end, boxes=(BOX,))
    write_archive(folder, extent, layout=Layout.HIVE, row_group_rows=100)
    for bucket in (PUBLIC, PRIVATE):
        seaweed.upload(folder, f"{bucket}/items")
    return folder


@pytest.fixture(scope="module")
def expected(disk: Path, events: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results from the disk."""
    out = tmp_path_factory.mktemp("expected")
    assert scan(events, catalog=str(disk), out=out).counts["filled"]
    return result_bytes(out)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    for name in (*SECRETS, "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def use_key(monkeypatch: pytest.MonkeyPatch, key_id: str, key: str) -> None:
    """Set credentials as users do."""
    for name, value in zip(SECRETS, (key_id, key), strict=True):
        monkeypatch.setenv(name, value)


def test_a_public_bucket_gives_the_bytes_of_a_disk(
    seaweed: Seaweed, events: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Without credentials, a folder as well as a pattern."""
    scan(events, catalog=seaweed.address(PUBLIC, "items"), out=tmp_path / "folder")
    assert result_bytes(tmp_path / "folder") == expected
    pattern = seaweed.address(PUBLIC, "items/**/*.parquet")
    scan(events, catalog=pattern, out=tmp_path / "pattern")
    assert result_bytes(tmp_path / "pattern") == expected


@pytest.mark.processes
def test_credentials_open_a_private_bucket(
    seaweed: Seaweed,
    events: str,
    expected: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In workers too; the key is in no file."""
    use_key(monkeypatch, KEY_ID, KEY)
    with open_client("local", n_workers=2) as client:
        scan(events, catalog=seaweed.address(PRIVATE, "items"), out=tmp_path, client=client)
    assert result_bytes(tmp_path) == expected
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not [file for file in files if KEY.encode() in file.read_bytes()]


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("path", ["", "items", "items/sentinel-1-rtc/**/*.parquet"])
@pytest.mark.parametrize("key", [(), (KEY_ID, "another"), ("nobody", KEY)])
def test_who_may_not_read_gets_one_clear_error(
    seaweed: Seaweed,
    events: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    key: tuple[str, ...],
) -> None:
    """It names the archive and the cause, and nothing is written."""
    if key:
        use_key(monkeypatch, *key)
    with pytest.raises(CatalogError) as caught:
        scan(events, catalog=seaweed.address(PRIVATE, path), out=tmp_path / "out")
    message = str(caught.value)
    assert message.startswith(f"catalog s3://{PRIVATE}/{path}: can't be read: S3 answers ")
    assert message.count("\n") == 0
    assert KEY not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("disk")
def test_a_bucket_or_folder_that_is_missing_is_named(
    seaweed: Seaweed, events: str, tmp_path: Path
) -> None:
    """As on a disk."""
    with pytest.raises(CatalogError, match=r"s3://public/nothing: .*no such file or folder"):
        scan(events, catalog=seaweed.address(PUBLIC, "nothing"), out=tmp_path / "out")
