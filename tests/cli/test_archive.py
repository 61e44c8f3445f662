"""``floodscan archive``: what an archive has, and mistakes in a build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from floodscan.cli.exit_status import ExitStatus
from floodscan.testing.build_demo import DEMO_FOLDER
from floodscan.testing.servers.process import free_port
from floodscan.testing.servers.seaweed import KEY, KEY_ID, PRIVATE, PUBLIC
from tests.catalogs.archive.layouts import DEM, LAYOUTS, OPTICAL, RADAR, demo_table
from tests.catalogs.archive.test_index import serve

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.testing.servers.azurite import Azurite
    from floodscan.testing.servers.seaweed import Seaweed
    from tests.cli.conftest import Run
    from tests.servers.fixtures import StacApi

DAYS = ("--start", "2021-06-01", "--end", "2021-06-30")


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    """The demo's archive in hive folders, with columns as the mirror of Earth Search has them."""
    folder = tmp_path / "hive"
    for name in (OPTICAL, RADAR):
        table = LAYOUTS["assets as JSON"](LAYOUTS["bbox as list"](demo_table(name)))
        for year, part in (("2020", table.slice(0, 30)), ("2021", table.slice(30))):
            path = folder / f"collection={name}" / f"year={year}" / "part-0.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(part.drop_columns(["collection"]), path, row_group_size=100)
    return folder


def test_the_demo_is_described(run: Run) -> None:
    """Coverage, rows, files, row groups, layout and size of each collection."""
    status, output, errors = run("archive", "info", "demo")
    assert (status, errors) == (ExitStatus.OK, "")
    for text in ("a copy of floodscan-demo", "3 files", "one file", "bbox struct", "assets struct"):
        assert text in output
    assert f"{RADAR}: covers 2021-06-01/2021-07-31" in output


def test_each_layout_is_named(run: Run, hive: Path) -> None:
    """JSON has all facts, for scripts."""
    status, output, _ = run("archive", "info", hive, "--json")
    assert status == ExitStatus.OK
    described = json.loads(output)
    assert described["n_files"] == 4
    assert described["n_bytes"] == sum(path.stat().st_size for path in hive.rglob("*.parquet"))
    assert not described["is_own"]
    (radar, optical) = described["collections"]
    assert (radar["collection"], optical["collection"]) == (RADAR, OPTICAL)
    assert optical["files"] == "hive folders by collection, year"
    assert optical["columns"]["bbox"] == "list"
    assert optical["columns"]["assets"] == "json"
    assert optical["n_rows"] == len(demo_table(OPTICAL))
    assert (optical["n_files"], optical["n_row_groups"]) == (2, 3)
    assert optical["rows_per_group"] == [30, 100]
    west, south, east, north = optical["bbox"]
    assert (west < 6 < east, south < 50 < north) == (True, True)


@pytest.mark.usefixtures("local_signing")
def test_object_storage_is_described_as_a_disk(run: Run, azurite: Azurite) -> None:
    """With a token of the signing library, which no output shows."""
    azurite.upload(DEMO_FOLDER, "described")
    _, wanted, _ = run("archive", "info", DEMO_FOLDER, "--json")
    status, output, errors = run("archive", "info", azurite.address("described"), "--json")
    assert (status, errors) == (ExitStatus.OK, "")
    assert "sig=" not in output
    found, disk = json.loads(output), json.loads(wanted)
    assert found["collections"] == disk["collections"]


@pytest.mark.parametrize("bucket", [PUBLIC, PRIVATE])
def test_a_bucket_is_described_as_a_disk(
    run: Run, seaweed: Seaweed, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all, or with the credentials of its owner, which no output shows."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name, value in (("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", KEY)):
        if bucket == PRIVATE:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    seaweed.upload(DEMO_FOLDER, f"{bucket}/described")
    _, wanted, _ = run("archive", "info", DEMO_FOLDER, "--json")
    status, output, errors = run("archive", "info", seaweed.address(bucket, "described"), "--json")
    assert (status, errors) == (ExitStatus.OK, "")
    assert KEY not in output
    found, disk = json.loads(output), json.loads(wanted)
    assert found["archive"] == f"s3://{bucket}/described"
    for name in ("catalog", "n_files", "n_bytes", "collections"):
        assert found[name] == disk[name]


def test_a_file_on_a_web_server_is_described(run: Run) -> None:
    """The query, which may be secret, is not shown."""
    with serve(DEMO_FOLDER) as url:
        status, output, _ = run("archive", "info", f"{url}/{DEM}.parquet?token=hidden")
    assert status == ExitStatus.OK
    assert f"{url}/{DEM}.parquet: 1 files" in output
    assert "hidden" not in output


MISTAKES = {
    "nothing": ("build", "give EVENTS, or --bbox, --start and --end; missing: --bbox, --start"),
    "both": ("build demo --bbox 5 49 7 51", "give EVENTS or --bbox, but not both"),
    "no time": ("build --bbox 5 49 7 51", "missing: --start, --end"),
    "swapped": ("build --bbox 49 5 51 -7 {days}", "write WEST SOUTH EAST NORTH"),
    "backwards": (
        "build --bbox 5 49 7 51 --start 2021-06-02 --end 2021-06-01",
        "--end 2021-06-01: is before --start 2021-06-02",
    ),
    "an archive": ("build demo --catalog demo", "is an archive; name a STAC API"),
    "no collection": (
        "build --bbox 5 49 7 51 {days} --collections landsat --catalog {api}",
        "has no collection 'landsat'",
    ),
    "nobody there": ("build demo --catalog http://127.0.0.1:{port}", "can't be reached"),
    "a file": ("build demo --catalog {api} --out {tmp}/file", "is not a folder; choose another"),
    "foreign files": (
        "build demo --catalog {api} --out {tmp}/foreign",
        "was not written by floodscan archive build; choose another --out",
    ),
    "no archive": ("info {tmp}/none", "no such file or folder"),
    "an API": ("info {api}", "is a STAC API; name the address"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message(name: str, run: Run, lean_api: StacApi, tmp_path: Path) -> None:
    """It says what to do, and nothing is written."""
    (tmp_path / "file").write_text("")
    (tmp_path / "foreign").mkdir()
    pq.write_table(demo_table(DEM), tmp_path / "foreign" / "dem.parquet")
    words, message = MISTAKES[name]
    filled = words.format(
        tmp=tmp_path, api=lean_api.url, days=" ".join(DAYS), port=free_port()
    ).split()
    if filled[0] == "build" and "--out" not in filled:
        filled += ["--out", str(tmp_path / "new")]
    status, output, errors = run("archive", *filled)
    assert (status, output) == (ExitStatus.BAD_INPUT, "")
    assert message in " ".join(errors.split())
    assert not (tmp_path / "new").exists()
