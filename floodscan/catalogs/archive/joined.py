"""The answers of a join, on a disk that all workers share.

A sweep joins an archive with the searches of many events at once. Each task of the join reads some
row groups and writes one file: the items of each answer, one after the other. The batches of the
sweep then search a ``JoinedCatalog``, which reads the answers from these files.

    00003.bin   the items of answer 7, the items of answer 9, …, as Arrow streams
    00003.json  {"7": [[start, length, dropped rows], …], "9": …}
    answers.json  the number of each answer, by the digest of its search
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from floodscan.catalogs.archive.reading import JoinedItems, join_row_groups
from floodscan.catalogs.base import Answer, Catalog, MissingPart
from floodscan.errors import CatalogError
from floodscan.schemas import ITEMS, pack_table, unpack_table
from floodscan.store.atomic import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from floodscan.catalogs.archive.catalog import ArchiveCatalog
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search

    Piece = tuple[int, int, int]

_ANSWERS = "answers.json"
_WAITING_BYTES = 64 << 20


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
            return self._find(search)
        except FileNotFoundError as err:
            raise CatalogError(self.location, "the answers of the join are gone") from err

    def _find(self, search: Search) -> Answer:
        number = _load_answers(self.folder)[_digest(search)]
        pieces = [
            _load_places(self.folder, shard).get(number, ()) for shard in range(self.n_shards)
        ]
        whole = Answer(
            items=pa.concat_tables([ITEMS.empty_table(), *self._read(pieces)]),
            missing_parts=self.missing_parts,
            n_dropped=sum(n_dropped for found in pieces for _, _, n_dropped in found),
        ).answer_for(search)
        # a slot search may miss what the whole does not: each is asked for its own window
        return replace(whole, missing_parts=self.missing_parts)

    def _read(self, pieces: Sequence[Sequence[Piece]]) -> Iterator[pa.Table]:
        for shard, found in enumerate(pieces):
            if any(length for _, length, _ in found):
                with _path(self.folder, shard, "bin").open("rb") as file:
                    for start, length, _ in found:
                        file.seek(start)
                        if length:
                            yield unpack_table(pa.py_buffer(file.read(length)))


def write_answers(folder: Path, numbers: Mapping[Search, int]) -> None:
    """Write the number of the answer to each joined search."""
    content = {_digest(search): number for search, number in numbers.items()}
    with written(folder / _ANSWERS) as temporary:
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
    with written(_path(folder, number, "bin")) as temporary, temporary.open("wb") as file:
        writer = _AnswerWriter(file)
        for each in join_row_groups(archive.address, shard.row_groups, shard.asked):
            if isinstance(each, JoinedItems):
                writer.add(each)
            else:
                missing += archive.list_missing(each, collections)
        writer.flush()
    with written(_path(folder, number, "json")) as temporary:
        temporary.write_bytes(orjson.dumps(writer.places, option=orjson.OPT_NON_STR_KEYS))
    pa.default_memory_pool().release_unused()
    return tuple(missing)


class _AnswerWriter:
    """Writes the items of row groups, sorted by answer; a limited number of bytes waits in memory.

    Attributes:
        places: Start and length of the pieces of each answer, and its number of dropped rows.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.places: dict[int, list[tuple[int, int, int]]] = {}
        self._file = file
        self._waiting: list[JoinedItems] = []

    def add(self, found: JoinedItems) -> None:
        """Add the items of a row group."""
        self._waiting.append(found)
        if sum(each.items.nbytes for each in self._waiting) > _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        dropped = Counter(n for each in self._waiting for n in each.dropped.tolist())
        for answer, table in _sort_by_answer(self._waiting):
            packed = pack_table(table)
            piece = (self._file.tell(), packed.size, dropped.pop(answer, 0))
            self.places.setdefault(answer, []).append(piece)
            self._file.write(packed)
        for answer, n_dropped in dropped.items():
            self.places.setdefault(answer, []).append((0, 0, n_dropped))
        self._waiting.clear()


def _sort_by_answer(found: Sequence[JoinedItems]) -> Iterator[tuple[int, pa.Table]]:
    """Yield the items of each answer, in the order of the archive."""
    tables = [ITEMS.empty_table(), *(each.items for each in found)]
    items = pa.concat_tables(tables).combine_chunks()  # many rows of chunks are slow to take
    starts = np.cumsum([0, *(len(each.items) for each in found)])
    rows = [each.rows + start for each, start in zip(found, starts[:-1], strict=True)]
    answers = np.concatenate([np.empty(0, np.int64), *(each.answers for each in found)])
    order = np.argsort(answers, kind="stable")
    rows_in_order = np.concatenate([np.empty(0, np.int64), *rows])[order]
    numbers, firsts = np.unique(answers[order], return_index=True)
    ends = np.append(firsts[1:], len(order))
    for answer, first, end in zip(numbers.tolist(), firsts, ends[: len(firsts)], strict=True):
        yield answer, items.take(pa.array(rows_in_order[first:end]))


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:05}.{kind}"


def _digest(search: Search) -> str:
    facts = (search.collection, search.bbox, search.window and str(search.window), search.assets)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _load_answers(folder: Path) -> dict[str, int]:
    content: dict[str, int] = orjson.loads((folder / _ANSWERS).read_bytes())
    return content


@lru_cache(maxsize=4096)
def _load_places(folder: Path, number: int) -> dict[int, list[Piece]]:
    content = orjson.loads(_path(folder, number, "json").read_bytes())
    return {int(answer): pieces for answer, pieces in content.items()}
