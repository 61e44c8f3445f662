"""Group boxes in space and time greedily, where one search for two boxes saves most.

Only boxes of the same kind are grouped. Each round joins every two groups that save most with each
other::

    groups   [a]  [b]  [c]  [d]      a and c save most with each other
    next     [a, c]  [b]  [d]

Most groups are far apart in time, and are never compared. Let a search for group A find ``daily``
items a day. A search for A and B finds as many on each of their days. So in comparison with a
search for B alone, it costs at least ``daily`` for each day of A that B lacks, and A and B save
that much less than A costs. If A saves more with its neighbour, B is no candidate for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from floodscan.geometry.scan_lines import ragged_arange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.model import SearchPrices
    from floodscan.planning.extents import Extents, Indices, Numbers

_PAIRS_AT_ONCE = 1 << 12  # their arrays fit into a cache
_SLACK_ITEMS = 1e-3  # far above any rounding
_LEAST_DAILY = 1e-9


def group(extents: Extents, kinds: Indices, prices: SearchPrices) -> Indices:
    """Group boxes of each kind.

    Args:
        extents: The boxes, n of them. Their order decides which of equal pairs is joined first.
        kinds: A number for the kind of each box, 0 or above, shape (n,).
        prices: The cost of requests and of extra items.

    Returns:
        For each box the first box of its group, shape (n,).
    """
    firsts = np.arange(len(kinds))
    groups = _Groups(firsts, kinds, extents)
    while len(groups.firsts):
        groups = groups.sorted()
        pairs = _choose_pairs(groups, prices)
        kept, joined = pairs.T
        firsts[groups.firsts[joined]] = groups.firsts[kept]
        groups = groups.join(kept, joined)
    while (firsts != firsts[firsts]).any():
        firsts = firsts[firsts]
    return firsts


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of boxes, n of them.

    Attributes:
        firsts: The first box of each group, shape (n,).
        kinds: Shape (n,).
        extents: The box around each group.
    """

    firsts: Indices
    kinds: Indices
    extents: Extents

    def take(self, groups: Indices) -> _Groups:
        """Return some of the groups."""
        return _Groups(self.firsts[groups], self.kinds[groups], self.extents.take(groups))

    def sorted(self) -> _Groups:
        """Return the groups by kind and start."""
        return self.take(np.lexsort((self.extents.lows[2], self.kinds)))

    def join(self, kept: Indices, joined: Indices) -> _Groups:
        """Join pairs of groups; drop the kinds without a pair, which are finished."""
        partners = np.arange(len(self.firsts))
        partners[kept] = joined
        lasting = np.isin(self.kinds, self.kinds[kept])
        lasting[joined] = False
        whole = replace(self, extents=self.extents.union(self.extents.take(partners)))
        return whole.take(np.flatnonzero(lasting))


def _choose_pairs(groups: _Groups, prices: SearchPrices) -> Indices:
    """Choose the pairs of groups that save most with each other, no group twice.

    Returns:
        Pairs, the group with the first box first, shape (pairs, 2).
    """
    alone = groups.extents.price(prices)
    best = np.zeros(len(alone))
    found = []
    for pairs in _list_candidates(groups, alone, prices):
        savings = _save(groups, alone, pairs, prices)
        for members in pairs:
            np.maximum.at(best, members, savings)
        chosen = np.flatnonzero((savings == best[pairs]).all(axis=0) & (savings > 0))
        found.append((pairs[:, chosen], savings[chosen]))
    pairs = np.concatenate([pairs for pairs, _ in found], axis=1)
    savings = np.concatenate([savings for _, savings in found])
    mutual = pairs[:, (savings == best[pairs]).all(axis=0)]  # later pairs may have saved more
    by_firsts = np.argsort(groups.firsts[mutual], axis=0)
    return _drop_overlapping(np.take_along_axis(mutual, by_firsts, axis=0).T, groups.firsts)


def _drop_overlapping(pairs: Indices, firsts: Indices) -> Indices:
    """Drop pairs with a group that is in an earlier pair."""
    alone = (np.bincount(pairs.ravel(), minlength=1)[pairs] == 1).all(axis=1)
    others = pairs[~alone]
    paired: set[int] = set()
    kept = []
    for pair in others[np.lexsort(firsts[others].T[::-1])].tolist():
        if paired.isdisjoint(pair):
            paired.update(pair)
            kept.append(pair)
    return np.concatenate([pairs[alone], np.array(kept, dtype=np.int64).reshape(-1, 2)])


def _save(groups: _Groups, alone: Numbers, pairs: Indices, prices: SearchPrices) -> Numbers:
    """Return what each of the pairs, shape (2, n), saves if it is joined, shape (n,)."""
    first, second = (groups.extents.take(members) for members in pairs)
    savings: Numbers = alone[pairs[0]] + alone[pairs[1]] - first.union(second).price(prices)
    return savings


def _list_candidates(groups: _Groups, alone: Numbers, prices: SearchPrices) -> Iterator[Indices]:
    """List pairs of candidates, each pair once, shape (2, n), some thousand pairs at once."""
    counts = _find_last(groups, _spare_days(groups, alone, prices)) - np.arange(len(alone))
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        limit = ends[first] - counts[first] + _PAIRS_AT_ONCE
        stop = max(int(np.searchsorted(ends, limit, side="right")), first + 1)
        rows = np.repeat(np.arange(first, stop), counts[first:stop])
        yield np.stack([rows, rows + 1 + ragged_arange(counts[first:stop])])
        first = stop


def _spare_days(groups: _Groups, alone: Numbers, prices: SearchPrices) -> Numbers:
    """Return the most days of each group that a candidate for it may lack."""
    earlier = np.flatnonzero(groups.kinds[:-1] == groups.kinds[1:])
    neighbours = np.stack([earlier, earlier + 1])
    savings = _save(groups, alone, neighbours, prices)
    best = np.zeros(len(alone))
    for members in neighbours:
        best[members] = np.maximum(best[members], savings)
    daily = groups.extents.expect_items(prices, days=1.0)
    spare: Numbers = (alone - best + _SLACK_ITEMS) / np.maximum(daily, _LEAST_DAILY)
    return spare


def _find_last(groups: _Groups, spare_days: Numbers) -> Indices:
    """Find the last candidate of each group among those behind it, sorted by kind and start.

    All groups up to that one are compared with the group. A candidate for a group starts within
    the group's spare days after the group's start, and ends within them before its end, or later.

    Returns:
        Shape (n,); the group itself if it has no candidate behind it.
    """
    epoch = groups.extents.lows[2].min()
    span = groups.extents.highs[2].max() - epoch + 1
    base = groups.kinds * span  # a time axis on which the kinds follow each other
    starts, ends = groups.extents.lows[2] - epoch, groups.extents.highs[2] - epoch
    latest = base + np.minimum(starts + spare_days, span - 1)
    last = np.searchsorted(base + starts, latest, side="right") - 1
    # a group may be a candidate for one far behind it
    earliest = base + np.maximum(ends - spare_days, 0.0)
    first = np.searchsorted(np.maximum.accumulate(base + ends), earliest)
    behind = np.zeros_like(last)
    np.maximum.at(behind, first, np.arange(len(first)))
    found: Indices = np.maximum(last, np.maximum.accumulate(behind))
    return found
