"""Pages of Parquet: of a row group, only those with wanted rows are decoded.

pyarrow decodes all pages of a column, of which most have no item that any search finds. So it reads
a file through a ``SparseFile``, which puts nulls in place of these pages::

    a column on disk      [dictionary][page of 500 rows][page of 500 rows][page of 400 rows]
    as pyarrow reads it   [500 nulls][page of 500 rows][400 nulls]00000000000000000000000000

All rows keep their numbers, so nothing else has to know of it. Lists are read whole, because their
pages don't tell how many rows they have. So is a column whose pages have an unusual header.

Source: https://parquet.apache.org/docs/file-format/, and the compact protocol of Apache Thrift.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_left
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq


def _compile(*forms: bytes) -> re.Pattern[bytes]:
    """Compile the forms of a header, in which ``N`` is a number of Thrift."""
    return re.compile(b"|".join(forms).replace(b"N", rb"[\x80-\xff]{0,4}[\x00-\x7f]"), re.DOTALL)


# the groups are its bytes, its number of values, their encoding, and whether statistics follow
_DATA_PAGE = _compile(
    rb"\x15\x00\x15N\x15(N)(?:\x2c|\x15N\x1c)\x15(N)\x15(N)\x15N\x15N(\x00\x00|\x1c)",
    rb"\x15\x06\x15N\x15(N)(?:\x5c|\x15N\x4c)\x15(N)\x15N\x15N\x15(N)\x15N\x15N[\x11\x12](\x00\x00|\x1c)",
)
_DICTIONARY_PAGE = _compile(rb"\x15\x04\x15N\x15(N)(?:\x4c|\x15N\x3c)\x15N\x15N[\x11\x12]?\x00\x00")
_DICTIONARY_ENCODINGS = {2, 8}
_BOOLEANS, _BINARY = {1, 2}, 8
_SEVEN_BITS = 0x7F
_LEAST_BYTES = 128 << 10  # a smaller column has too few pages


class _UnusualPageError(Exception):
    """The header of a page has another form than that of all known writers."""


class SparseFile(io.RawIOBase):
    """A Parquet file on disk, without the pages that have no wanted row.

    Args:
        source: The file.
    """

    def __init__(self, source: pa.NativeFile) -> None:
        super().__init__()
        self._source = source
        self._size: int = source.size()
        self._place = 0
        self._flat: dict[str, int] = {}
        self._n_rows: dict[int, int] = {}
        self._rows: Sequence[int] = ()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read from the place on; a column is read whole, without its unwanted pages."""
        left = max(self._size - self._place, 0)
        content: bytes = self._source.read_at(left if size < 0 else min(size, left), self._place)
        n_rows = self._n_rows.get(self._place)
        self._place += len(content)
        return content if n_rows is None else _blank_pages(content, n_rows, self._rows)

    @contextmanager
    def only(
        self, parquet: pq.ParquetFile, row_group: int, names: Iterable[str], rows: Sequence[int]
    ) -> Iterator[None]:
        """Read some rows of a row group: large columns have nulls in other rows.

        Args:
            parquet: This file.
            row_group: Number of the row group.
            names: The columns.
            rows: Numbers of the rows, ascending.
        """
        metadata = parquet.metadata.row_group(row_group)
        for number in self._find_flat(parquet, names):
            column = metadata.column(number)
            if column.total_uncompressed_size >= _LEAST_BYTES:
                place = column.dictionary_page_offset or column.data_page_offset
                self._n_rows[place] = metadata.num_rows
        self._rows = rows
        try:
            yield
        finally:
            self._n_rows = {}

    def _find_flat(self, parquet: pq.ParquetFile, names: Iterable[str]) -> list[int]:
        """Return the numbers of the columns that are no lists and may have nulls."""
        if not self._flat:
            columns = map(parquet.schema.column, range(len(parquet.schema)))
            self._flat = {
                column.path: number
                for number, column in enumerate(columns)
                if column.max_definition_level and not column.max_repetition_level
            }
        return [self._flat[name] for name in names if name in self._flat]


