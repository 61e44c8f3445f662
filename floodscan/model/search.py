"""A search of a catalog, and its time window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floodscan.geometry.footprints import BBox

_LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A span of time, with both ends inside it, as in a STAC search.

    Attributes:
        start: First instant inside, UTC.
        end: Last instant inside, UTC.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Raise ValueError for a window that ends before it starts."""
        if self.end < self.start:
            message = f"a window can't end ({self.end}) before it starts ({self.start})"
            raise ValueError(message)

    @classmethod
    def around(cls, day: date, days: int) -> TimeWindow:
        """Return the window from ``days`` before a UTC day to ``days`` after it.

        It starts at 00:00:00 and ends at 23:59:59, as the published procedure searches.
        """
        margin = timedelta(days=days)
        return cls(
            datetime.combine(day - margin, time.min, UTC),
            datetime.combine(day + margin, _LAST_SECOND, UTC),
        )

    def __str__(self) -> str:
        """Return the interval as STAC writes it, ``start/end``."""
        start, end = (each.isoformat(timespec="seconds") for each in (self.start, self.end))
        return f"{start}/{end}".replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Search:
    """A search of a catalog.

    Attributes:
        collection: STAC collection id.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        window: Time window of the items; None is any time.
        assets: Keys of the assets whose hrefs are wanted.
        joined: Whether it stands for slot searches that are joined with an archive. Its box and
            window then only enclose theirs.
        also: More collections that are searched at the same time, in the same box and window, each
            with the keys of its wanted assets.
    """

    collection: str
    bbox: BBox
    window: TimeWindow | None
    # a run hashes its searches many times, and the members above nearly always differ
    assets: tuple[str, ...] = field(hash=False)
    joined: bool = field(default=False, hash=False)
    also: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), hash=False)

    @property
    def wanted(self) -> dict[str, tuple[str, ...]]:
        """The wanted assets of each collection."""
        return {self.collection: self.assets, **dict(self.also)}

    def split(self) -> tuple[Search, ...]:
        """Return a search for each collection."""
        return tuple(
            replace(self, collection=collection, assets=assets, also=())
            for collection, assets in self.wanted.items()
        )

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box has a part on each side of 180°."""
        return self.bbox[0] > self.bbox[2]
