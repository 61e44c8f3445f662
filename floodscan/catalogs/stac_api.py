"""A STAC API as a catalog, through pystac-client: pages as dictionaries, asked for only what is used."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
import pyarrow as pa
from pystac import STACError, STACTypeError
from pystac.serialization import identify_stac_object_type
from pystac_client import Client, ConformanceClasses
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from floodscan.catalogs.base import Answer, Catalog, MissingPart
from floodscan.catalogs.item_table import is_secret, parse_items, unique_rows
from floodscan.catalogs.paging import Pager, SearchCounters, read_whole
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimiter
from floodscan.catalogs.transport import Budget, Limits, Request, RequestError, Transport
from floodscan.errors import CatalogError, MissingCollectionError
from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from floodscan.catalogs.page_json import Item
    from floodscan.model import Search

    Json = dict[str, Any]

_DESCRIBE_PAUSE_SECONDS = 1.0
_NOT_STAC = (
    *(APIError, ClientTypeError, STACError, STACTypeError),
    *(AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""What pystac and its client raise where a document is not what it should be.

The text may hold the URL.
"""
_OTHER_ASSETS = {
    "sentinel-2-l2a": (
        *("AOT", "SCL", "WVP", "visual", "preview", "tilejson", "rendered_preview"),
        *(
            "product-metadata",
            "granule-metadata",
            "inspire-metadata",
            "datastrip-metadata",
            "safe-manifest",
        ),
    )
}
"""What items have beside their bands, where it is so much that it pays to leave it out.

A name too many is no harm.
"""
_OPENING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the landing page of an API tells.

    Attributes:
        url: Where searches are posted.
        lean: Whether items can be asked for in part.
    """

    url: str
    lean: bool


_KNOWN: dict[str, Endpoint] = {}
"""By the URL of the landing page, what was read there last."""


@dataclass(frozen=True, slots=True)
class StacApiCatalog:
    """A STAC API.

    Attributes:
        url: Its landing page.
        limits: How long, how large and how often it is asked.
        rate_limiter: What every request to it passes.
        endpoint: Where it is searched, and how; None is read from the landing page.
    """

    url: str = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    rate_limiter: RateLimiter = field(default_factory=LocalRateLimiter)
    endpoint: Endpoint | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no URL, without telling it: where it has a password can't be known."""
        try:
            _ = urlsplit(self.url).port
        except ValueError:
            scheme = self.url.partition("://")[0]
            raise CatalogError(f"{scheme}://…", "can't be reached: its URL is not valid") from None

    @property
    def location(self) -> str:
        """URL of the landing page, without user, password and query."""
        return public_url(self.url)

    @property
    def identity(self) -> str:
        """What tells it, and who asks, from others: its location with the user and what is no secret of the query."""
        parts = urlsplit(self.url)
        query = [
            each
            for each in parse_qsl(parts.query, keep_blank_values=True)
            if not is_secret(each[0])
        ]
        user = f"{parts.username}@" if parts.username else ""
        return self.location.replace("://", f"://{user}", 1) + (
            f"?{urlencode(query)}" if query else ""
        )

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the API answers and has these collections, and tell its STAC id."""
        # a person waits for this one, so an address where nobody answers is told soon
        pause = min(self.limits.max_pause_seconds, _DESCRIBE_PAUSE_SECONDS)
        limits = replace(self.limits, max_pause_seconds=pause)
        client = _open_client(replace(self, limits=limits), Budget(_undivided(limits)))
        names = list(collections)
        with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
            found = pool.map(lambda name: self._has(client, name), names)
            for name, there in zip(names, found, strict=True):
                if not there:
                    raise MissingCollectionError(self.location, f"has no collection '{name}'")
        return client.id

    def located(self) -> StacApiCatalog:
        """Give it with what this process has learnt of it, so that no other process need ask the landing page."""
        return replace(self, endpoint=_KNOWN.get(self.url, self.endpoint))

    def _has(self, client: Client, collection: str) -> bool:
        try:
            return client.get_collection(collection) is not None
        except RequestError as err:
            if err.status == HTTPStatus.NOT_FOUND:
                return False
            raise CatalogError(self.location, err.reason) from None
        except _NOT_STAC:
            raise CatalogError(
                self.location, f"can't be read: '{collection}' is not a STAC collection"
            ) from None

    def _read(self, search: Search, counters: SearchCounters) -> Iterator[list[Item] | MissingPart]:
        try:
            api = _open(self, counters.budget)
        except CatalogError as err:
            yield MissingPart(search, err.problem)
        else:
            yield from read_whole(search, api.read, counters, self.limits)

    def search(self, search: Search) -> Answer:
        """Find items, page by page and, where that can't be, part by part."""
        started = time.perf_counter()
        counters = SearchCounters(Budget(self.limits))
        tables = [ITEMS.empty_table()]
        missing_parts: list[MissingPart] = []
        for found in self._read(search, counters):
            if isinstance(found, MissingPart):
                missing_parts.append(found)
            else:
                tables.append(
                    parse_items(found, collection=search.collection, assets=search.assets)
                )
        return Answer(
            items=unique_rows(pa.concat_tables(tables)),
            complete=not missing_parts,
            missing_parts=tuple(missing_parts),
            n_requests=counters.budget.n_requests,
            n_pages=counters.n_pages,
            n_retries=counters.budget.n_retries,
            n_bisections=counters.n_bisections,
            seconds=time.perf_counter() - started,
            problem=missing_parts[0].reason if missing_parts else None,
        )


