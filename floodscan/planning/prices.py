"""The price of a request, in extra items, by the time in which the catalog answers."""

from __future__ import annotations

from dataclasses import replace
from math import floor, log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floodscan.model import SearchPrices

LEAST_ITEMS = 250.0
"""A request is worth so many items even if it is answered at once: its own work, on both sides."""

_ITEM_SECONDS = 25e-6
"""CPU of the client for an item, on two cores side by side (``benchmarks/results/client.md``)."""


def fit_prices(
    prices: SearchPrices, *, request_seconds: float | None, in_flight: int | None
) -> SearchPrices:
    """Lower the price of a request for a catalog that answers quickly.

    While so many requests are in flight, a saved request saves its share of the time of one. The
    price is rounded down to a power of two times the least price: runs that measure nearly the same
    time send the same searches, and find their answers in the cache.

    Args:
        prices: The recipe's prices, which are the highest.
        request_seconds: The time of a request; None if it is not known.
        in_flight: Most requests in progress; None is no limit.
    """
    if request_seconds is None or prices.request_items <= LEAST_ITEMS:
        return prices
    share = request_seconds / in_flight if in_flight else 0.0
    steps = log2(max(share / _ITEM_SECONDS / LEAST_ITEMS, 1.0))
    worth = LEAST_ITEMS * 2.0 ** floor(steps)
    return replace(prices, request_items=min(prices.request_items, worth))
