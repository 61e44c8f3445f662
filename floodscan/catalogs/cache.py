"""A cache of answers on disk, shared by all processes that use its folder."""

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
from floodscan.catalogs.stac_api import REQUEST_SECONDS, StacApiCatalog
from floodscan.schemas import ITEMS
from floodscan.store.atomic import replacing
from floodscan.threads import compute

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from floodscan.catalogs.early import Early
    from floodscan.model import Search

_VERSION = 5  # raise it when the same answer becomes another table
_N_DROPPED = b"n_dropped"
_OWN = re.compile(r"[0-9a-f]{40}\.(arrow|json)|\.[0-9a-f]{40}\.(arrow|json)\.[0-9a-f]{32}\.tmp")


@dataclass(frozen=True, slots=True)
class CachedCatalog:
    """A STAC API with a cache of its complete answers.

    Each answer is a file that is written under another name and then renamed, so that many
    processes can read and write at once. A file that can't be read counts as missing.

    Attributes:
        catalog: The API.
        folder: Folder of the cache; it is created if it is missing.
        not_before: Answers from before this time, in seconds since 1970, are requested again.
    """

    catalog: StacApiCatalog
    folder: Path
    not_before: float

    @property
    def location(self) -> str:
        """URL of the API, without secrets."""
        return self.catalog.location

    def describe(self, collections: Iterable[str]) -> str:
        """Return the STAC id, from the cache if these collections were checked before."""
        names = sorted(collections)
        path = self._path({"describe": names}, "json")
        with suppress(OSError, orjson.JSONDecodeError):
            facts = orjson.loads(path.read_bytes()) if self._is_fresh(path) else None
            if isinstance(facts, dict) and isinstance(facts.get("id"), str):
                # merged searches depend on it: with another time, their answers were not found
                REQUEST_SECONDS[self.catalog.url] = float(facts.get("seconds", 0.0))
                return str(facts["id"])
        found = self.catalog.describe(names)
        seconds = REQUEST_SECONDS[self.catalog.url]
        self._write(path, orjson.dumps({"id": found, "seconds": seconds}))
        return found

    def draw_early(self, search: Search) -> Early | None:
        """Return what sends a search early; None if its answer is in the cache."""
        with suppress(OSError):
            if self._is_fresh(self._path_of(search)):
                return None
        return self.catalog.draw_early(search)

    def search(self, search: Search) -> Answer:
        """Find items in the cache or in the catalog, and cache a complete answer."""
        path = self._path_of(search)
        with suppress(OSError, pa.ArrowException):
            if self._is_fresh(path) and (items := _load(path)).schema.equals(ITEMS):
                n_dropped = int((items.schema.metadata or {}).get(_N_DROPPED, b"0"))
                items = items.replace_schema_metadata(None)
                return Answer(items=items, n_dropped=n_dropped, cached=True)
        answer = self.catalog.search(search)
        if answer.complete:
            counted = {_N_DROPPED: str(answer.n_dropped)}
            self._write(path, compute(_dump, answer.items.replace_schema_metadata(counted)))
        return replace(answer, cached=False)

    def forget(self, before: float) -> None:
        """Remove answers, and temporary files of killed processes, from before a time.

        Only the cache's own files are removed: a person may have named a folder with other files.

        Args:
            before: The time, in seconds since 1970.
        """
        with suppress(OSError):
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
                with suppress(OSError):  # another process may remove it too
                    if _OWN.fullmatch(path.name) and path.stat().st_mtime < before:
                        path.unlink()

    def _path_of(self, search: Search) -> Path:
        facts = {
            "collection": search.collection,
            "bbox": search.bbox,
            "window": search.window and str(search.window),
            "assets": search.assets,
            **({"also": search.also} if search.also else {}),
        }
        return self._path(facts, "arrow")

    def _is_fresh(self, path: Path) -> bool:
        return path.stat().st_mtime >= self.not_before

    def _path(self, facts: dict[str, Any], kind: str) -> Path:
        facts = {"version": _VERSION, "catalog": self.catalog.identity, **facts}
        canonical = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
        name = hashlib.sha256(canonical).hexdigest()[:40]
        return self.folder / name[:2] / f"{name}.{kind}"

    def _write(self, path: Path, content: bytes) -> None:
        # without a cache that can be written, a run is slower and its results are the same
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)


def _dump(items: pa.Table) -> bytes:
    # a table of one piece would be written as it lies in memory, which is not always the same
    items = pa.concat_tables([items.schema.empty_table(), items]).combine_chunks()
    sink = pa.BufferOutputStream()
    # Arrow would compress each of a hundred buffers on its own, which takes longer
    with (
        pa.CompressedOutputStream(sink, "zstd") as packed,
        ipc.new_stream(packed, items.schema) as writer,
    ):
        writer.write_table(items)
    return bytes(sink.getvalue())


def _load(path: Path) -> pa.Table:
    with pa.input_stream(path, compression="zstd") as unpacked:
        return ipc.open_stream(unpacked).read_all()


_: type[Catalog] = CachedCatalog
