"""The index of an archive: read once, kept, and read again when a file changes."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from floodscan import CatalogError, scan
from floodscan.catalogs import ArchiveCatalog, open_catalog
from floodscan.catalogs.archive import footers, index
from floodscan.catalogs.archive.address import Address, fits
from floodscan.catalogs.archive.shards import find_row_groups, group_searches
from floodscan.model import Search, TimeWindow
from tests.catalogs.archive.layouts import DEM, OPTICAL, RADAR, demo_table, find_all
from tests.runs import result_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Write the demo's archive in many row groups."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in (OPTICAL, RADAR, DEM):
        pq.write_table(demo_table(name), folder / f"{name}.parquet", row_group_size=40)
    return folder


def read(archive: Path) -> index.Index:
    """Read the index as the files are now."""
    return ArchiveCatalog.at(str(archive)).read_index()


def test_row_groups_are_described_by_their_rows(archive: Path) -> None:
    """Time and place enclose those of all items."""
    rows = [row for row in read(archive).table.to_pylist() if row["collections"] == [RADAR]]
    items = demo_table(RADAR)
    assert [row["n_rows"] for row in rows] == [40, 40, 40, 34]
    for row, start in zip(rows, range(0, len(items), 40), strict=True):
        own = items.slice(start, 40)
        assert (row["start"], row["end"]) == tuple(
            pa.compute.min_max(own["datetime"]).as_py().values()
        )
        boxes = own["bbox"].to_pylist()
        assert row["west"] <= min(box["xmin"] for box in boxes) < row["west"] + 0.001
        assert row["north"] >= max(box["ymax"] for box in boxes) > row["north"] - 0.001
        assert row["n_bytes"] > 0


def test_only_files_that_changed_are_read_again(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others come from the cache, in this process and in the next one."""
    read_files: list[str] = []
    original = footers.read_footer

    def follow(address: Address, file: Any) -> Any:  # noqa: ANN401 - passed on
        read_files.append(file.path.rpartition("/")[2])
        return original(address, file)

    monkeypatch.setattr(index, "read_footer", follow)
    first = read(archive)
    assert sorted(read_files) == sorted(f"{name}.parquet" for name in (OPTICAL, RADAR, DEM))
    read_files.clear()
    again = read(archive)
    assert (read_files, again.digest) == ([], first.digest)
    assert again.table.equals(first.table)
    pq.write_table(demo_table(RADAR).slice(0, 50), archive / f"{RADAR}.parquet")
    changed = read(archive)
    assert read_files == [f"{RADAR}.parquet"]
    assert changed.digest != first.digest
    assert changed.table.num_rows == first.table.num_rows - 3


def test_a_damaged_cache_counts_as_missing(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is written anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = read(archive)
    (path,) = (tmp_path / "cache").rglob("*.arrow")
    path.write_bytes(b"damaged")
    assert read(archive).table.equals(first.table)
    assert path.read_bytes() != b"damaged"


def test_row_groups_that_no_search_touches_are_not_found(archive: Path) -> None:
    """By time and by place; an unknown time is any time."""
    held = read(archive)
    window = TimeWindow(datetime(2021, 6, 1, tzinfo=UTC), datetime(2021, 6, 3, tzinfo=UTC))
    here, far = (5.7, 49.4, 6.5, 50.2), (100.0, 0.0, 101.0, 1.0)
    counts = [
        len(find_row_groups(held, group_searches([(Search(RADAR, box, when, ()), 0)])))
        for box, when in ((here, None), (here, window), (far, None))
    ]
    assert counts == [4, 1, 0]


@pytest.mark.parametrize(
    ("text", "scheme", "path", "public"),
    [
        ("/data/items", "file", "/data/items", "/data/items"),
        ("file:///data/a%20b", "file", "/data/a b", "file:///data/a%20b"),
        ("s3://bucket/a/b?region=x", "s3", "bucket/a/b", "s3://bucket/a/b"),
        ("abfs://c@acc/x?sig=hidden", "abfs", "c/x", "abfs://c@acc/x"),
        ("abfss://c@acc.dfs.core.windows.net/x", "abfs", "c/x", "abfs://c@acc/x"),
        (
            "https://acc.blob.core.windows.net/c/x.parquet?sig=hidden",
            "abfs",
            "c/x.parquet",
            "abfs://c@acc/x.parquet",
        ),
        (
            "https://me:hidden@host/x.parquet?key=hidden",
            "http",
            "https://me:hidden@host/x.parquet?key=hidden",
            "https://host/x.parquet",
        ),
    ],
)
def test_addresses_are_read_without_showing_secrets(
    text: str, scheme: str, path: str, public: str
) -> None:
    """What is shown has neither user nor query."""
    address = Address.parse(text)
    assert (address.scheme, address.path, address.public) == (scheme, path, public)
    assert "hidden" not in address.public


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b.parquet", "*.parquet", False),
        ("b.parquet", "*.parquet", True),
        ("a/b/c.parquet", "**/*.parquet", True),
        ("year=2021/c.parquet", "year=202[12]", True),
        ("year=2023/c.parquet", "year=202[12]", False),
    ],
)
def test_patterns_of_object_storage(path: str, pattern: str, expected: bool) -> None:  # noqa: FBT001
    """They work as on disk; a folder that fits stands for its files."""
    assert fits(path, pattern) is expected


