"""A table that batches write: one small file per batch during a run, one file at its end."""

from __future__ import annotations

import heapq
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from floodscan.errors import OutputError
from floodscan.schemas import check_table, split_by
from floodscan.store.atomic import written

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

_ROWS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """A table with a column ``batch``, in one merged file and in newer parts, one per batch.

    The rows of a part replace the rows of the same batch in the merged file.

    Attributes:
        folder: Folder of the parts. The merged file is beside it, with the suffix ``.parquet``.
        schema: Columns and types.
    """

    folder: Path
    schema: pa.Schema

    @property
    def whole(self) -> Path:
        """The merged file; a run writes it at its end."""
        return self.folder.with_suffix(".parquet")

    def write(self, batch: str, rows: pa.Table) -> None:
        """Write the part of a batch, as cheaply as Parquet can be: it is read once, and whole."""
        with written(self._part(batch)) as temporary:
            pq.write_table(
                check_table(rows, self.schema),
                temporary,
                compression="lz4",
                use_dictionary=False,
                write_statistics=False,
            )

    def written_since(self, moment: float) -> list[str]:
        """List the batches whose parts are not older than a moment, in seconds since 1970."""
        fresh = []
        for batch in self._parts():
            with suppress(FileNotFoundError):  # another process has just merged the parts
                if self._part(batch).stat().st_mtime >= moment:
                    fresh.append(batch)
        return fresh

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, in the order of the names of the batches.

        Another process may merge the parts at the same time; then this reads them again.
        """
        names = columns or self.schema.names
        schema = self._schema_of(names)
        while True:
            with suppress(FileNotFoundError):
                return pa.concat_tables(
                    [schema.empty_table(), *(rows for _, rows in self.batches(names))]
                )

    def batches(self, columns: list[str] | None = None) -> Iterator[tuple[str, pa.Table]]:
        """Yield name and rows of one batch after the other, in the order of the names.

        A part that is damaged counts as missing.

        Raises:
            OutputError: From the iterator: another version of floodscan wrote a file.
        """
        parts = self._parts()
        newer, names = frozenset(parts), columns or self.schema.names
        old = (
            (batch, rows.select(names)) for batch, rows in self._held(names) if batch not in newer
        )
        new = (
            (batch, rows)
            for batch in parts
            if (rows := _read(self._part(batch), self._schema_of(names))) is not None
        )
        return heapq.merge(old, new, key=itemgetter(0))

    def keep(self, batches: Container[str]) -> None:
        """Delete the rows of all other batches."""
        for batch in self._parts():
            if batch not in batches:
                self._part(batch).unlink(missing_ok=True)
        if any(batch not in batches for batch, _ in self._held([])):
            self._write_whole(
                rows for batch, rows in self._held(self.schema.names) if batch in batches
            )

    def merge(self) -> None:
        """Merge all parts into one file."""
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

    def _schema_of(self, columns: Iterable[str]) -> pa.Schema:
        return pa.schema([self.schema.field(name) for name in dict.fromkeys(columns)])

    def _part(self, batch: str) -> Path:
        return self.folder / f"{batch}.parquet"

    def _parts(self) -> list[str]:
        """List the batches that have a part."""
        with suppress(FileNotFoundError):  # another process has just merged the parts
            return sorted(path.stem for path in self.folder.glob("*.parquet"))
        return []

    def _held(self, columns: list[str]) -> Iterator[tuple[str, pa.Table]]:
        """Read the merged file, if there is one, batch by batch."""
        if self.whole.exists():
            with pq.ParquetFile(self.whole) as file:
                wanted = self._schema_of([*columns, "batch"])
                check_columns(self.whole, file.schema_arrow, wanted)
                chunks = file.iter_batches(_ROWS_AT_ONCE, columns=wanted.names, use_threads=False)
                pieces = (
                    piece
                    for chunk in chunks
                    for piece in split_by("batch", pa.table(chunk)).items()
                )
                for batch, same in groupby(pieces, key=itemgetter(0)):
                    yield batch, pa.concat_tables(rows for _, rows in same)


def check_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    """Refuse a file of another version of floodscan, which lacks a column or a part of one.

    Such a file is not damaged: its rows must not count as missing.

    Raises:
        OutputError: The message names the missing columns.
    """
    held = {*_column_paths(found)}
    if missing := [name for name in _column_paths(wanted) if name not in held]:
        raise OutputError(
            f"{path}: another version of floodscan wrote it, without {', '.join(missing)}; "
            "scan again to another --out"
        )


def _column_paths(fields: Iterable[pa.Field], prefix: str = "") -> Iterator[str]:
    """Name columns and the fields in them, such as ``reasons.code``."""
    for field in fields:
        yield f"{prefix}{field.name}"
        inner = field.type.value_type if pa.types.is_list(field.type) else field.type
        if pa.types.is_struct(inner):
            yield from _column_paths(inner, f"{prefix}{field.name}.")


def _read(path: Path, wanted: pa.Schema) -> pa.Table | None:
    """Read a part; None if it is damaged, as after the crash of a node."""
    try:
        with pq.ParquetFile(path) as file:
            check_columns(path, file.schema_arrow, wanted)
            return file.read(wanted.names, use_threads=False)
    except pa.ArrowInvalid:
        return None


def _gather(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Concatenate small tables, so that a file has few row groups."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