def public_url(url: str) -> str:
    """Take from a URL what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class _OpenApi:
    """An API that can be searched.

    Attributes:
        pager: Reads pages.
        lean: Whether items can be asked for in part.
    """

    pager: Pager
    lean: bool

    def read(self, search: Search, counters: SearchCounters) -> Iterator[list[Item]]:
        """Give the items of each page of a search that doesn't cross the antimeridian."""
        body: Json = {"collections": [search.collection], "bbox": search.bbox}
        if search.window:
            body["datetime"] = str(search.window)
        if self.lean:
            body["fields"] = lean_fields(search.collection, search.assets)
        return self.pager.read(body, counters)


class _BoundedIO(StacApiIO):
    """Makes pystac-client's own requests, of landing page and collections, with the same care as searches."""

    def __init__(self, transport: Transport, budget: Budget) -> None:
        super().__init__()
        self._transport = transport
        self._budget = budget

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: Json | None = None,
    ) -> str:
        """Make a request.

        Raises:
            RequestError: It wasn't answered.
        """
        del headers
        request = Request(method or "GET", href, parameters or None, leaves_host=True)
        return self._transport.ask(request, self._budget, decode=_check_stac)


def _check_stac(content: bytes) -> str:
    """Refuse what is no STAC: it may be what stands before the API that answers for it."""
    found = orjson.loads(content)
    if not isinstance(found, dict) or identify_stac_object_type(found) is None:
        raise ValueError
    return content.decode()


def _undivided(limits: Limits) -> Limits:
    """Give what can't be asked for in halves as many tries as anything."""
    return replace(limits, tries_too_much=limits.tries)


def _open(catalog: StacApiCatalog, budget: Budget) -> _OpenApi:
    """Open the API; where that fails, what it took is put down to the search."""
    with _OPENING:  # threads that start together would each read the landing page
        if catalog.endpoint is None and catalog.url not in _KNOWN:
            own = Budget(_undivided(catalog.limits))
            try:
                _open_client(catalog, own)
            except CatalogError:
                budget.n_requests += own.n_requests
                budget.n_retries += own.n_retries
                raise
        return _open_api(catalog, catalog.endpoint or _KNOWN[catalog.url])


@lru_cache(maxsize=8)
def _open_api(catalog: StacApiCatalog, endpoint: Endpoint) -> _OpenApi:
    """Open the API once per process; connections are kept alive between searches."""
    transport = Transport(catalog.url, catalog.limits, catalog.rate_limiter)
    return _OpenApi(Pager(transport, endpoint.url), endpoint.lean)


def _open_client(catalog: StacApiCatalog, budget: Budget) -> Client:
    """Read the landing page."""
    transport = Transport(catalog.url, catalog.limits, catalog.rate_limiter)
    try:
        client = Client.open(catalog.url, stac_io=_BoundedIO(transport, budget))
        client.set_root(client)  # or each link would ask for the landing page again
        link = client.get_search_link()
        url = str(link.absolute_href) if link else f"{public_url(catalog.url).rstrip('/')}/search"
        _KNOWN[catalog.url] = Endpoint(url, client.conforms_to(ConformanceClasses.FIELDS))
    except RequestError as err:
        raise CatalogError(catalog.location, err.reason) from None
    except _NOT_STAC:
        raise CatalogError(
            catalog.location, "can't be read: its landing page is not a STAC API's"
        ) from None
    return client


def lean_fields(collection: str, assets: Sequence[str]) -> Json:
    """Name what is not used of an item, for servers that conform to the ``fields`` extension.

    To name what is used would bring half as much, but costs pgstac more than the whole item does:
    it walks the item once for each path that is included (``benchmarks/results/lean_fields.md``).
    """
    others = [f"assets.{key}" for key in _OTHER_ASSETS.get(collection, ()) if key not in assets]
    bands = [f"assets.{key}.eo:bands" for key in assets if others]
    return {"exclude": ["links", *others, *bands]}


_: type[Catalog] = StacApiCatalog
