"""Build an own archive, or extend it: one file after the other, each complete or not there.

    searches ── plan_files ── for each file: read_items ── SortedItems ── write_file

A file records the searches whose items it has. So a build that was killed goes on with the first
file that lacks one, and a build for other events or months asks only for what is new.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floodscan.catalogs.archive.searched import SearchedItems
from floodscan.catalogs.archive_build.plain_items import clean_hrefs
from floodscan.catalogs.archive_build.planned_files import PlannedFile, plan_files
from floodscan.catalogs.archive_build.sorted_items import MonthSink, SortedItems
from floodscan.catalogs.archive_build.written_files import FileFacts, WrittenFile, write_file
from floodscan.errors import CatalogError, OutputError
from floodscan.store import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from floodscan.catalogs.stac_api import StacApiCatalog
    from floodscan.model import Search

    Json = dict[str, Any]
    OnProgress = Callable[[int, int], None]

_SEARCHES_AT_ONCE = 8
_SEARCH_SECONDS = 6 * 3600.0  # a month of a large area has hundreds of pages
_SEARCH_TRIES = 600

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltArchive:
    """What a build did.

    Attributes:
        n_files: Number of files that the searches need.
        n_written: Number of these that were written; the others had all items.
        n_items: Number of items in all of them.
        n_requests: Number of requests for items.
        n_dropped: Number of features that were left out because they have no id.
    """

    n_files: int = 0
    n_written: int = 0
    n_items: int = 0
    n_requests: int = 0
    n_dropped: int = 0


def build_archive(
    searches: Iterable[Search],
    catalog: StacApiCatalog,
    out: Path,
    *,
    on_progress: OnProgress = lambda _done, _total: None,
) -> BuiltArchive:
    """Write the items of searches into an archive.

    Args:
        searches: The searches; their assets don't matter.
        catalog: The STAC API.
        out: Folder of the archive; it is created, or the archive in it is extended.
        on_progress: Called with the number of finished files and the number of all files.

    Raises:
        CatalogError: The API does not answer, lacks a collection, or sent an item that
            stac-geoparquet can't hold. The files that are done stay.
        OutputError: The folder can't be written, or has something else in it.
    """
    files = plan_files(searches)
    catalog_id, collections = catalog.read_collections({file.collection for file in files})
    _check_folder(out, catalog_id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            _remove_remains(out)
            builder = _Builder(_patient(catalog), out, {"id": catalog_id}, collections)
            result = BuiltArchive(n_files=len(files))
            for done, file in enumerate(files):
                on_progress(done, len(files))
                result = builder.build(file, result)
            on_progress(len(files), len(files))
            return result
    except OSError as err:
        why = err.strerror or str(err)
        raise OutputError(
            f"{out}: can't be written: {why}; solve that and run the same command again: "
            "finished files are kept"
        ) from err


def _patient(catalog: StacApiCatalog) -> StacApiCatalog:
    limits = replace(catalog.limits, search_seconds=_SEARCH_SECONDS, search_tries=_SEARCH_TRIES)
    return replace(catalog, limits=limits)


def _check_folder(out: Path, catalog_id: str) -> None:
    """Refuse a folder with files that no build wrote, or of another catalog."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is not a folder; choose another --out")
    for path in sorted(out.rglob("[!.]*.parquet")):
        written = _open(path)
        if written.searched is None:
            raise OutputError(
                f"{path}: was not written by floodscan archive build; choose another --out"
            )
        if written.catalog_id != catalog_id:
            raise OutputError(
                f"{path}: is a copy of catalog '{written.catalog_id}', not of '{catalog_id}'; "
                "choose another --out"
            )


def _open(path: Path) -> WrittenFile:
    written = WrittenFile(path)
    try:
        _ = written.searched
    except (OSError, ValueError, pa.ArrowException) as err:
        raise OutputError(
            f"{path}: can't be read: {' '.join(str(err).split())}; "
            "remove it, and run the same command again"
        ) from err
    return written


def _remove_remains(out: Path) -> None:
    """Remove the temporary files of a build that was killed."""
    for path in out.rglob(".*.parquet.*.tmp"):
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the files of an archive.

    Attributes:
        catalog: The STAC API.
        out: Folder of the archive.
        facts: The id of the catalog.
        collections: The collections by name.
    """

    catalog: StacApiCatalog
    out: Path
    facts: Json
    collections: dict[str, Json]

    def build(self, file: PlannedFile, result: BuiltArchive) -> BuiltArchive:
        """Write a file unless it has all items, and return the result with its counts."""
        path = self.out / file.path
        before = _open(path) if path.exists() else None
        there = () if before is None or before.searched is None else before.searched.searches
        missing = _list_missing(file, before)
        if before is not None and not missing:
            return replace(result, n_items=result.n_items + before.n_rows)
        items = SortedItems()
        counts = self._read(file, missing, items)
        if before is not None:
            before.add_to(items)
        facts = FileFacts(
            clean_hrefs(self.collections[file.collection], lambda: None),
            self.facts,
            SearchedItems.of(file.collection, [*there, *missing]),
        )
        try:
            write_file(path, items, facts, before=before)
        except ValueError as err:
            raise CatalogError(self.catalog.location, f"{file.title}: {err}") from err
        _log.info("%s: %d items, %d of them new or changed", path, len(items), counts[1])
        n_requests, _, n_dropped = counts
        return replace(
            result,
            n_written=result.n_written + 1,
            n_items=result.n_items + len(items),
            n_requests=result.n_requests + n_requests,
            n_dropped=result.n_dropped + n_dropped,
        )

    def _read(
        self, file: PlannedFile, searches: Iterable[Search], items: SortedItems
    ) -> tuple[int, int, int]:
        """Read the items of searches; return the number of requests, items and dropped features."""
        sinks = {search: MonthSink(search, file, items) for search in searches}
        threads = ThreadPoolExecutor(_SEARCHES_AT_ONCE)
        try:
            found = list(threads.map(self.catalog.read_items, sinks.keys(), sinks.values()))
        except CatalogError as err:
            problem = f"{file.title}: {err.problem}; run the same command again to go on from there"
            raise CatalogError(err.catalog, problem) from err
        finally:
            for sink in sinks.values():
                sink.too_many = "the build ended"  # after a failure, other searches still run
            threads.shutdown(wait=False, cancel_futures=True)
        n_requests = sum(counters.budget.n_requests for counters in found)
        return n_requests, len(items), sum(sink.n_dropped for sink in sinks.values())


def _list_missing(file: PlannedFile, before: WrittenFile | None) -> list[Search]:
    """List the searches whose items a file lacks, or may lack."""
    if before is None or before.searched is None:
        return [*file.searches]
    written = datetime.fromtimestamp(before.path.stat().st_mtime, UTC)
    if file.may_grow(written):
        return [*file.searches]
    return [search for search in file.searches if not before.searched.covers(search)]
