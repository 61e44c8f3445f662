"""Rows that batches write: a small file of each while a run goes on, one file of all when it has ended."""

from __future__ import annotations

import heapq
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.schemas import check_table, split_by
from floodscan.store.atomic import written

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

_ROWS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """A table with a column ``batch``, in parts that take the place of what the whole says of the same batch.

    Attributes:
        folder: Folder of the parts; the whole is beside it, under the same name with ``.parquet``.
        schema: Columns and types.
    """

    folder: Path
    schema: pa.Schema

    @property
    def whole(self) -> Path:
        """The file of all batches of a run that has ended."""
        return self.folder.with_suffix(".parquet")

    def write(self, batch: str, rows: pa.Table) -> None:
        """Write the rows of a batch."""
        with written(self._part(batch)) as temporary:
            pq.write_table(check_table(rows, self.schema), temporary, compression="zstd")

    def written_since(self, moment: float) -> list[str]:
        """Name the batches whose own files are not older than a moment, in seconds since 1970."""
        fresh = []
        for batch in self._parts():
            with suppress(FileNotFoundError):  # merged meanwhile
                if self._part(batch).stat().st_mtime >= moment:
                    fresh.append(batch)
        return fresh

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows that there are, in the order of the batches' names.

        Parts may be merged meanwhile.
        """
        names = columns or self.schema.names
        schema = pa.schema([self.schema.field(name) for name in names])
        while True:
            with suppress(FileNotFoundError):
                return pa.concat_tables(
                    [schema.empty_table(), *(rows for _, rows in self.batches(names))]
                )

    def batches(self, columns: list[str] | None = None) -> Iterator[tuple[str, pa.Table]]:
        """Read one batch after the other, by name, in the order of their names.

        A torn part is as good as none.
        """
        parts = self._parts()
        newer, names = frozenset(parts), columns or self.schema.names
        old = (
            (batch, rows.select(names)) for batch, rows in self._held(names) if batch not in newer
        )
        new = (
            (batch, rows)
            for batch in parts
            if (rows := _read(self._part(batch), names)) is not None
        )
        return heapq.merge(old, new, key=itemgetter(0))

    def keep(self, batches: Container[str]) -> None:
        """Forget all other batches."""
        for batch in self._parts():
            if batch not in batches:
                self._part(batch).unlink(missing_ok=True)
        if any(batch not in batches for batch, _ in self._held([])):
            self._write_whole(
                rows for batch, rows in self._held(self.schema.names) if batch in batches
            )

    def merge(self) -> None:
        """Put all parts into the one file."""
        parts = self._parts()
        if parts or not self.whole.exists():
            self._write_whole(rows for _, rows in self.batches())
        for batch in parts:
            self._part(batch).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _write_whole(self, tables: Iterable[pa.Table]) -> None:
        with (
            written(self.whole) as temporary,
            pq.ParquetWriter(temporary, self.schema, compression="zstd") as writer,
        ):
            for rows in _gather(tables):
                writer.write_table(rows)

    def _part(self, batch: str) -> Path:
        return self.folder / f"{batch}.parquet"

    def _parts(self) -> list[str]:
        """Name the batches that have a part."""
        with suppress(FileNotFoundError):  # merged meanwhile
            return sorted(path.stem for path in self.folder.glob("*.parquet"))
        return []

    def _held(self, columns: list[str]) -> Iterator[tuple[str, pa.Table]]:
        """Read the one file, if there is one, batch by batch."""
        if self.whole.exists():
            with pq.ParquetFile(self.whole) as file:
                chunks = file.iter_batches(
                    _ROWS_AT_ONCE, columns=[*columns, "batch"], use_threads=False
                )
                pieces = (
                    piece
                    for chunk in chunks
                    for piece in split_by("batch", pa.table(chunk)).items()
                )
                for batch, same in groupby(pieces, key=itemgetter(0)):
                    yield batch, pa.concat_tables(rows for _, rows in same)


def _read(path: Path, columns: list[str]) -> pa.Table | None:
    """Read a part; None where it is torn, as by the loss of a node."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns, use_threads=False)
    except pa.ArrowInvalid:
        return None


def _gather(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Put small tables together, so that a file has few row groups."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