class _Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves files, and ranges of bytes of them, as real servers of files do."""

    ranges = True

    def do_GET(self) -> None:
        path = self.translate_path(self.path)
        asked = self.headers.get("Range")
        if not (self.ranges and asked):
            super().do_GET()
            return
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - as its base does
                content = file.read()
        except OSError:
            self.send_error(404)
            return
        start, end = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        part = content[start : end + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _NoRanges(_Ranges):
    ranges = False


@contextmanager
def serve(folder: Path, kind: type[_Ranges] = _Ranges) -> Iterator[str]:
    """Serve a folder on loopback, and yield its address."""
    handler = partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_web_server_is_read_by_ranges(tmp_path: Path) -> None:
    """A file of several collections gives the bytes of the folder; the query is not shown."""
    tables = [demo_table(name) for name in (OPTICAL, RADAR, DEM)]
    mixed = pa.concat_tables(tables, promote_options="default")
    named = mixed.replace_schema_metadata(tables[0].schema.metadata)
    pq.write_table(named, tmp_path / "items.parquet", row_group_size=100)
    scan("demo", out=tmp_path / "reference")
    with serve(tmp_path) as url:
        catalog = open_catalog(f"{url}/items.parquet?token=hidden")
        assert isinstance(catalog, ArchiveCatalog)
        scan("demo", catalog=catalog, out=tmp_path / "out")
    assert result_bytes(tmp_path / "out") == result_bytes(tmp_path / "reference")
    assert "hidden" not in (tmp_path / "out" / "run.json").read_text()
    assert catalog.location == f"{url}/items.parquet"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("missing.parquet", _Ranges, "the server answered with HTTP status 404"),
        ("items.parquet", _NoRanges, "the server does not answer requests for ranges"),
    ],
)
def test_a_web_server_that_cannot_be_read_is_reported(
    name: str, kind: type[_Ranges], message: str, tmp_path: Path
) -> None:
    """One error, without the query."""
    pq.write_table(demo_table(), tmp_path / "items.parquet")
    with serve(tmp_path, kind) as url, pytest.raises(CatalogError, match=message) as error:
        open_catalog(f"{url}/{name}?token=hidden").describe([])
    assert "hidden" not in str(error.value)


def test_a_web_server_that_stops_in_mid_run_is_no_traceback(tmp_path: Path) -> None:
    """The index is there; the row groups can't be read."""
    pq.write_table(demo_table(), tmp_path / "items.parquet")
    with serve(tmp_path) as url:
        catalog = open_catalog(f"{url}/items.parquet")
        assert len(find_all(f"{url}/items.parquet")) > 100
        assert catalog.describe([OPTICAL])
        (tmp_path / "items.parquet").unlink()
        answer = catalog.search(Search(OPTICAL, (5.0, 49.0, 7.0, 51.0), None, ("B02",)))
    assert not answer.complete
    assert "row group 0 of items.parquet can't be read" in str(answer.problem)
