"""Merge the searches of neighbouring slots where that saves requests.

A merged search returns extra items, which are filtered later: results are the same either way.
Searches are merged only if the saved requests are worth more than the extra items. The prices are
in ``SearchPrices``.

A STAC API searches several collections at once, so there searches of several sensors are merged,
too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from floodscan.model import Search, TimeWindow
from floodscan.planning.extents import Extents, number_each
from floodscan.planning.grouping import group

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from floodscan.geometry.footprints import BBox
    from floodscan.model import SearchPrices, Sensor
    from floodscan.planning.extents import Indices

    FindApi = Callable[[Search], str | None]
    SlotSearches = Mapping[Sensor, Iterable[Search]]

_HALF_TURN = 180.0


def coalesce_each(
    batches: Sequence[SlotSearches],
    *,
    prices: SearchPrices,
    find_api: FindApi = lambda _: None,
) -> list[dict[Search, Search]]:
    """Merge the searches of each batch where that costs less. Their order makes no difference.

    No search is merged with one of another batch. Many batches at once take less time than each by
    itself.

    Args:
        batches: Searches of each sensor, by batch.
        prices: The cost of requests and of extra items.
        find_api: Returns the location of the API that answers a search; None if another catalog
            does, which can't search several collections at once.

    Returns:
        By batch, for each slot search the search to send. It finds everything that the slot search
        finds, and is the slot search itself if no merge pays.
    """
    sensor_of = [
        {search: sensor for sensor, found in batch.items() for search in found} for batch in batches
    ]
    searches = [search for sensors in sensor_of for search in sensors]
    sensors = [sensor for sensors in sensor_of for sensor in sensors.values()]
    of_batch = np.repeat(np.arange(len(batches)), list(map(len, sensor_of)))
    numbers, looks = _number_looks(searches, sensors, find_api)
    kinds_of_looks, _ = number_each(look.kind for look in looks)
    own_kinds = kinds_of_looks[numbers] * len(batches) + of_batch
    kinds = np.unique(own_kinds, return_inverse=True)[1]
    extents = Extents.of(searches, numbers, [{(look.sensor, look.collection)} for look in looks])
    order = _sort(numbers, looks, kinds, extents)
    firsts = group(extents.take(order), kinds[order], prices)
    merged_searches: list[dict[Search, Search]] = [{} for _ in batches]
    for members in _list_members(order, firsts):
        found = [searches[number] for number in members]
        merged = found[0] if len(found) == 1 else _cover(found)
        merged_searches[of_batch[members[0]]] |= dict.fromkeys(found, merged)
    return merged_searches


def _list_members(order: Indices, firsts: Indices) -> Iterable[list[int]]:
    """List the numbers of the searches in each group."""
    groups: dict[int, list[int]] = {}
    for number, first in zip(order.tolist(), firsts.tolist(), strict=True):
        groups.setdefault(first, []).append(number)
    return groups.values()


def enclose(slot_searches: Sequence[Search]) -> Search:
    """Make the joined search that stands for slot searches of one collection.

    Its box spans all longitudes if one of theirs crosses the antimeridian.
    """
    whole = _cover(slot_searches)
    if any(search.window is None for search in slot_searches):
        whole = replace(whole, window=None)
    if any(search.crosses_antimeridian for search in slot_searches):
        whole = replace(whole, bbox=(-_HALF_TURN, whole.bbox[1], _HALF_TURN, whole.bbox[3]))
    return replace(whole, joined=True)


class _Look(NamedTuple):
    """What many searches have in common.

    Attributes:
        collection: STAC collection id.
        assets: Keys of the wanted assets.
        sensor: The sensor.
        api: Location of the API that answers; None if another catalog does.
        has_window: Whether the search has a time window.
        crossing: The box, if it crosses the antimeridian.
    """

    collection: str
    assets: tuple[str, ...]
    sensor: Sensor
    api: str | None
    has_window: bool
    crossing: BBox | None

    @property
    def kind(self) -> Hashable:
        """The properties that merged searches must share.

        Boxes across the antimeridian are merged only if they are equal: no plain union of such a
        box and another box is small. A search without a window is merged with none of another
        collection: it would find all their items of all time.
        """
        alone = (self.collection, self.sensor)
        source = self.api if self.has_window and self.api is not None else alone
        return source, self.has_window, self.crossing


def _number_looks(
    searches: Sequence[Search], sensors: Sequence[Sensor], find_api: FindApi
) -> tuple[Indices, list[_Look]]:
    """Number the looks of searches, and return the looks by number."""
    numbers, found = number_each(
        (
            search.collection,
            search.assets,
            sensor,
            find_api(search),
            search.window is not None,
            search.bbox if search.crosses_antimeridian else None,
        )
        for search, sensor in zip(searches, sensors, strict=True)
    )
    return numbers, [_Look(*values) for values in found]


def _sort(numbers: Indices, looks: Sequence[_Look], kinds: Indices, extents: Extents) -> Indices:
    """Return the order of searches by kind, collection, box, window and assets."""
    by_collection = sorted({look.collection for look in looks})
    by_assets = sorted({look.assets for look in looks})
    collections = np.array([by_collection.index(look.collection) for look in looks])[numbers]
    assets = np.array([by_assets.index(look.assets) for look in looks])[numbers]
    (west, south, start), (east, north, end) = extents.lows, extents.highs
    return np.lexsort((assets, end, start, north, east, south, west, collections, kinds))


def _cover(searches: Sequence[Search]) -> Search:
    """Make the smallest search that covers some searches of one kind."""
    windows = [search.window for search in searches if search.window]
    window = (
        TimeWindow(min([w.start for w in windows]), max([w.end for w in windows]))
        if windows
        else None
    )
    wests, souths, easts, norths = zip(*{search.bbox for search in searches}, strict=True)
    # across the antimeridian all boxes of a kind are equal
    bbox = (min(wests), min(souths), max(easts), max(norths))
    wanted: dict[str, dict[str, None]] = {}
    for collection, assets in dict.fromkeys((each.collection, each.assets) for each in searches):
        wanted.setdefault(collection, {}).update(dict.fromkeys(assets))
    (collection, assets), *also = ((name, tuple(keys)) for name, keys in wanted.items())
    return Search(collection, bbox, window, assets, also=tuple(also))
