"""A STAC API as a catalog, on pystac-client.

pystac-client opens an API and builds every search: ``Client`` reads the landing page, its search
link and its conformance classes, and ``ItemSearch`` checks the parameters of a search and writes
them as the body of a POST request. Both stand on ``_TransportIO``, a ``StacApiIO`` that sends its
requests through our own transport.

Three parts are our own, because pystac-client lacks them or spends most of the CPU there:

- ``transport`` bounds each answer in time and size, repeats failed POST requests too, and obeys
  ``Retry-After`` on all workers;
- ``paging`` follows ``next`` links, and never takes a full page without such a link for the last;
- ``page_json`` decodes bytes straight into the few members that are used.

To build a request with ``ItemSearch`` takes 26 µs of CPU instead of 8 µs by hand. That is under 1 %
of a search with 73 items, at 76 µs an item (``benchmarks/results/client.md``).
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from pystac import STACError, STACObjectType, STACTypeError
from pystac.serialization import identify_stac_object_type
from pystac_client import Client, ItemSearch
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from floodscan.catalogs.base import Answer, Catalog, MissingPart
from floodscan.catalogs.early import take_early
from floodscan.catalogs.endpoint import Endpoint, guess_endpoint, public_url, read_endpoint
from floodscan.catalogs.found_items import FoundItems
from floodscan.catalogs.hrefs import is_secret
from floodscan.catalogs.lean_fields import lean_fields
from floodscan.catalogs.limits import Budget, Limits, RequestError
from floodscan.catalogs.page_json import decode_whole_page
from floodscan.catalogs.paging import ItemSink, Pager, SearchCounters, read_whole
from floodscan.catalogs.rate_limiter import LocalRateLimiter, RateLimiter
from floodscan.catalogs.transport import Request, Transport
from floodscan.errors import CatalogError, MissingCollectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from floodscan.catalogs.early import Early
    from floodscan.model import Search

    Json = dict[str, Any]

_DESCRIBE_PAUSE_SECONDS = 1.0
_NOT_STAC = (APIError, ClientTypeError, STACError, STACTypeError)
"""Raised by pystac and pystac-client for a document of another kind than expected."""

_ODD_STAC = (*_NOT_STAC, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Raised by pystac for a document that breaks the STAC specification: it reads without checking."""

_OPENING = threading.Lock()


_KNOWN: dict[str, Endpoint] = {}
"""The endpoint that this process read last, by the URL of the landing page."""

REQUEST_SECONDS: dict[str, float] = {}
"""The time in which the landing page was answered, by its URL."""


