"""The answers of a join, on a disk that all workers share.

A sweep joins an archive with the searches of many events at once. Each task of the join reads some
row groups and writes one file: the items of each answer, one after the other. The batches of the
sweep then search a ``JoinedCatalog``, which reads the answers from these files.

    00003.bin   the items of answer 7, the items of answer 9, …, as Arrow streams
    00003.json  {"7": [start, length], "9": [start, length], …}
    answers.json  the number of each answer, by the digest of its search
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from floodscan.catalogs.archive.reading import JoinedItems, join_row_groups
from floodscan.catalogs.base import Answer, Catalog, MissingPart
from floodscan.schemas import ITEMS, pack_table, unpack_table
from floodscan.store.atomic import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from floodscan.catalogs.archive.catalog import ArchiveCatalog
    from floodscan.catalogs.archive.shards import Shard
    from floodscan.model import Search

_ANSWERS = "answers.json"


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
        """Read the answer of the join, or search."""
        if not search.joined:
            return self.rest.search(search)
        items = pa.concat_tables([ITEMS.empty_table(), *self._read(search)])
        whole = Answer(items=items, missing_parts=self.missing_parts).answer_for(search)
        # a slot search may miss what the whole does not: each is asked for its own window
        return replace(whole, missing_parts=self.missing_parts)

    def _read(self, search: Search) -> Iterator[pa.Table]:
        number = _load_answers(self.folder)[_digest(search)]
        for shard in range(self.n_shards):
            places = _load_places(self.folder, shard)
            if number in places:
                start, length = places[number]
                with _path(self.folder, shard, "bin").open("rb") as file:
                    file.seek(start)
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
    found: list[JoinedItems] = []
    missing: list[MissingPart] = []
    collections = list(dict.fromkeys(each.collection for each in shard.asked))
    for each in join_row_groups(archive.address, shard.row_groups, shard.asked):
        if isinstance(each, JoinedItems):
            found.append(each)
        else:
            missing += archive.list_missing(each, collections)
    _write(folder, number, _sort_by_answer(found))
    del found
    pa.default_memory_pool().release_unused()
    return tuple(missing)


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


def _write(folder: Path, number: int, tables: Iterator[tuple[int, pa.Table]]) -> None:
    places: dict[str, tuple[int, int]] = {}
    with written(_path(folder, number, "bin")) as temporary, temporary.open("wb") as file:
        for answer, table in tables:
            packed = pack_table(table)
            places[str(answer)] = (file.tell(), packed.size)
            file.write(packed)
    with written(_path(folder, number, "json")) as temporary:
        temporary.write_bytes(orjson.dumps(places))


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
def _load_places(folder: Path, number: int) -> dict[int, tuple[int, int]]:
    content = orjson.loads(_path(folder, number, "json").read_bytes())
    return {int(answer): (start, length) for answer, (start, length) in content.items()}