def _blank_pages(content: bytes, n_rows: int, rows: Sequence[int]) -> bytes:
    """Put nulls in place of the pages of a column that have no wanted row.

    Args:
        content: The pages of the column, one after the other.
        n_rows: Number of its rows.
        rows: Numbers of the wanted rows, ascending.
    """
    try:
        dictionary, pages = _split(content, n_rows)
    except _UnusualPageError:
        return content
    bytes_of, encodings = memoryview(content), set()
    parts: list[bytes | memoryview] = [b""]
    n_blank = end = 0
    for page in pages:
        start, end = end, end + page.n_rows
        if bisect_left(rows, start) == bisect_left(rows, end):
            n_blank += page.n_rows
            continue
        parts += [_make_nulls(n_blank), bytes_of[page.start : page.end]]
        encodings.add(page.encoding)
        n_blank = 0
    parts.append(_make_nulls(n_blank))
    if encodings & _DICTIONARY_ENCODINGS:
        parts[0] = bytes_of[:dictionary]
    # a page of few bytes may be shorter than one of nulls
    n_left = len(content) - sum(map(len, parts))
    return b"".join([*parts, bytes(n_left)]) if n_left >= 0 else content


class _Page(NamedTuple):
    """A data page.

    Attributes:
        start: Where its header starts.
        end: Where it ends.
        n_rows: Number of its rows.
        encoding: Number of the encoding of its values.
    """

    start: int
    end: int
    n_rows: int
    encoding: int


def _split(content: bytes, n_rows: int) -> tuple[int, list[_Page]]:
    """Return the end of the dictionary, which is 0 without one, and the data pages."""
    end = 0
    if header := _DICTIONARY_PAGE.match(content):
        end = header.end() + _number(header[1])
    dictionary, pages, left = end, [], n_rows
    while left > 0:
        page = _read_page(content, end)
        pages.append(page)
        end, left = page.end, left - page.n_rows
    if left or end > len(content):
        raise _UnusualPageError
    return dictionary, pages


def _read_page(content: bytes, start: int) -> _Page:
    """Read the header of a data page."""
    header = _DATA_PAGE.match(content, start)
    if header is None:
        raise _UnusualPageError
    size, n_rows, encoding, statistics = filter(None, header.groups())
    end = header.end()
    if statistics == b"\x1c":
        end = _skip_statistics(content, end)
    return _Page(start, end + _number(size), _number(n_rows), _number(encoding))


def _number(digits: bytes) -> int:
    """Read a number of Thrift that is not negative."""
    return _unpack(digits) >> 1


def _unpack(digits: bytes) -> int:
    """Read seven bits of each byte."""
    number = 0
    for digit in reversed(digits):
        number = number << 7 | digit & _SEVEN_BITS
    return number


def _skip_statistics(content: bytes, start: int) -> int:
    """Return the end of the header that ends with these statistics."""
    place = start
    try:
        while kind := content[place] & 15:
            place += 1
            if kind not in _BOOLEANS:
                first = place
                while content[place] > _SEVEN_BITS:
                    place += 1
                place += 1
            if kind == _BINARY:
                place += _unpack(content[first:place])
    except IndexError:
        raise _UnusualPageError from None
    if content[place : place + 3] != b"\0\0\0":
        raise _UnusualPageError
    return place + 3


def _pack(number: int) -> bytes:
    """Write seven bits a byte."""
    digits = []
    while number > _SEVEN_BITS:
        digits.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    return bytes([*digits, number])


@lru_cache(maxsize=1024)
def _make_nulls(n_rows: int) -> bytes:
    """Make a page of nulls: a data page of version 2, without values and not compressed."""
    if not n_rows:
        return b""
    levels = _pack(n_rows << 1) + b"\0"  # a run of the level that is null
    size, rows = _pack(len(levels) << 1), _pack(n_rows << 1)
    inner = (rows, rows, rows, b"\0", size, b"\0")
    sizes = b"\x15\x06\x15" + size + b"\x15" + size
    return sizes + b"\x5c" + b"".join(b"\x15" + each for each in inner) + b"\x12\0\0" + levels
