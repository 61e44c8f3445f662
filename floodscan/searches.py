"""What is asked of a catalogue: one search, the halves it can be cut into, and the fewest that cover several.

A search that covers others brings items that none of them asked for; whoever reads the answer picks out its own. So
it only has to be told when one request less is worth such a surplus: ``recipe.SearchPrices`` holds the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import heapify, heappop, heappush
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING

from floodscan.recipe import TimeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.footprints import BBox
    from floodscan.recipe import SearchPrices, Sensor

FLOOR_WINDOW = timedelta(hours=1)
"""A window that is not longer is not cut in halves."""

FLOOR_DEGREES = 0.02
"""A box whose longer side is not longer is not cut in halves."""

_TURN = 360.0


@dataclass(frozen=True, slots=True)
class Search:
    """One question to a catalogue.

    Attributes:
        collection: STAC collection id.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        window: When items may be from; None is any time.
        assets: Asset keys whose hrefs are wanted.
    """

    collection: str
    bbox: BBox
    window: TimeWindow | None
    assets: tuple[str, ...]

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box has a part on either side of 180°."""
        return self.bbox[0] > self.bbox[2]


def coalesce(questions: Iterable[Search], *, sensor: Sensor, prices: SearchPrices) -> dict[Search, Search]:
    """Cover questions by the searches that cost least: the pair that saves most is joined first, and so on.

    Args:
        questions: Searches of one sensor.
        sensor: Which one.
        prices: What requests and surplus items cost.

    Returns:
        For each question the search whose answer holds all that it asks for.
    """
    groups = {number: (search, [search]) for number, search in enumerate(dict.fromkeys(questions))}
    savings = [
        (-saved, a, b)
        for a, b in combinations(groups, 2)
        if (saved := _saving(groups[a][0], groups[b][0], sensor, prices)) > 0
    ]
    heapify(savings)
    while savings:
        _, a, b = heappop(savings)
        if a in groups and b in groups:
            (first, its_members), (second, other_members) = groups.pop(a), groups.pop(b)
            joined, number = unite(first, second) or first, max(a, b, *groups, -1) + 1
            for other, (search, _) in groups.items():
                if (saved := _saving(joined, search, sensor, prices)) > 0:
                    heappush(savings, (-saved, other, number))
            groups[number] = (joined, its_members + other_members)
    return {member: search for search, members in groups.values() for member in members}


def expect_items(search: Search, *, sensor: Sensor, prices: SearchPrices) -> float:
    """Estimate how many items a search finds, from how often a sensor comes by and how large its footprints are."""
    west, south, east, north = search.bbox
    reach = prices.footprint_degrees[sensor]
    cells = ((east - west) % _TURN / reach + 1) * ((north - south) / reach + 1)
    days = (search.window.end - search.window.start) / timedelta(days=1) if search.window else 1.0
    return cells * days * prices.items_per_day[sensor]


def unite(first: Search, second: Search) -> Search | None:
    """Make the least search that covers two; None where there is none, or none that is worth making."""
    if first.collection != second.collection or (first.window is None) != (second.window is None):
        return None
    if first.bbox != second.bbox and (first.crosses_antimeridian or second.crosses_antimeridian):
        return None
    window = first.window
    if first.window and second.window:
        ends = max(first.window.end, second.window.end)
        window = TimeWindow(min(first.window.start, second.window.start), ends)
    (west, south, east, north), other = first.bbox, second.bbox
    bbox = (west, south, east, north)
    if first.bbox != other:
        bbox = (min(west, other[0]), min(south, other[1]), max(east, other[2]), max(north, other[3]))
    return Search(first.collection, bbox, window, tuple(dict.fromkeys(first.assets + second.assets)))


def halve(search: Search) -> tuple[Search, Search] | None:
    """Cut a search in two that together find the same: its time first, then its box; None at the floor.

    The halves share the instant or the line at which they meet, so that nothing lies between them.
    """
    window = search.window
    if window and window.end - window.start > FLOOR_WINDOW:
        middle = window.start + timedelta(seconds=(window.end - window.start).total_seconds() // 2)
        halves = TimeWindow(window.start, middle), TimeWindow(middle, window.end)
        return replace(search, window=halves[0]), replace(search, window=halves[1])
    boxes = _halve_box(search.bbox)
    return boxes and (replace(search, bbox=boxes[0]), replace(search, bbox=boxes[1]))


def sides(search: Search) -> tuple[Search, ...]:
    """Cut a search at the antimeridian, which servers read the long way round; else give it as it is."""
    if not search.crosses_antimeridian:
        return (search,)
    west, south, east, north = search.bbox
    boxes = (west, south, 180.0, north), (-180.0, south, east, north)
    return tuple(replace(search, bbox=box) for box in boxes if box[0] < box[2])


def touch(first: Search, second: Search) -> bool:
    """Tell whether an item may be found by both searches of one collection."""
    if (
        first.window
        and second.window
        and not (first.window.start <= second.window.end and second.window.start <= first.window.end)
    ):
        return False
    return any(_boxes_touch(a.bbox, b.bbox) for a in sides(first) for b in sides(second))


def _saving(first: Search, second: Search, sensor: Sensor, prices: SearchPrices) -> float:
    joined = unite(first, second)
    if joined is None:
        return 0.0
    parts = sum(_price(search, sensor, prices) for search in (first, second))
    return parts - _price(joined, sensor, prices)


def _price(search: Search, sensor: Sensor, prices: SearchPrices) -> float:
    """Count what a search costs, in items: those it finds, and each page's request."""
    items = expect_items(search, sensor=sensor, prices=prices)
    return items + prices.request_items * max(ceil(items / prices.page_items), 1)


def _halve_box(bbox: BBox) -> tuple[BBox, BBox] | None:
    west, south, east, north = bbox
    if max(east - west, north - south) <= FLOOR_DEGREES:
        return None
    if east - west >= north - south:
        middle = (west + east) / 2
        return (west, south, middle, north), (middle, south, east, north)
    middle = (south + north) / 2
    return (west, south, east, middle), (west, middle, east, north)


def _boxes_touch(a: BBox, b: BBox) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
