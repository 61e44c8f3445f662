"""The index of an archive: what each row group holds, read from the footers of its files.

A row group is the part of a Parquet file that can be read by itself. The index says for each one
which collections, times and places it has rows of, so that a sweep reads no other row groups. It is
read once, by several threads, and kept in the user's cache folder; a file is read again when its
size or its version differs.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
from platformdirs import user_cache_path
from pyarrow import ipc

from floodscan.catalogs.archive.footers import read_footer
from floodscan.catalogs.archive.searched import SearchedItems
from floodscan.catalogs.archive.storage import list_files
from floodscan.errors import CatalogError
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.address import Address
    from floodscan.catalogs.archive.storage import DataFile
    from floodscan.model import Search

_VERSION = 3  # raise it when the same files become another index
_READERS = 16
_LONGEST_ERROR = 200
_SECRETS = re.compile(r"""['"]?https?://\S*|\bsig=\S*""")
_S3_ANSWER = re.compile(r"AWS Error (?P<code>[A-Z0-9_]+) during")
_AZURE_ANSWER = re.compile(r"Azure Error: \[(?P<code>\w*)\] (?P<status>[0-9]{3})")
_TIME = pa.timestamp("us", tz="UTC")
_SPAN = pa.struct([pa.field("start", _TIME), pa.field("end", _TIME)])

INDEX = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("version", pa.string(), nullable=False),  # ETag, or time of the last change
        pa.field("footer", pa.string(), nullable=False),  # digest of the footer
        pa.field("catalog", pa.string()),  # STAC id of the archived catalog, if the file says it
        # the record of searches of a built archive, in the first row of its file
        pa.field("searched", pa.string()),
        pa.field("row_group", pa.int32(), nullable=False),  # -1: a file without row groups
        pa.field("n_rows", pa.int64(), nullable=False),
        pa.field("n_without_id", pa.int64(), nullable=False),
        pa.field("n_bytes", pa.int64(), nullable=False),  # compressed, of columns that may be read
        pa.field("collections", pa.list_(pa.string()), nullable=False),
        pa.field("start", _TIME),  # null: the times are not known, or some rows have none
        pa.field("end", _TIME),
        # spans of time without a pause of 12 hours; none if no row has a time
        pa.field("spans", pa.list_(_SPAN), nullable=False),
        pa.field("west", pa.float64()),  # null: anywhere; west > east: may cross 180°
        pa.field("south", pa.float64()),
        pa.field("east", pa.float64()),
        pa.field("north", pa.float64()),
    ]
)
"""One row per row group, in the order of the files and of the row groups in them."""


@dataclass(frozen=True, eq=False)
class Index:
    """The row groups of an archive.

    Attributes:
        table: INDEX.
    """

    table: pa.Table

    @cached_property
    def digest(self) -> str:
        """Digest of the footers, which sum up the content; a copy has the same digest."""
        files = dict(self._columns("file", "footer"))
        return hashlib.sha256("".join(files.values()).encode()).hexdigest()[:16]

    @cached_property
    def collections(self) -> list[str]:
        """All collections with items, or built without finding any, sorted."""
        lists = self.table["collections"].to_pylist()
        return sorted({name for names in lists for name in names} | self._records.keys())

    def searched(self, collection: str) -> SearchedItems | None:
        """Return what an archive was built for; None if another tool wrote a file with items."""
        files = self.table["file"].take(pa.array(self.numbers_of(collection), pa.int64()))
        if collection not in self._records or set(files.to_pylist()) - self._recorded_files:
            return None
        return self._records[collection]

    @cached_property
    def _records(self) -> dict[str, SearchedItems]:
        texts = self.table["searched"].drop_null().to_pylist()
        found: dict[str, list[Search]] = {}
        for record in map(SearchedItems.parse, texts):
            found.setdefault(record.collection, []).extend(record.searches)
        return {name: SearchedItems(name, tuple(searches)) for name, searches in found.items()}

    @cached_property
    def _recorded_files(self) -> set[str]:
        return {file for file, text in self._columns("file", "searched") if text is not None}

    @cached_property
    def catalog_id(self) -> str | None:
        """STAC id of the archived catalog; None if the first file does not say it."""
        return next(iter(self.table["catalog"].to_pylist()), None)

    def numbers_of(self, collection: str) -> NDArray[np.intp]:
        """Return the rows of the index with a collection."""
        return self._numbers.get(collection, np.empty(0, dtype=np.intp))

    @cached_property
    def _numbers(self) -> dict[str, NDArray[np.intp]]:
        found: dict[str, list[int]] = {}
        for number, names in enumerate(self.table["collections"].to_pylist()):
            for name in names:
                found.setdefault(name, []).append(number)
        return {name: np.array(numbers) for name, numbers in found.items()}

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """West, south, east and north of each row group; all the world if unknown, shape (n, 4)."""
        world = (-180.0, -90.0, 180.0, 90.0)
        names = ("west", "south", "east", "north")
        columns = [
            self.table[name].fill_null(edge) for name, edge in zip(names, world, strict=True)
        ]
        return np.column_stack([column.to_numpy() for column in columns])

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """First and last microsecond of each row group; unknown is all time, shape (n, 2)."""
        limits = np.iinfo(np.int64)
        ends = zip(("start", "end"), (limits.min, limits.max), strict=True)
        columns = [self.table[name].cast(pa.int64()).fill_null(end) for name, end in ends]
        return np.column_stack([column.to_numpy() for column in columns])

    def _columns(self, *names: str) -> Iterator[tuple[Any, ...]]:
        return zip(*(self.table[name].to_pylist() for name in names), strict=True)


