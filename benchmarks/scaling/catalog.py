"""A catalog with clocks: made-up items behind a rate limiter and the latency of a real API.

It replaces a STAC API, because two cores can't serve one fast enough beside the workers that search
it. Each search passes the rate limiter, waits, and gets the bytes of a page, which are decoded as
the bytes of an API are.
"""

from __future__ import annotations

import math
import random
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.scaling.steps import count, timed
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimiter
from floodscan.testing.made_up_items import MadeUpItems, read_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from floodscan.catalogs import Answer, Catalog
    from floodscan.model import Search

TAIL_SIGMA = 0.8
"""Of the logarithm of a wait: one wait in a hundred is at least 4.7 times the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCatalog:
    """Made-up items, with a clock around each step of a request.

    Attributes:
        items: Makes the pages.
        mean_seconds: Mean time of a request. The time of one request depends on its search alone,
            so that all runs wait for the same time.
        rate_limiter: Every request passes it.
    """

    items: MadeUpItems = field(default_factory=MadeUpItems)
    mean_seconds: float = 0.0
    rate_limiter: RateLimiter = field(default_factory=LocalRateLimiter)

    @property
    def location(self) -> str:
        """The location of the items."""
        return self.items.location

    def describe(self, collections: Iterable[str]) -> str:
        """Return the id of the items."""
        return self.items.describe(collections)

    def search(self, search: Search) -> Answer:
        """Wait for a permit and for the answer, and read it."""
        asked = time.perf_counter()
        with self.rate_limiter.acquire():
            entered = time.perf_counter()
            page = self.items.make_page(search)
            wait = draw_seconds(search, self.mean_seconds)
            time.sleep(max(entered + wait - time.perf_counter(), 0.0))
            answered = time.perf_counter()
        count("rate_limiter", time.perf_counter() - asked - (answered - entered))
        count("catalog", answered - entered)
        count("drawn", wait)
        with timed("parse"):
            return read_page(page, search)


def draw_seconds(search: Search, mean_seconds: float) -> float:
    """Draw the time of a request from a log-normal distribution, seeded by its search."""
    if not mean_seconds:
        return 0.0
    facts = (search.collection, search.bbox, str(search.window))
    draw = random.Random(zlib.crc32(repr(facts).encode()))  # noqa: S311 - no secret
    return draw.lognormvariate(math.log(mean_seconds) - TAIL_SIGMA**2 / 2, TAIL_SIGMA)


if TYPE_CHECKING:
    _CATALOG: type[Catalog] = TimedCatalog
