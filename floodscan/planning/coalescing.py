"""Merge the searches of neighbouring slots where that saves requests.

A merged search returns extra items, which are filtered later: results are the same either way.
Searches are merged only if the saved requests are worth more than the extra items. The prices are
in ``SearchPrices``.

A STAC API searches several collections at once, so there searches of several sensors are merged,
too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from floodscan.model import Search, TimeWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from floodscan.model import SearchPrices, Sensor

    Numbers = NDArray[np.float64]
    FindApi = Callable[[Search], str | None]

_TURN = 360.0
_DAY_SECONDS = 86_400


def coalesce(
    slot_searches: Mapping[Sensor, Iterable[Search]],
    *,
    prices: SearchPrices,
    find_api: FindApi = lambda _: None,
) -> dict[Search, Search]:
    """Merge searches where that costs less. The result does not depend on their order.

    Args:
        slot_searches: Searches of each sensor.
        prices: The cost of requests and of extra items.
        find_api: Returns the location of the API that answers a search; None if another catalog
            does, which can't search several collections at once.

    Returns:
        For each slot search the search to send. It finds everything that the slot search finds,
        and is the slot search itself if no merge pays.
    """
    sensors = {search: sensor for sensor, found in slot_searches.items() for search in found}
    by_kind: dict[Hashable, list[Search]] = {}
    for search in sorted(sensors, key=_order):
        kind = _kind(search, sensors[search], find_api(search))
        by_kind.setdefault(kind, []).append(search)
    merged_searches: dict[Search, Search] = {}
    for searches in by_kind.values():
        for group in _group(searches, [sensors[search] for search in searches], prices):
            merged_searches |= dict.fromkeys(group, _cover(group))
    return merged_searches


def enclose(slot_searches: Sequence[Search]) -> Search:
    """Make the joined search that stands for slot searches of one collection.

    Its box spans all longitudes if one of theirs crosses the antimeridian.
    """
    whole = _cover(slot_searches)
    if any(search.window is None for search in slot_searches):
        whole = replace(whole, window=None)
    if any(search.crosses_antimeridian for search in slot_searches):
        whole = replace(whole, bbox=(-_TURN / 2, whole.bbox[1], _TURN / 2, whole.bbox[3]))
    return replace(whole, joined=True)


def _order(search: Search) -> tuple[object, ...]:
    times = (search.window.start, search.window.end) if search.window else ()
    return search.collection, search.bbox, bool(times), times, search.assets


def _kind(search: Search, sensor: Sensor, api: str | None) -> Hashable:
    """Return the properties that merged searches must share.

    Boxes across the antimeridian are merged only if they are equal: no plain union of such a box
    and another box is small. A search without a window is merged with none of another collection:
    it would find all their items of all time.
    """
    alone = (search.collection, sensor)
    return (
        api if api is not None and search.window else alone,
        search.window is None,
        search.bbox if search.crosses_antimeridian else None,
    )


def _cover(searches: Sequence[Search]) -> Search:
    """Make the smallest search that covers some searches of one kind."""
    windows = [search.window for search in searches if search.window]
    window = (
        TimeWindow(min(w.start for w in windows), max(w.end for w in windows)) if windows else None
    )
    wests, souths, easts, norths = zip(*(search.bbox for search in searches), strict=True)
    # across the antimeridian all boxes of a kind are equal
    bbox = (min(wests), min(souths), max(easts), max(norths))
    wanted: dict[str, dict[str, None]] = {}
    for search in searches:
        wanted.setdefault(search.collection, {}).update(dict.fromkeys(search.assets))
    (collection, assets), *also = ((name, tuple(keys)) for name, keys in wanted.items())
    return Search(collection, bbox, window, assets, also=tuple(also))


def _group(
    searches: Sequence[Search], sensors: Sequence[Sensor], prices: SearchPrices
) -> list[list[Search]]:
    """Group searches of one kind greedily; each group becomes one merged search.

    Each round joins every two groups that save most with each other. A round replaces the second
    group of a pair by nothing and the first by both::

        groups   [a]  [b]  [c]  [d]      pairs (0, 2)
        next     [a, c]  [b]  [d]
    """
    groups = [[number] for number in range(len(searches))]
    kinds = [(sensor, each.collection) for each, sensor in zip(searches, sensors, strict=True)]
    distinct = sorted(set(kinds))
    extents = _Extents.of(searches, [[kind == each for kind in kinds] for each in distinct])
    while pairs := _find_best_pairs(extents, [sensor for sensor, _ in distinct], prices):
        partner_of = dict(pairs)
        kept = sorted(set(range(len(groups))) - set(partner_of.values()))
        partners = [partner_of.get(group, group) for group in kept]
        extents = extents.take(kept).union(extents.take(partners))
        groups = [
            groups[group] + (groups[partner] if partner != group else [])
            for group, partner in zip(kept, partners, strict=True)
        ]
    return [[searches[number] for number in sorted(group)] for group in groups]


def _find_best_pairs(
    extents: _Extents, sensors: Sequence[Sensor], prices: SearchPrices
) -> list[tuple[int, int]]:
    """Find pairs of groups that save most with each other, the lower number first.

    No group is in two pairs.
    """
    alone = _price(extents, sensors, prices)
    together = _price(extents.outer_union(), sensors, prices)
    savings = alone[:, None] + alone - together
    np.fill_diagonal(savings, 0.0)
    best = savings.max(axis=1)
    mutual = (savings == best[:, None]) & (savings == best) & (savings > 0)
    paired: set[int] = set()
    pairs = []
    for first, second in np.argwhere(mutual).tolist():
        if paired.isdisjoint((first, second)):
            paired |= {first, second}
            pairs.append((first, second))
    return pairs


@dataclass(frozen=True, slots=True)
class _Extents:
    """Boxes in longitude (degrees), latitude (degrees) and time (days).

    Attributes:
        lows: West, south and start of each box, shape (3, ...).
        highs: East, north and end of each box, shape (3, ...). East is above 180° across the
            antimeridian.
        searched: Whether each collection is searched in each box, shape (collections, ...).
    """

    lows: Numbers
    highs: Numbers
    searched: NDArray[np.bool_]

    @classmethod
    def of(cls, searches: Sequence[Search], searched: Sequence[Sequence[bool]]) -> _Extents:
        """Return the boxes of searches. A search of all time counts as one day."""
        corners = np.array(list(zip(*map(_corners, searches), strict=True)))
        return cls(corners[:3], corners[3:], np.array(searched))

    def take(self, boxes: Sequence[int]) -> _Extents:
        """Return some of the boxes."""
        return _Extents(self.lows[:, boxes], self.highs[:, boxes], self.searched[:, boxes])

    def union(self, other: _Extents) -> _Extents:
        """Return the smallest box around each pair of boxes."""
        return _Extents(
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
            self.searched | other.searched,
        )

    def outer_union(self) -> _Extents:
        """Return the smallest box around any two of n boxes, shape (3, n, n)."""
        rows = (slice(None), slice(None), None)
        columns = (slice(None), None, slice(None))
        return _Extents(self.lows[rows], self.highs[rows], self.searched[rows]).union(
            _Extents(self.lows[columns], self.highs[columns], self.searched[columns])
        )


def _corners(search: Search) -> tuple[float, ...]:
    west, south, east, north = search.bbox
    start, end = 0.0, 1.0
    if search.window:
        start = search.window.start.timestamp() / _DAY_SECONDS
        end = search.window.end.timestamp() / _DAY_SECONDS
    return west, south, start, east + _TURN * search.crosses_antimeridian, north, end


def expect_items(
    searches: Sequence[Search], sensors: Mapping[str, Sensor], prices: SearchPrices
) -> Numbers:
    """Estimate how many items each search finds, shape (n,).

    Args:
        searches: The searches, n of them.
        sensors: The sensor of each collection.
        prices: How densely each sensor takes pictures.
    """
    if not searches:
        return np.empty(0)
    found = [search.wanted for search in searches]
    distinct = sorted(set().union(*found), key=lambda name: (sensors[name], name))
    searched = [[name in each for each in found] for name in distinct]
    extents = _Extents.of(searches, searched)
    return _expect_items(extents, [sensors[name] for name in distinct], prices)


def _expect_items(extents: _Extents, sensors: Sequence[Sensor], prices: SearchPrices) -> Numbers:
    """Estimate how many items a search of each box finds.

    A footprint is found if any part of it is in the box. So a box finds the footprints whose
    centres are in the box widened by one footprint.
    """
    width, height, days = extents.highs - extents.lows
    items: Numbers = np.zeros_like(width)
    for sensor, searched in zip(sensors, extents.searched, strict=True):
        footprint = prices.footprint_degrees[sensor]
        n_footprints = (width / footprint + 1) * (height / footprint + 1)
        items += searched * n_footprints * days * prices.items_per_day[sensor]
    return items


def _price(extents: _Extents, sensors: Sequence[Sensor], prices: SearchPrices) -> Numbers:
    """Estimate the cost of a search of each box, in items: its items, and a request per page."""
    items = _expect_items(extents, sensors, prices)
    total: Numbers = items + prices.request_items * count_pages(items, prices)
    return total


def count_pages(items: Numbers, prices: SearchPrices) -> Numbers:
    """Return the number of pages of so many items; a page without items is one, too."""
    pages: Numbers = np.maximum(np.ceil(items / prices.page_items), 1)
    return pages
