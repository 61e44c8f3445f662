"""The files of an archive: one for each collection and month, and one for items of any time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from floodscan.model import TimeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.model import Search

_LATE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of an archive, and the searches whose items it must have.

    Attributes:
        collection: STAC collection id.
        month: Its time, up to the first instant of the next month; None is any time.
        searches: Searches within that time.
    """

    collection: str
    month: TimeWindow | None
    searches: tuple[Search, ...]

    @property
    def path(self) -> Path:
        """Path in the folder of the archive."""
        name = f"{self.month.start:%Y-%m}" if self.month else "any-time"
        return Path(quote(self.collection, safe="")) / f"{name}.parquet"

    @property
    def title(self) -> str:
        """Collection and month, for messages."""
        return f"{self.collection} {self.month.start:%Y-%m}" if self.month else self.collection

    def may_grow(self, written: datetime) -> bool:
        """Return whether a catalog may have got items of that time after the file was written.

        Catalogs add some items weeks after their acquisition.
        """
        return self.month is not None and written < self.month.end + _LATE


def plan_files(searches: Iterable[Search]) -> list[PlannedFile]:
    """Cut searches by collection and month; the files are in order of their paths."""
    found: dict[tuple[str, TimeWindow | None], dict[Search, None]] = {}
    for search in searches:
        for month, part in _cut(replace(search, assets=())):
            found.setdefault((search.collection, month), {})[part] = None
    files = [PlannedFile(*key, tuple(parts)) for key, parts in found.items()]
    return sorted(files, key=lambda file: file.path.as_posix())


def _cut(search: Search) -> Iterator[tuple[TimeWindow | None, Search]]:
    """Yield the part of a search in each month; parts share the instant where they meet."""
    window = search.window
    if window is None:
        yield None, search
        return
    month = _month_of(window.start)
    while month.start <= window.end:
        own = TimeWindow(max(window.start, month.start), min(window.end, month.end))
        yield month, replace(search, window=own)
        month = _month_of(month.end)


def _month_of(time: datetime) -> TimeWindow:
    start = datetime(time.year, time.month, 1, tzinfo=UTC)
    later = start + timedelta(days=32)
    return TimeWindow(start, datetime(later.year, later.month, 1, tzinfo=UTC))
