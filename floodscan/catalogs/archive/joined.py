"""The answers of a join, on a disk that all workers share.

A sweep joins an archive with the searches of many events at once. Each task of the join reads some
row groups and writes the items that any answer gets, each once, and which of them each answer gets.
The batches of the sweep then search a ``JoinedCatalog``, which reads the answers from these files.

    00003.items    items 0, 1, 2, …, in batches of some thousands, as an Arrow file
    00003.answers  answer 7: items 0, 2, …; answer 9: items 2, 3, …; and the ends of the batches
    answers.json   the number of each answer, by the digest of its search
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from floodscan.catalogs.archive.reading import JoinedItems, join_row_groups
from floodscan.catalogs.base import Answer, Catalog, MissingPart
from floodscan.errors import CatalogError
from floodscan.schemas import ITEMS
from floodscan.store.atomic import scratch
from floodscan.threads import compute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from floodscan.catalogs.archive.catalog import ArchiveCatalog
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search

_ANSWERS = "answers.json"
_BATCH_ITEMS = 4096


@dataclass(frozen=True, slots=True)
class JoinedCatalog:
    """The answers of a join, and a catalog for all other searches.

    Attributes:
        folder: Folder of the answers.
        n_shards: Number of files.
        missing_parts: What the archives lack.
        rest: Answers the searches that were not joined.
    """

    folder: Path
    n_shards: int
    missing_parts: tuple[MissingPart, ...]
    rest: Catalog

    @property
    def location(self) -> str:
        """The location of the catalog behind it."""
        return self.rest.location

    def describe(self, collections: Iterable[str]) -> str:
        """Return the STAC id of the catalog behind it."""
        return self.rest.describe(collections)

    def search(self, search: Search) -> Answer:
        """Read the answer of the join, or search.

        Raises:
            CatalogError: The answers are gone: the run has ended, and this task outlived it.
        """
        if not search.joined:
            return self.rest.search(search)
        try:
            # many threads would each keep the memory of large answers
            return compute(self._find, search)
        except FileNotFoundError as err:
            raise CatalogError(self.location, "the answers of the join are gone") from err

    def _find(self, search: Search) -> Answer:
        number = _load_answers(self.folder)[_digest(search)]
        tables, n_dropped = [ITEMS.empty_table()], 0
        for shard in range(self.n_shards):
            loaded = _load_shard(self.folder, shard)
            place = int(np.searchsorted(loaded.answers, number))
            if place < len(loaded.answers) and loaded.answers[place] == number:
                rows = loaded.rows[loaded.starts[place] : loaded.starts[place + 1]]
                tables += _read_items(_path(self.folder, shard, "items"), loaded.ends, rows)
                n_dropped += int(loaded.n_dropped[place])
        whole = Answer(
            items=pa.concat_tables(tables), missing_parts=self.missing_parts, n_dropped=n_dropped
        ).answer_for(search)
        # a slot search may miss what the whole does not: each is asked for its own window
        return replace(whole, missing_parts=self.missing_parts)


def write_answers(folder: Path, numbers: Mapping[Search, int]) -> None:
    """Write the number of the answer to each joined search."""
    content = {_digest(search): number for search, number in numbers.items()}
    with scratch(folder / _ANSWERS) as temporary:
        temporary.write_bytes(orjson.dumps(content))


def join_shard(
    archive: ArchiveCatalog, shard: Shard, folder: Path, number: int
) -> tuple[MissingPart, ...]:
    """Join the row groups of a shard with all searches that touch them, and write the answers.

    Args:
        archive: The archive.
        shard: The row groups and the searches.
        folder: Folder of the answers.
        number: Number of the shard.

    Returns:
        What could not be read.
    """
    missing: list[MissingPart] = []
    collections = list(dict.fromkeys(each.collection for each in shard.asked))
    with (
        scratch(_path(folder, number, "items")) as path,
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, ITEMS) as items,
    ):
        writer = _AnswerWriter(items)
        for each in join_row_groups(archive.address, shard.row_groups, shard.asked):
            if isinstance(each, JoinedItems):
                writer.add(each)
            else:
                missing += archive.list_missing(each, collections)
        answers = writer.finish()
    content = BytesIO()  # numpy hides the cause if the disk is full
    np.savez(content, **answers._asdict())
    with scratch(_path(folder, number, "answers")) as path:
        path.write_bytes(content.getbuffer())
    pa.default_memory_pool().release_unused()
    return tuple(missing)


class _ShardAnswers(NamedTuple):
    """Which items of a shard each answer gets.

    Attributes:
        answers: Numbers of the answers, ascending, shape (n,).
        starts: Where the items of each answer start in ``rows``, and the end, shape (n + 1,).
        rows: Numbers of items in the shard.
        n_dropped: Number of rows without an id, shape (n,).
        ends: Number of items up to the end of each batch.
    """

    answers: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    n_dropped: NDArray[np.int64]
    ends: NDArray[np.int64]


class _AnswerWriter:
    """Writes the items of a shard in batches; one batch waits in memory."""

    def __init__(self, file: pa.ipc.RecordBatchFileWriter) -> None:
        self._file = file
        self._waiting: list[pa.Table] = []
        self._ends: list[int] = []
        self._n_items = 0
        self._none = np.empty(0, dtype=np.int64)
        self._rows, self._answers, self._dropped = [self._none], [self._none], [self._none]

    def add(self, found: JoinedItems) -> None:
        """Add some items."""
        self._rows.append(found.rows + self._n_items)
        self._answers.append(found.answers)
        self._dropped.append(found.dropped)
        self._waiting.append(found.items)
        self._n_items += len(found.items)
        if sum(map(len, self._waiting)) >= _BATCH_ITEMS:
            self._flush()

    def _flush(self) -> None:
        items = pa.concat_tables(self._waiting).combine_chunks()
        self._file.write_table(items)
        self._ends.append(self._n_items)
        self._waiting.clear()

    def finish(self) -> _ShardAnswers:
        """Write what waits, and return which items each answer gets."""
        if self._waiting:
            self._flush()
        answers, dropped = np.concatenate(self._answers), np.concatenate(self._dropped)
        order = np.argsort(answers, kind="stable")
        numbers = np.unique(np.concatenate([answers, dropped]))
        return _ShardAnswers(
            numbers,
            np.append(np.searchsorted(answers[order], numbers), len(order)),
            np.concatenate(self._rows)[order],
            np.bincount(np.searchsorted(numbers, dropped), minlength=len(numbers)),
            np.array(self._ends, dtype=np.int64),
        )


def _read_items(path: Path, ends: NDArray[np.int64], rows: NDArray[np.int64]) -> Iterator[pa.Table]:
    """Read some items of a shard, whose batches have these ends."""
    if not len(rows):
        return
    batches = np.searchsorted(ends, rows, side="right")
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as items:
        for number in np.unique(batches).tolist():
            start = ends[number - 1] if number else 0
            some = pa.array(rows[batches == number] - start)
            # the rows are copied, so that nothing holds the file when the run removes it
            yield pa.Table.from_batches([items.get_batch(number).take(some)])


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:05}.{kind}"


def _digest(search: Search) -> str:
    facts = (search.collection, search.bbox, search.window and str(search.window), search.assets)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _load_answers(folder: Path) -> dict[str, int]:
    content: dict[str, int] = orjson.loads((folder / _ANSWERS).read_bytes())
    return content


@lru_cache(maxsize=1024)
def _load_shard(folder: Path, number: int) -> _ShardAnswers:
    with np.load(_path(folder, number, "answers")) as content:
        return _ShardAnswers(**content)