@dataclass(frozen=True, slots=True)
class StacApiCatalog:
    """A STAC API.

    Attributes:
        url: Its landing page.
        limits: Bounds on time, size and number of its requests.
        rate_limiter: Gives a permit to each request.
        endpoint: How the API is searched; None reads the landing page first.
    """

    url: str = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    rate_limiter: RateLimiter = field(default_factory=LocalRateLimiter)
    endpoint: Endpoint | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse an invalid URL without quoting it: its password may stand anywhere in it."""
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
        """Location with the user and the public part of the query.

        Two catalogs with one identity give the same answers, whatever their passwords are.
        """
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
        """Check that the API answers and has these collections, and return its STAC id."""
        return self.read_collections(collections)[0]

    def read_collections(self, names: Iterable[str]) -> tuple[str, dict[str, Json]]:
        """Return the STAC id of the API, and these collections by name.

        Raises:
            CatalogError: The API does not answer, or lacks a collection.
        """
        # a person waits for this, so a dead address is reported after short pauses
        pause = min(self.limits.max_pause_seconds, _DESCRIBE_PAUSE_SECONDS)
        limits = replace(self.limits, max_pause_seconds=pause)
        catalog, wanted = replace(self, limits=limits), list(names)
        io = _make_io(catalog, Budget(_undivided(limits)))
        collections: dict[str, Json] = {}
        with ThreadPoolExecutor(max_workers=len(wanted) or 1) as pool:
            for name in wanted:
                io.send_ahead(f"{public_url(self.url).rstrip('/')}/collections/{name}", pool)
            started = time.perf_counter()
            client = _open_client(catalog, io)
            REQUEST_SECONDS[self.url] = time.perf_counter() - started
            found = pool.map(lambda name: self._find_collection(client, name), wanted)
            for name, collection in zip(wanted, found, strict=True):
                if collection is None:
                    raise MissingCollectionError(self.location, f"has no collection '{name}'")
                collections[name] = collection
        return client.id, collections

    def located(self) -> StacApiCatalog:
        """Return it with its endpoint, so that no other process reads the landing page."""
        return replace(self, endpoint=_KNOWN.get(self.url, self.endpoint))

    def draw_early(self, search: Search) -> Early:
        """Return what sends a search before the landing page is read, for ``search`` to take."""
        guessed = replace(self, endpoint=guess_endpoint(self.url))
        return (self.url, search), partial(guessed._search_now, search)  # noqa: SLF001 - our own

    def _find_collection(self, client: Client, collection: str) -> Json | None:
        try:
            found = client.get_collection(collection)
            return None if found is None else found.to_dict(transform_hrefs=False)
        except RequestError as err:
            if err.status == HTTPStatus.NOT_FOUND:
                return None
            raise CatalogError(self.location, err.reason) from None  # its cause may quote the URL
        except _ODD_STAC:
            problem = f"can't be read: '{collection}' is not a STAC collection"
            raise CatalogError(self.location, problem) from None  # as above

    def search(self, search: Search) -> Answer:
        """Find items page by page and, where the whole search can't be answered, part by part."""
        early = take_early((self.url, search))
        if early is None:
            return self._search_now(search)
        with suppress(CatalogError):
            _open(self, Budget(self.limits))
        if _KNOWN.get(self.url, self.endpoint) == guess_endpoint(self.url):
            return early
        answer = self._search_now(search)
        return replace(answer, n_requests=answer.n_requests + early.n_requests)

    def _search_now(self, search: Search, arrived: Callable[[], None] = lambda: None) -> Answer:
        started = time.perf_counter()
        counters = SearchCounters(Budget(self.limits, arrived=arrived))
        found = FoundItems(search, self.limits)
        missing_parts = tuple(self._read(search, counters, found))
        return Answer(
            items=found.table(),
            complete=not missing_parts,
            missing_parts=missing_parts,
            n_dropped=found.n_dropped,
            n_requests=counters.budget.n_requests,
            n_pages=counters.n_pages,
            n_retries=counters.budget.n_retries,
            n_bisections=counters.n_bisections,
            seconds=time.perf_counter() - started,
            problem=missing_parts[0].reason if missing_parts else None,
        )

    def read_items(self, search: Search, found: ItemSink) -> SearchCounters:
        """Read the items of a search with all that they have, and return what that took.

        Args:
            search: The search; its assets don't matter.
            found: Gets the items, which are ``WholeItem``.

        Raises:
            CatalogError: A part of the search was not answered.
        """
        counters = SearchCounters(Budget(self.limits))
        api = _open(self, counters.budget)
        pager = Pager(api.pager.transport, api.pager.url, decode_page=decode_whole_page)
        whole = replace(api, pager=pager, lean=False)
        found.without_links = api.lean
        for missing in read_whole(search, whole.read, counters, found):
            raise CatalogError(self.location, missing.reason)
        return counters

    def _read(
        self, search: Search, counters: SearchCounters, found: FoundItems
    ) -> Iterator[MissingPart]:
        try:
            api = _open(self, counters.budget)
        except CatalogError as err:
            yield MissingPart(search, err.problem)
        else:
            found.without_links = api.lean
            yield from read_whole(search, api.read, counters, found)


class _TransportIO(StacApiIO):
    """Lets pystac-client send its requests through our transport.

    Args:
        transport: Sends the requests.
        budget: Pays for them.
    """

    def __init__(self, transport: Transport, budget: Budget) -> None:
        super().__init__()
        self._transport = transport
        self._budget = budget
        self._ahead: dict[str, Future[str]] = {}

    def send_ahead(self, href: str, pool: ThreadPoolExecutor) -> None:
        """Send a request that pystac-client is about to make."""
        self._ahead[href] = pool.submit(self._send, Request("GET", href, leaves_host=True))

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: Json | None = None,
    ) -> str:
        """Send a request, and return the STAC document that answers it.

        Raises:
            RequestError: The request wasn't answered, or not by a STAC catalog or collection.
        """
        del headers
        if ahead := self._ahead.pop(href, None):
            return ahead.result()
        return self._send(Request(method or "GET", href, parameters or None, leaves_host=True))

    def _send(self, request: Request) -> str:
        return self._transport.ask(request, self._budget, decode=self._decode, use=str)

    def _decode(self, content: bytes | bytearray) -> str:
        """Refuse a document that pystac can't read, such as the page of a proxy or of a login.

        pystac reads a first time here, where its errors can only come from the document. The same
        errors are bugs everywhere else, and must not be taken for odd documents.
        """
        if len(content) > _MAX_DOCUMENT_BYTES:
            raise ValueError("the document is too large to be a catalog or a collection")
        document = orjson.loads(content)
        try:
            if identify_stac_object_type(document) not in _DOCUMENTS:
                raise STACTypeError(document, Client)
            found = self.stac_object_from_dict(document)
            if isinstance(found, Client):
                read_endpoint(found, "")
                _ = [link.absolute_href for link in found.get_links("data")]
        except _ODD_STAC as err:
            raise ValueError("the answer is not a STAC document") from err
        return content.decode()


