"""The time that an archive covers, by its items: published archives have holes.

An instant is covered if an item is near it in time. How near depends on how many items there are:
forty times the mean time between two items, and 15 days at most. So an archive of the whole Earth
has a hole after a silence of some hours, and an archive of one small area after some weeks.

An archive that ``floodscan archive build`` made says itself where and when it has all items.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from floodscan.catalogs.archive.footers import SPAN_PAUSE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from floodscan.catalogs.archive.index import Index
    from floodscan.catalogs.archive.searched import SearchedItems
    from floodscan.model import Search

    Span = tuple[datetime, datetime]

_PAUSE_FACTOR = 40
_LONGEST = timedelta(days=15)
_NEXT_DAY = timedelta(seconds=1)  # windows end in the last second of a day


@dataclass(frozen=True, slots=True)
class Coverage:
    """The time that an archive covers for one collection.

    Attributes:
        collection: STAC collection id.
        n_rows: Number of its items; of a row group with several collections, all rows count.
        spans: First and last time of each span without a hole, in order. No span: the items have
            no time, and every window counts as covered.
        pause: An instant is covered if there is an item within this time.
        searched: What the archive was built for, and nothing else is covered; None if its items
            tell.
    """

    collection: str
    n_rows: int
    spans: tuple[Span, ...]
    pause: timedelta
    searched: SearchedItems | None = None

    def covers(self, search: Search) -> bool:
        """Return whether the archive covers the whole window of a search.

        A window before the first item, or after the last one, is not covered, however near it is.
        An archive that was built for some areas must also cover the box.
        """
        if self.searched is not None:
            return self.searched.covers(search)
        window = search.window
        if window is None or not self.spans:
            return True
        return any(
            start - self.pause <= window.start <= end and start <= window.end <= end + self.pause
            for start, end in self.spans
        )

    def __str__(self) -> str:
        """Return the days of the spans, such as ``2014-10-10/2021-03-01, 2021-05-01/…``."""
        days = ", ".join(f"{start:%Y-%m-%d}/{end:%Y-%m-%d}" for start, end in self.spans)
        return days if self.searched is None else f"{days or 'any time'}, in the areas it is for"


@lru_cache(maxsize=64)
def measure_coverage(index: Index, collection: str) -> Coverage:
    """Measure the time that an archive covers for a collection.

    It depends on the items alone, not on how they are spread over files and row groups.
    """
    rows = index.table.take(pa.array(index.numbers_of(collection), pa.int64()))
    n_rows = sum(rows["n_rows"].to_pylist())
    searched = index.searched(collection)
    if searched is not None:
        spans = _merge([*searched.windows()], _NEXT_DAY)
        return Coverage(collection, n_rows, tuple(spans), timedelta(0), searched)
    spans = [(s["start"], s["end"]) for found in rows["spans"].to_pylist() for s in found]
    total = sum((end - start for start, end in _merge(spans, _LONGEST)), timedelta(0))
    # a single moment does not say how often items follow each other
    pause = min(_PAUSE_FACTOR * total / n_rows, _LONGEST) if total else _LONGEST
    merged = _merge(spans, max(2 * pause, SPAN_PAUSE))
    return Coverage(collection, n_rows, tuple(merged), pause)


def _merge(spans: Sequence[Span], pause: timedelta) -> list[Span]:
    """Join spans that overlap, or with at most a pause between them."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= pause:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
