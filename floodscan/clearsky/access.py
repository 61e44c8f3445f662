"""How a run may read scenes: from where, how many, and from which hosts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from floodscan.catalogs import PLANETARY_COMPUTER_URL
from floodscan.catalogs.guard import Guard
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.clearsky.base import Source
from floodscan.clearsky.cache import ReadCache
from floodscan.clearsky.files import Line
from floodscan.clearsky.raster import check_installed
from floodscan.clearsky.reader import CloudReader
from floodscan.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.catalogs import Access, Catalog

MAX_SCENES = 80
MAX_IN_FLIGHT = 16
_DAY_SECONDS = 86_400
_DATA_API = "https://planetarycomputer.microsoft.com/api/data/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelAccess:
    """Limits for the reading of scenes; a run without ``cloud = "area"`` reads none.

    Attributes:
        source: What is read first: the overview of each scene, or statistics of a server.
        fallback: Whether the other source is tried for scenes that the first can't read.
        data_api: Address of a server of statistics; None is that of Planetary Computer, for runs
            that search there.
        max_scenes: Most scenes that are read for one event, the nearest to its dates.
        max_in_flight: Most requests in progress, over all workers.
        private_hosts: Hosts that scenes may be read from although their addresses are not public.
    """

    source: Source = Source.OVERVIEW
    fallback: bool = True
    data_api: str | None = None
    max_scenes: int = MAX_SCENES
    max_in_flight: int = MAX_IN_FLIGHT
    private_hosts: frozenset[str] = frozenset()

    def open(self, catalog: Catalog, access: Access, scratch: Path) -> CloudReader:
        """Make the reader of a run, without a request.

        Args:
            catalog: The catalog of the run.
            access: Says where the cache is.
            scratch: Folder that is the cache of this run if there is no other.

        Raises:
            InputError: A package or an address that the source needs is missing.
        """
        if self.data_api is not None:
            _check_url(self.data_api)
        is_there = PLANETARY_COMPUTER_URL in catalog.location
        data_api = self.data_api or (_DATA_API if is_there else None)
        if self.source is Source.STATISTICS and data_api is None:
            message = "no server of statistics is known; name one with --data-api"
            raise InputError(f"--cloud-source statistics: {message}")
        others = [each for each in Source if each is not self.source and self.fallback]
        sources = [self.source, *others]
        if data_api is None:
            sources.remove(Source.STATISTICS)
        if Source.OVERVIEW in sources:
            check_installed()
        limiter = LocalRateLimiter(RateLimits(self.max_in_flight), "reads")
        return CloudReader(
            sources=tuple(sources),
            data_api=data_api and data_api.rstrip("/"),
            max_scenes=self.max_scenes,
            n_at_once=self.max_in_flight,
            line=Line(limiter, guard=Guard(self.private_hosts)),
            cache=_open_cache(access, scratch),
        )


def _check_url(data_api: str) -> None:
    """Refuse an address that no path can be added to, or that has a secret."""
    try:
        parts = urlsplit(data_api)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or parts.query or parts.fragment or parts.username is not None:
        message = "must be an http:// or https:// address without a query or a user"
        raise InputError(f"--data-api: {message}")


def _open_cache(access: Access, scratch: Path) -> ReadCache:
    if access.cache is None:
        return ReadCache(scratch, not_before=0.0)
    age = 0.0 if access.refresh else access.max_age_days * _DAY_SECONDS
    return ReadCache(access.cache.absolute(), not_before=time.time() - age)
