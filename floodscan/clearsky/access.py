"""The reader of a run, made of the limits that a user sets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from floodscan.catalogs import PLANETARY_COMPUTER_URL
from floodscan.catalogs.guard import Guard
from floodscan.catalogs.pixel_access import CloudSource
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimits
from floodscan.clearsky.cache import ReadCache
from floodscan.clearsky.files import Line
from floodscan.clearsky.raster import check_installed
from floodscan.clearsky.reader import CloudReader
from floodscan.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan.catalogs import Access, Catalog
    from floodscan.catalogs.pixel_access import PixelAccess

_DAY_SECONDS = 86_400
_DATA_API = "https://planetarycomputer.microsoft.com/api/data/v1"


def open_reader(catalog: Catalog, access: Access, scratch: Path) -> CloudReader:
    """Make the reader of a run, without a request.

    Args:
        catalog: The catalog of the run.
        access: The limits, and where the cache is.
        scratch: Folder that is the cache of this run if there is no other.

    Raises:
        InputError: A package or an address that the source needs is missing.
    """
    pixels = access.pixels
    data_api = _find_data_api(pixels, catalog)
    others = [each for each in CloudSource if each is not pixels.source and pixels.fallback]
    sources = [pixels.source, *others]
    if data_api is None and CloudSource.STATISTICS in sources:
        sources.remove(CloudSource.STATISTICS)
    if CloudSource.OVERVIEW in sources:
        check_installed()
    limiter = LocalRateLimiter(RateLimits(pixels.max_in_flight), uuid4().hex)
    return CloudReader(
        sources=tuple(sources),
        data_api=data_api,
        max_scenes=pixels.max_scenes,
        n_at_once=pixels.max_in_flight,
        line=Line(limiter, guard=Guard(pixels.private_hosts)),
        cache=_open_cache(access, scratch),
    )


def _find_data_api(pixels: PixelAccess, catalog: Catalog) -> str | None:
    """Return the address of the server of statistics; None if none is known."""
    if pixels.data_api is not None:
        _check_url(pixels.data_api)
        return pixels.data_api.rstrip("/")
    if PLANETARY_COMPUTER_URL in catalog.location:
        return _DATA_API
    if pixels.source is CloudSource.STATISTICS:
        message = "no server of statistics is known; name one with --data-api"
        raise InputError(f"--cloud-source statistics: {message}")
    return None


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
