"""Group boxes in space and time greedily, where one search for two boxes saves most.

Only boxes of the same kind are grouped. Each round joins every two groups that save most with each
other::

    groups   [a]  [b]  [c]  [d]      a and c save most with each other
    next     [a, c]  [b]  [d]

Most pairs of groups are far apart in time, and are never compared. Let a group G have the price p.
To join it with another group, the days of G that the other one lacks are searched there, too. That
costs at least ``daily`` items for each of these days, the least that any group of this kind finds
in a day. So the two save at most p - ``daily`` × these days. If G saves more with a neighbour, the
two are no candidates.
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

_PAIRS_AT_ONCE = 1 << 15
_NEIGHBOURS = (1, 2)
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
        Pairs, the one with the first box first, shape (pairs, 2).
    """
    alone = groups.extents.price(prices)
    best = np.zeros(len(alone))
    found = []
    for rows, columns in _list_candidates(groups, alone, prices):
        savings = _save(groups, alone, rows, columns, prices)
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        best[rows[starts]] = np.maximum.reduceat(savings, starts)
        chosen = np.flatnonzero((savings == best[rows]) & (savings > 0))
        found.append(np.stack([rows[chosen], columns[chosen]]))
    rows, columns = np.concatenate(found, axis=1)
    mutual = (best[rows] == best[columns]) & (groups.firsts[rows] < groups.firsts[columns])
    return _drop_overlapping(np.stack([rows, columns], axis=1)[mutual], groups.firsts)


def _drop_overlapping(pairs: Indices, firsts: Indices) -> Indices:
    """Drop pairs with a group that is in an earlier pair."""
    by_firsts = pairs[np.lexsort(firsts[pairs].T[::-1])]
    paired: set[int] = set()
    kept = []
    for pair in by_firsts.tolist():
        if paired.isdisjoint(pair):
            paired.update(pair)
            kept.append(pair)
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _save(
    groups: _Groups, alone: Numbers, rows: Indices, columns: Indices, prices: SearchPrices
) -> Numbers:
    """Return what each pair saves, if it is joined; 0 for a group with itself."""
    together = groups.extents.take(rows).union(groups.extents.take(columns)).price(prices)
    savings: Numbers = alone[rows] + alone[columns] - together
    savings[rows == columns] = 0.0
    return savings


def _list_candidates(
    groups: _Groups, alone: Numbers, prices: SearchPrices
) -> Iterator[tuple[Indices, Indices]]:
    """List the candidates of each group, and itself, some thousand pairs at once."""
    starts, stops = _find_ranges(groups, _spare_days(groups, alone, prices))
    counts = stops - starts
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        limit = ends[first] - counts[first] + _PAIRS_AT_ONCE
        last = max(int(np.searchsorted(ends, limit, side="right")), first + 1)
        rows = np.repeat(np.arange(first, last), counts[first:last])
        yield rows, starts[rows] + ragged_arange(counts[first:last])
        first = last


def _spare_days(groups: _Groups, alone: Numbers, prices: SearchPrices) -> Numbers:
    """Return the most days of each group that a candidate may lack."""
    best = np.zeros(len(alone))
    for step in _NEIGHBOURS:
        rows = np.flatnonzero(groups.kinds[:-step] == groups.kinds[step:])
        savings = _save(groups, alone, rows, rows + step, prices)
        best[rows] = np.maximum(best[rows], savings)
        best[rows + step] = np.maximum(best[rows + step], savings)
    kind_starts = np.flatnonzero(np.diff(groups.kinds, prepend=-1))
    daily = np.minimum.reduceat(groups.extents.expect_items(prices, days=1.0), kind_starts)
    n_groups = np.diff(kind_starts, append=len(alone))
    daily = np.repeat(np.maximum(daily, _LEAST_DAILY), n_groups)
    spare: Numbers = (alone - best + _SLACK_ITEMS) / daily
    return spare


def _find_ranges(groups: _Groups, spare_days: Numbers) -> tuple[Indices, Indices]:
    """Find the candidates of each group: a range of groups, which are sorted by kind and start.

    The last candidate starts within the spare days after the group's start. No group before the
    first candidate ends within the spare days before the group's end, or later.

    Returns:
        The first candidate of each group, shape (n,), and the one behind the last, shape (n,).
    """
    epoch = groups.extents.lows[2].min()
    span = groups.extents.highs[2].max() - epoch + 1
    base = groups.kinds * span  # a time axis on which the kinds follow each other
    starts, ends = groups.extents.lows[2] - epoch, groups.extents.highs[2] - epoch
    first = np.searchsorted(
        np.maximum.accumulate(base + ends), base + np.maximum(ends - spare_days, 0.0)
    )
    stop = np.searchsorted(
        base + starts, base + np.minimum(starts + spare_days, span - 1), side="right"
    )
    return first, stop