def read_index(address: Address) -> Index:
    """Read the index of an archive, from the cache as far as its files are the same.

    Raises:
        CatalogError: Names the file that can't be read, and why.
    """
    try:
        files = list_files(address)
    except (OSError, pa.ArrowException) as err:
        raise CatalogError(address.public, f"can't be read: {describe_error(err)}") from None
    path = user_cache_path("floodscan", appauthor=False) / "archives" / _cache_name(address)
    held = _load(path)
    known = {(f.path, f.size, f.version): held.get((f.path, f.size, f.version)) for f in files}
    missing = [file for file in files if known[file.path, file.size, file.version] is None]
    read = dict(zip(missing, _read_footers(address, missing), strict=True))
    tables = [read[f] if f in read else known[f.path, f.size, f.version] for f in files]
    table = pa.concat_tables(tables).combine_chunks()
    if missing or len(held) != len(files):
        _save(path, table)
    return Index(table)


def _read_footers(address: Address, files: Sequence[DataFile]) -> list[pa.Table]:
    def read(file: DataFile) -> pa.Table:
        try:
            return pa.Table.from_pylist(list(read_footer(address, file)), schema=INDEX)
        except (OSError, ValueError, pa.ArrowException) as err:
            name = file.path.rpartition("/")[2].partition("?")[0]
            problem = f"can't be read as stac-geoparquet: {name}: {describe_error(err)}"
            raise CatalogError(address.public, problem) from None

    with ThreadPoolExecutor(_READERS) as threads:
        return list(threads.map(read, files))


def describe_error(err: Exception) -> str:
    """Write an error of a file system in one line, without an address, which may be secret."""
    text = str(err.strerror if isinstance(err, OSError) and err.strerror else err)
    if answer := _AZURE_ANSWER.search(text):
        return f"Azure Storage answers {answer['status']} {answer['code']}"
    if answer := _S3_ANSWER.search(text):
        return f"S3 answers {answer['code']}"
    text = _SECRETS.sub("", " ".join(text.split()))
    return text[:_LONGEST_ERROR].strip(" '\"(") or type(err).__name__


def _cache_name(address: Address) -> str:
    facts = {"version": _VERSION, "scheme": address.scheme, "path": address.path.partition("?")[0]}
    facts |= {"account": address.account, "public": address.public}
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:40] + ".arrow"


def _load(path: Path) -> dict[tuple[str, int, str], pa.Table]:
    """Read cached rows by path, size and version of their files."""
    with suppress(OSError, pa.ArrowException):
        table = ipc.open_file(pa.BufferReader(path.read_bytes())).read_all()
        if table.schema.equals(INDEX):
            keys = zip(
                *(table[name].to_pylist() for name in ("file", "size", "version")), strict=True
            )
            places: dict[tuple[str, int, str], list[int]] = {}
            for number, key in enumerate(keys):
                places.setdefault(key, []).append(number)
            return {key: table.take(pa.array(numbers)) for key, numbers in places.items()}
    return {}


def _save(path: Path, table: pa.Table) -> None:
    with suppress(OSError):  # without a cache a run is slower, and its results are the same
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, ipc.new_file(str(temporary), table.schema) as writer:
            writer.write_table(table)


def count_rows_without_id(index: Index, numbers: Iterable[int]) -> int:
    """Count rows that are left out because they have no id."""
    counts = index.table["n_without_id"].to_numpy()
    return int(sum(counts[number] for number in numbers))
