"""What is asked of a catalog: one search, the halves it can be cut into, and the fewest that cover several.

A search that covers others brings items that none of them asked for; whoever reads the answer picks
out its own. So it only has to be told when one request less is worth such a surplus:
``recipe.SearchPrices`` holds the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from floodscan.model import Search, TimeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from floodscan.model import SearchPrices, Sensor

    Bounds = NDArray[np.float64]

_TURN = 360.0
_DAY_SECONDS = 86_400


def coalesce(
    slot_searches: Iterable[Search], *, sensor: Sensor, prices: SearchPrices
) -> dict[Search, Search]:
    """Cover slot_searches by searches that cost less together, whatever order the slot_searches are given in.

    In rounds: of the searches that there are, all pairs are joined in which each saves most with
    the other.

    Args:
        slot_searches: Searches of one sensor.
        sensor: Which one.
        prices: What requests and surplus items cost.

    Returns:
        For each slot_search the search whose answer holds all that it asks for.
    """
    alike: dict[object, list[Search]] = {}
    for slot_search in sorted(set(slot_searches), key=_order):
        alike.setdefault(_kind(slot_search), []).append(slot_search)
    groups = [group for kind in alike.values() for group in _group(kind, sensor, prices)]
    return {
        slot_search: merged
        for group in groups
        for merged in [_cover(group)]
        for slot_search in group
    }


def expect_items(search: Search, *, sensor: Sensor, prices: SearchPrices) -> float:
    """Estimate how many items a search finds, from how often a sensor comes by and how large its footprints are."""
    return float(_expect(np.array(_bounds(search)), sensor, prices))


def merge(first: Search, second: Search) -> Search | None:
    """Make the least search that covers two.

    None where there is none, or none that is worth making.
    """
    return _cover([first, second]) if _kind(first) == _kind(second) else None


def _order(search: Search) -> tuple[object, ...]:
    times = (search.window.start, search.window.end) if search.window else ()
    return search.collection, search.bbox, bool(times), times, search.assets


def _kind(search: Search) -> object:
    """Tell what searches must share to be joined.

    The box that holds one across the antimeridian and another is not worth guessing at.
    """
    return (
        search.collection,
        search.window is None,
        search.bbox if search.crosses_antimeridian else None,
    )


def _cover(searches: Sequence[Search]) -> Search:
    """Make the least search that covers all of some that are alike."""
    first = searches[0]
    windows = [search.window for search in searches if search.window]
    window = (
        TimeWindow(min(w.start for w in windows), max(w.end for w in windows)) if windows else None
    )
    wests, souths, easts, norths = zip(*(search.bbox for search in searches), strict=True)
    # of a kind that crosses the antimeridian all boxes are the same
    bbox = (min(wests), min(souths), max(easts), max(norths))
    assets = tuple(dict.fromkeys(key for search in searches for key in search.assets))
    return Search(first.collection, bbox, window, assets)


def _group(searches: Sequence[Search], sensor: Sensor, prices: SearchPrices) -> list[list[Search]]:
    """Put together what is to be asked at once, of searches that are alike."""
    bounds = np.array([_bounds(search) for search in searches]).T
    labels = np.arange(len(searches))
    while len(pairs := _best_pairs(bounds, sensor, prices)):
        kept, gone = pairs.T
        bounds[:, kept] = np.minimum(bounds[:, kept], bounds[:, gone])
        joined = np.arange(bounds.shape[1])
        joined[gone] = kept
        stays = joined == np.arange(bounds.shape[1])
        labels = (np.cumsum(stays) - 1)[joined][labels]
        bounds = bounds[:, stays]
    groups: list[list[Search]] = [[] for _ in range(bounds.shape[1])]
    for search, label in zip(searches, labels, strict=True):
        groups[label].append(search)
    return groups


def _best_pairs(bounds: Bounds, sensor: Sensor, prices: SearchPrices) -> NDArray[np.int64]:
    """Find pairs of searches that save most with each other, each search once, shape (pairs, 2)."""
    alone = _price(bounds, sensor, prices)
    together = _price(np.minimum(bounds[:, :, None], bounds[:, None, :]), sensor, prices)
    savings = alone[:, None] + alone - together
    np.fill_diagonal(savings, 0.0)
    best = savings.max(axis=1)
    mutual = (savings == best[:, None]) & (savings == best) & (savings > 0)
    taken: set[int] = set()
    pairs = []
    for pair in np.argwhere(mutual).tolist():
        if taken.isdisjoint(pair):
            taken.update(pair)
            pairs.append(pair)
    return np.array(pairs, dtype=np.int64)


def _bounds(search: Search) -> tuple[float, ...]:
    """Write a search as six numbers, of which the least of each make the search that covers several."""
    west, south, east, north = search.bbox
    start, end = 0.0, 1.0
    if search.window:
        start, end = (
            time.timestamp() / _DAY_SECONDS for time in (search.window.start, search.window.end)
        )
    return (
        west,
        south,
        start,
        -(east + _TURN if search.crosses_antimeridian else east),
        -north,
        -end,
    )


def _expect(bounds: Bounds, sensor: Sensor, prices: SearchPrices) -> Bounds:
    """Estimate the items of searches, shape (6, ...), that were written as six numbers each."""
    width, height, days = -bounds[3:] - bounds[:3]
    reach = prices.footprint_degrees[sensor]
    items: Bounds = (width / reach + 1) * (height / reach + 1) * days * prices.items_per_day[sensor]
    return items


def _price(bounds: Bounds, sensor: Sensor, prices: SearchPrices) -> Bounds:
    """Count what searches cost, in items: those they find, and each page's request."""
    items = _expect(bounds, sensor, prices)
    return items + prices.request_items * np.maximum(np.ceil(items / prices.page_items), 1)
