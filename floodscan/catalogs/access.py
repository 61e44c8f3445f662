"""How a run asks its catalog: how much at once, and what it need not ask again."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from floodscan.catalogs.cache import CachedCatalog
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.catalogs.stac_api import StacApiCatalog

if TYPE_CHECKING:
    from floodscan.catalogs.base import Catalog
    from floodscan.catalogs.rate_limiter import RateLimiter

MAX_IN_FLIGHT = 32
MAX_AGE_DAYS = 7.0
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a run may ask of a STAC API; a snapshot on disk needs none of it.

    Attributes:
        max_in_flight: Requests on their way at once, over all workers; None is any number.
        max_per_second: Requests that start in a second, over all workers; None is any number.
        cache: Folder of answers, on a disk that all workers share; None keeps none.
        max_age_days: Kept answers that are older are asked for again, and removed after a week at
            least.
        refresh: Ask for everything again, and keep the new answers.
    """

    max_in_flight: int | None = MAX_IN_FLIGHT
    max_per_second: float | None = None
    cache: Path | None = None
    max_age_days: float = MAX_AGE_DAYS
    refresh: bool = False

    @property
    def rates(self) -> RateLimits:
        """The limits of the rate_limiter."""
        return RateLimits(self.max_in_flight, self.max_per_second)

    def keep(self, catalog: Catalog) -> Catalog:
        """Put the limits, and the cache before them, before a catalog that makes requests."""
        catalog = with_rate_limiter(catalog, LocalRateLimiter(self.rates))
        if self.cache is None or not isinstance(catalog, StacApiCatalog):
            return catalog
        now, age = time.time(), self.max_age_days * _DAY_SECONDS
        kept = CachedCatalog(
            catalog, Path(self.cache).absolute(), not_before=now if self.refresh else now - age
        )
        # a folder of many answers on a slow disk takes a while, and no run need wait for it
        oldest = now - max(age, MAX_AGE_DAYS * _DAY_SECONDS)
        threading.Thread(target=kept.forget, args=(oldest,), daemon=True).start()
        return kept


def default_cache() -> Path:
    """Name the user's own folder for answers."""
    return user_cache_path("floodscan", appauthor=False) / "answers"


def with_rate_limiter(catalog: Catalog, rate_limiter: RateLimiter) -> Catalog:
    """Make a catalog ready to travel: with a rate_limiter before its requests, and what was learnt of it.

    One that makes no requests is given as it is.
    """
    if isinstance(catalog, CachedCatalog):
        return replace(
            catalog, catalog=replace(catalog.catalog.located(), rate_limiter=rate_limiter)
        )
    return (
        replace(catalog.located(), rate_limiter=rate_limiter)
        if isinstance(catalog, StacApiCatalog)
        else catalog
    )