_MAX_DOCUMENT_BYTES = 2**23  # as Python objects it takes thirty times as much memory
_DOCUMENTS = {STACObjectType.CATALOG, STACObjectType.COLLECTION}


@dataclass(frozen=True, slots=True)
class _OpenApi:
    """An API that can be searched.

    Attributes:
        pager: Reads pages.
        client: Knows what the API conforms to.
        io: Stands behind the client's searches.
        lean: Whether searches leave out parts of items.
    """

    pager: Pager
    client: Client
    io: StacApiIO
    lean: bool

    def read(self, search: Search, counters: SearchCounters, found: ItemSink) -> None:
        """Read all pages of a search that doesn't cross the antimeridian."""
        found.search = search
        checked = ItemSearch(
            self.pager.url,
            client=self.client,
            stac_io=self.io,
            limit=self.pager.transport.limits.page_items,
            collections=[*search.wanted],
            bbox=search.bbox,
            datetime=(search.window.start, search.window.end) if search.window else None,
            fields=lean_fields(search.wanted) if self.lean else None,
        )
        self.pager.read(checked.get_parameters(), counters, found)


def _undivided(limits: Limits) -> Limits:
    """Let requests that have no halves be tried as often as any other."""
    return replace(limits, tries_too_much=limits.tries)


def _open(catalog: StacApiCatalog, budget: Budget) -> _OpenApi:
    """Open the API; if that fails, its requests are charged to the search."""
    with _OPENING:  # threads that start together would each read the landing page
        if catalog.endpoint is None and catalog.url not in _KNOWN:
            own = Budget(_undivided(catalog.limits))
            try:
                _open_client(catalog, _make_io(catalog, own))
            except CatalogError:
                budget.n_requests += own.n_requests
                budget.n_retries += own.n_retries
                raise
        endpoint = catalog.endpoint or _KNOWN[catalog.url]
        # early searches, whose endpoint was guessed, share connections and pauses with later ones
        return _open_api(replace(catalog, endpoint=None), endpoint)


@lru_cache(maxsize=8)
def _open_api(catalog: StacApiCatalog, endpoint: Endpoint) -> _OpenApi:
    """Open the API once per process; connections are kept alive between searches."""
    transport = Transport(catalog.url, catalog.limits, catalog.rate_limiter)
    # a worker knows of the landing page only this, which saves a request for each of them
    client = Client("endpoint", "")
    for name in ("ITEM_SEARCH", *(["FIELDS"] if endpoint.lean else [])):
        client.add_conforms_to(name)
    io = _TransportIO(transport, Budget(catalog.limits))
    return _OpenApi(Pager(transport, endpoint.url), client, io, endpoint.lean)


def _make_io(catalog: StacApiCatalog, budget: Budget) -> _TransportIO:
    return _TransportIO(Transport(catalog.url, catalog.limits, catalog.rate_limiter), budget)


def _open_client(catalog: StacApiCatalog, io: _TransportIO) -> Client:
    """Read the landing page."""
    try:
        client = Client.open(catalog.url, stac_io=io)
    except RequestError as err:
        raise CatalogError(catalog.location, err.reason) from None  # its cause may quote the URL
    except _NOT_STAC:
        problem = "can't be read: its landing page is not a STAC API's"
        raise CatalogError(catalog.location, problem) from None  # as above
    client.set_root(client)  # else each link would read the landing page again
    _KNOWN[catalog.url] = read_endpoint(client, catalog.url)
    return client


_: type[Catalog] = StacApiCatalog
