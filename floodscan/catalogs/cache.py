"""Answers on disk: what was asked once is not asked again, by any process that shares the folder."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
from pyarrow import ipc

from floodscan.catalogs.base import Answer, Catalog
from floodscan.schemas import ITEMS, check_table
from floodscan.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from floodscan.catalogs.stac_api import StacApiCatalog
    from floodscan.model import Search

_VERSION = 2  # to be raised when the same answer is read into another table
_OWN = re.compile(r"[0-9a-f]{40}\.(arrow|json)|\.[0-9a-f]{40}\.(arrow|json)\.[0-9a-f]{32}\.tmp")


@dataclass(frozen=True, slots=True)
class CachedCatalog:
    """A STAC API whose complete answers are kept in a folder.

    A file is written beside its place and renamed, so that many processes may read and write at
    once; one that can't be read counts as none.

    Attributes:
        catalog: The API.
        folder: Where answers are kept; made where it is missing.
        not_before: Answers that are older than this, in seconds since 1970, are asked for again.
    """

    catalog: StacApiCatalog
    folder: Path
    not_before: float

    @property
    def location(self) -> str:
        """URL of the API, without secrets."""
        return self.catalog.location

    def describe(self, collections: Iterable[str]) -> str:
        """Tell the catalog's STAC id, from the cache where it was asked about the same collections before."""
        names = sorted(collections)
        path = self._path({"describe": names}, "json")
        with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
            if path.stat().st_mtime >= self.not_before:
                return str(orjson.loads(path.read_bytes())["id"])
        found = self.catalog.describe(names)
        self._write(path, orjson.dumps({"id": found}))
        return found

    def search(self, search: Search) -> Answer:
        """Find items in the cache, or else ask for them and keep them if they are all that there is."""
        facts = {
            "collection": search.collection,
            "bbox": search.bbox,
            "window": search.window and str(search.window),
            "assets": search.assets,
        }
        path = self._path(facts, "arrow")
        with suppress(OSError, pa.ArrowException, TypeError):
            if path.stat().st_mtime >= self.not_before:
                return Answer(items=_load(path), cached=True)
        answer = self.catalog.search(search)
        if answer.complete:
            self._write(path, _dump(answer.items))
        return replace(answer, cached=False)

    def forget(self, before: float) -> None:
        """Remove what was written before a moment, in seconds since 1970, and what a killed process left half-written.

        Other files than the cache's own are let be: the folder is named by a person.
        """
        with suppress(OSError):
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
                with suppress(OSError):  # another process may be at it too
                    if _OWN.fullmatch(path.name) and path.stat().st_mtime < before:
                        path.unlink()

    def _path(self, facts: dict[str, Any], kind: str) -> Path:
        facts = {"version": _VERSION, "catalog": self.catalog.identity, **facts}
        canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
        name = hashlib.sha256(canonical).hexdigest()[:40]
        return self.folder / name[:2] / f"{name}.{kind}"

    def _write(self, path: Path, content: bytes) -> None:
        # a cache that is full or may not be written costs time, and no results
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)


def _dump(items: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_file(
        sink, items.schema, options=ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(items.combine_chunks())
    return bytes(sink.getvalue())


def _load(path: Path) -> pa.Table:
    return check_table(ipc.open_file(pa.BufferReader(path.read_bytes())).read_all(), ITEMS)


_: type[Catalog] = CachedCatalog
