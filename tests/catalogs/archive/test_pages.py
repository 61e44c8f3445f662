"""A row group is read without the pages of other rows, and its wanted rows are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from floodscan.catalogs.archive import pages
from floodscan.catalogs.archive.pages import SparseFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

N_ROWS = 3000
SMALL = {"data_page_size": 1000, "write_batch_size": 50}
WRITERS: dict[str, dict[str, Any]] = {
    "default": {},
    "small pages": SMALL,
    "small dictionaries": SMALL | {"dictionary_pagesize_limit": 500},
    "no dictionaries": SMALL | {"use_dictionary": False},
    "version 2": SMALL | {"data_page_version": "2.0"},
    "version 2, not compressed": SMALL | {"data_page_version": "2.0", "compression": "none"},
    "checksums": SMALL | {"write_page_checksum": True},
    "checksums, version 2": SMALL | {"write_page_checksum": True, "data_page_version": "2.0"},
    "page index": SMALL | {"write_page_index": True},
    "no statistics": SMALL | {"write_statistics": False},
    "zstd": SMALL | {"compression": "zstd"},
    "gzip": SMALL | {"compression": "gzip"},
    "several row groups": SMALL | {"row_group_size": 700},
}
NAMES = ["id", "bbox.xmin", "needed", "assets.B02.href", "assets.B02.proj:shape", "tags"]


@pytest.fixture(autouse=True)
def small_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out pages of small columns too."""
    monkeypatch.setattr(pages, "_LEAST_BYTES", 0)


def make_table() -> pa.Table:
    """Make columns of all kinds: long texts, few values, nulls, members of structs, lists."""
    rng = np.random.default_rng(0)
    ids = [f"S2A_{n:06}" for n in range(N_ROWS)]
    assets = [
        None if n % 11 == 0 else {"B02": {"href": f"https://a/{n}" * 9, "proj:shape": [n, 2]}}
        for n in range(N_ROWS)
    ]
    boxes = [{"xmin": float(x)} for x in rng.uniform(-180, 180, N_ROWS)]
    tags = [None if n % 7 == 0 else ["a"] * (n % 3) for n in range(N_ROWS)]
    table = pa.table({"id": ids, "bbox": boxes, "assets": assets, "tags": tags})
    needed = pa.array(np.arange(N_ROWS) // 100)
    return table.append_column(pa.field("needed", pa.int64(), nullable=False), needed)


def read(path: Path, row_group: int, rows: Sequence[int]) -> tuple[pa.Table, pa.Table]:
    """Read a row group without some pages, and return it and the wanted rows."""
    with pa.OSFile(str(path)) as source:
        sparse = SparseFile(source)
        with pq.ParquetFile(pa.PythonFile(sparse, mode="r"), pre_buffer=False) as parquet:
            with sparse.only(parquet, row_group, NAMES, rows):
                found = parquet.read_row_group(row_group, columns=NAMES, use_threads=False)
            whole = parquet.read_row_group(row_group, columns=NAMES, use_threads=False)
    assert len(found) == len(whole)
    assert found.take(pa.array(rows)).equals(whole.take(pa.array(rows)))
    return found, whole


@pytest.mark.parametrize("writer", list(WRITERS))
def test_wanted_rows_are_the_same(writer: str, tmp_path: Path) -> None:
    """With any option of the writer: one row, some rows, rows of all pages."""
    pq.write_table(make_table(), tmp_path / "items.parquet", **WRITERS[writer])
    rng = np.random.default_rng(1)
    groups = pq.ParquetFile(tmp_path / "items.parquet").num_row_groups
    n_rows = N_ROWS if groups == 1 else 700
    for group in range(groups - 1 or 1):
        for n_wanted in (1, 5, n_rows):
            rows = np.sort(rng.choice(n_rows, n_wanted, replace=False)).tolist()
            read(tmp_path / "items.parquet", group, rows)


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "default"])
def test_other_pages_are_nulls(writer: str, tmp_path: Path) -> None:
    """They are not decoded; columns without nulls are."""
    pq.write_table(make_table(), tmp_path / "items.parquet", **WRITERS[writer])
    found, _ = read(tmp_path / "items.parquet", 0, [500, 501, 690])
    hrefs = pa.compute.struct_field(found["assets"], ["B02", "href"])
    for column in (found["id"], hrefs):
        assert column.null_count >= len(found) / 2
    assert found["needed"].null_count == 0


def test_unusual_headers_are_left_to_pyarrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole column is read, and a broken one is an error as before."""
    path = tmp_path / "items.parquet"
    pq.write_table(make_table(), path, **SMALL)
    monkeypatch.setattr(pages, "_DATA_PAGE", pages._compile(rb"\x99"))
    found, whole = read(path, 0, [3])
    assert found.equals(whole)
    monkeypatch.undo()
    monkeypatch.setattr(pages, "_LEAST_BYTES", 0)
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = bytes([255]) * (len(content) // 3 - 4)
    path.write_bytes(content)
    with pytest.raises(OSError, match="page header"):
        read(path, 0, [3])
