"""A STAC API with faults, a search in it, and limits for quick tests."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from floodscan.catalogs import StacApiCatalog
from floodscan.catalogs.limits import Limits
from floodscan.model import Search, TimeWindow
from floodscan.testing.servers.proxy import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from floodscan.testing.servers.proxy import FaultProxy, Script
    from tests.servers.fixtures import StacApi

SEARCH = Search(
    collection="sentinel-2-l2a",
    bbox=(5.7333, 49.4426, 6.5282, 50.1830),
    window=TimeWindow(
        datetime(2021, 6, 5, tzinfo=UTC), datetime(2021, 7, 28, 23, 59, 59, tzinfo=UTC)
    ),
    assets=("B02", "B03"),
)
LIMITS = Limits(
    page_items=60,
    silence_seconds=0.5,
    request_seconds=0.5,
    max_bytes=2_000_000,
    too_much_seconds=0.2,
    pause_seconds=0.01,
    search_seconds=60.0,
)
"""Small pages and short times, so that an answer has several pages and faults are quick."""


@contextmanager
def faulty(
    api: StacApi, script: Script, limits: Limits = LIMITS
) -> Iterator[tuple[StacApiCatalog, FaultProxy]]:
    """Put a proxy that follows a script before an API."""
    with fault_proxy(api.url, script=script) as proxy:
        yield StacApiCatalog(proxy.url, limits), proxy
