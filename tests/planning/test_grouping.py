"""Boxes are grouped as a comparison of all pairs would group them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from floodscan.model import SearchPrices, Sensor
from floodscan.planning.extents import Extents
from floodscan.planning.grouping import group

if TYPE_CHECKING:
    from floodscan.planning.extents import Indices

PRICES = SearchPrices()
SENSORS = len(Sensor)


def draw(n: int, seed: int, *, degrees: float, years: float, days: tuple[int, ...]) -> Extents:
    """Draw boxes on a coarse grid, where many pairs save equally much."""
    rng = np.random.default_rng(seed)
    corners = np.round(rng.random((2, n)) * degrees * 2) / 2
    starts = np.floor(rng.random(n) * years * 365)
    sizes = rng.choice([0.25, 0.5, 1.0], n)
    lows = np.stack([*corners, starts])
    highs = lows + np.stack([sizes, sizes, rng.choice(days, n)])
    searched = np.arange(SENSORS)[:, None] == rng.integers(0, 2, n)
    return Extents(lows, highs, searched, tuple(sorted(Sensor)))


def group_all_pairs(extents: Extents, kinds: Indices, prices: SearchPrices) -> list[int]:
    """Group boxes of each kind by comparing all pairs of groups in each round."""
    firsts = list(range(len(kinds)))
    boxes = {number: extents.take(np.array([number])) for number in firsts}
    while True:
        savings = {}
        for a, b in combinations(sorted(boxes), 2):
            if kinds[a] == kinds[b]:
                alone = boxes[a].price(prices) + boxes[b].price(prices)
                savings[a, b] = float((alone - boxes[a].union(boxes[b]).price(prices))[0])
        best = {
            number: max((saved for pair, saved in savings.items() if number in pair), default=0.0)
            for number in boxes
        }
        free = set(boxes)
        for (a, b), saved in savings.items():
            if saved > 0 and saved == best[a] == best[b] and {a, b} <= free:
                free -= {a, b}
                boxes[a] = boxes[a].union(boxes.pop(b))
                firsts = [a if first == b else first for first in firsts]
        if free == set(boxes):
            return firsts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("degrees", "years", "days"),
    [(1.0, 26.0, (9, 21)), (20.0, 26.0, (9, 21)), (2.0, 0.05, (9,)), (3.0, 0.0, (1,))],
)
@pytest.mark.parametrize("request_items", [250.0, 1000.0, 20_000.0])
def test_groups_are_those_of_a_comparison_of_all_pairs(
    seed: int, degrees: float, years: float, days: tuple[int, ...], request_items: float
) -> None:
    """Boxes far apart in time, or all at once, with equal savings, at any price."""
    extents = draw(40, seed, degrees=degrees, years=years, days=days)
    kinds = np.arange(40) // 25
    prices = replace(PRICES, request_items=request_items)
    assert group(extents, kinds, prices).tolist() == group_all_pairs(extents, kinds, prices)


def test_kinds_do_not_change_each_other() -> None:
    """Many kinds at once give the groups of each kind alone."""
    extents = draw(600, 7, degrees=4.0, years=5.0, days=(9, 21))
    kinds = np.arange(600) // 100
    together = group(extents, kinds, PRICES)
    for kind in range(6):
        own = np.flatnonzero(kinds == kind)
        alone = group(extents.take(own), np.zeros(100, dtype=np.int64), PRICES)
        assert together[own].tolist() == own[alone].tolist()


def test_a_sensor_without_items_is_grouped_too() -> None:
    """Its searches cost requests only, so all of them become one."""
    none = replace(PRICES, items_per_day=dict.fromkeys(Sensor, 0.0))
    extents = draw(20, 1, degrees=20.0, years=26.0, days=(9,))
    assert set(group(extents, np.zeros(20, dtype=np.int64), none).tolist()) == {0}
