"""How a run may use a STAC API, and read scenes: limits on its requests, and a cache of answers."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from platformdirs import user_cache_path

from floodscan.catalogs.cache import CachedCatalog
from floodscan.catalogs.pixel_access import PixelAccess
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.catalogs.sources import change_sources
from floodscan.catalogs.stac_api import StacApiCatalog

if TYPE_CHECKING:
    from floodscan.catalogs.base import Catalog
    from floodscan.catalogs.rate_limiter import RateLimiter

MAX_IN_FLIGHT = 32
MAX_AGE_DAYS = 7.0
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Limits and cache for the requests to a STAC API; an archive on disk needs neither.

    Attributes:
        max_in_flight: Most requests in progress, over all workers; None is no limit.
        max_per_second: Most requests that start in a second, over all workers; None is no limit.
        cache: Folder of cached answers, on a disk that all workers share; None caches nothing.
        max_age_days: Older answers are requested again. They are removed at the same age, but not
            within a week.
        refresh: Request everything again, and cache the new answers.
        pixels: Limits for the reading of scenes, which shares the cache.
    """

    max_in_flight: int | None = MAX_IN_FLIGHT
    max_per_second: float | None = None
    cache: Path | None = None
    max_age_days: float = MAX_AGE_DAYS
    refresh: bool = False
    pixels: PixelAccess = PixelAccess()  # noqa: RUF009 - it is frozen

    @property
    def rates(self) -> RateLimits:
        """The limits of the rate limiter."""
        return RateLimits(self.max_in_flight, self.max_per_second)

    def keep(self, catalog: Catalog) -> Catalog:
        """Return a catalog with these limits and this cache, if it sends requests."""
        limiter = LocalRateLimiter(self.rates, name=uuid4().hex)
        return change_sources(with_rate_limiter(catalog, limiter), self._cache)

    def _cache(self, catalog: Catalog) -> Catalog:
        if self.cache is None or not isinstance(catalog, StacApiCatalog):
            return catalog
        now, age = time.time(), self.max_age_days * _DAY_SECONDS
        kept = CachedCatalog(
            catalog, Path(self.cache).absolute(), not_before=now if self.refresh else now - age
        )
        # to look through many answers on a slow disk takes a while; the run does not wait for it
        oldest = now - max(age, MAX_AGE_DAYS * _DAY_SECONDS)
        threading.Thread(target=kept.forget, args=(oldest,), daemon=True).start()
        return kept


def default_cache() -> Path:
    """Return the user's folder of cached answers."""
    return user_cache_path("floodscan", appauthor=False) / "answers"


def with_rate_limiter(catalog: Catalog, rate_limiter: RateLimiter) -> Catalog:
    """Return a catalog for workers: with a rate limiter, and with its endpoint if that is known.

    A catalog that sends no requests is returned as it is.
    """
    return change_sources(catalog, lambda each: _limit(each, rate_limiter))


def _limit(catalog: Catalog, rate_limiter: RateLimiter) -> Catalog:
    if isinstance(catalog, CachedCatalog):
        return replace(
            catalog, catalog=replace(catalog.catalog.located(), rate_limiter=rate_limiter)
        )
    return (
        replace(catalog.located(), rate_limiter=rate_limiter)
        if isinstance(catalog, StacApiCatalog)
        else catalog
    )
