"""A STAC API as a catalogue, through pystac-client: pages as dictionaries, asked for only what is used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
from pystac_client import Client, ConformanceClasses
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from floodscan.catalogs.base import Answer
from floodscan.catalogs.items import parse_items
from floodscan.catalogs.pages import EDGES, STAC_NAMES, decode_page
from floodscan.errors import CatalogError, MissingCollectionError
from floodscan.tables import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from floodscan.planning import Search

    Json = dict[str, Any]

PAGE_ITEMS = 1000
TIMEOUT_SECONDS = 60.0
_QUERY = re.compile(r"\?[^\s)'\"]+")
_RETRIED_STATUS = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class ApiCatalog:
    """A STAC API.

    Attributes:
        url: Its landing page.
    """

    url: str

    @property
    def location(self) -> str:
        """URL of the landing page, without user, password and query."""
        return public_url(self.url)

    def describe(self, collections: Iterable[str]) -> str:
        """Check that the API answers and has these collections, and tell its STAC id."""
        client = self._client()
        for collection in collections:
            try:
                found = client.get_collection(collection)
            except (APIError, OSError, ValueError, KeyError) as err:
                raise self._error(err) from err
            if found is None:
                raise MissingCollectionError(self.location, f"has no collection '{collection}'")
        return client.id

    def search(self, search: Search) -> Answer:
        """Find items, page by page; a bbox across the antimeridian is asked for in two halves."""
        pages = [page for bbox in _halves(search.bbox) for page in self._pages(search, bbox)]
        tables = [parse_items(page["features"], collection=search.collection, assets=search.assets) for page in pages]
        return Answer(
            items=pa.concat_tables(tables) if tables else ITEMS.empty_table(),
            complete=not any(_ends_full(page) for page in pages),
            n_requests=max(len(pages), 1),
        )

    def _pages(self, search: Search, bbox: tuple[float, ...]) -> Iterator[Json]:
        client = self._client()
        lean = client.conforms_to(ConformanceClasses.FIELDS)
        try:
            yield from client.search(
                method="POST",
                collections=[search.collection],
                bbox=list(bbox),
                datetime=str(search.window) if search.window else None,
                limit=PAGE_ITEMS,
                fields=lean_fields(search.assets) if lean else None,
            ).pages_as_dicts()
        except (APIError, OSError, ValueError) as err:
            raise self._error(err) from err

    def _client(self) -> Client:
        try:
            return _open_client(self.url)
        except (APIError, OSError, ValueError, KeyError, TypeError) as err:
            raise self._error(err) from err

    def _error(self, err: Exception) -> CatalogError:
        if status := getattr(err, "status_code", None):
            return CatalogError(self.location, f"answered with HTTP status {status}")
        reason = _QUERY.sub("", str(err).replace(self.url, self.location)).splitlines() or [type(err).__name__]
        return CatalogError(self.location, f"can't be reached or read: {reason[0]}")


class _PageIO(StacApiIO):
    """Reads pages of items into structs: what isn't used of them never becomes an object."""

    def json_loads(self, txt: str, *args: Any, **kwargs: Any) -> Json:  # noqa: ANN401 - as inherited
        page = decode_page(txt)
        if page.features is None:
            return super().json_loads(txt, *args, **kwargs)
        return {"features": page.features, "links": page.links}


def public_url(url: str) -> str:
    """Take from a URL what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@lru_cache(maxsize=8)
def _open_client(url: str) -> Client:
    """Open the API once per process; its session keeps connections alive between searches."""
    # urllib3 retries no POST unless told to, and a STAC search is a POST that changes nothing
    retry = Retry(total=5, connect=2, backoff_factor=0.5, status_forcelist=_RETRIED_STATUS, allowed_methods=None)
    # the timeout goes to open(): it overwrites the one given to StacApiIO
    return Client.open(url, stac_io=_PageIO(max_retries=retry), timeout=TIMEOUT_SECONDS)


def _halves(bbox: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    west, south, east, north = bbox
    if west <= east:
        return [bbox]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def lean_fields(assets: Sequence[str]) -> Json:
    """Name what is used of an item, for servers that conform to the ``fields`` extension."""
    include = ["id", "collection", "bbox", "geometry", *(f"properties.{name}" for name in STAC_NAMES)]
    include += [f"assets.{key}.href" for key in assets]
    return {"include": include + [f"assets.{key}.{EDGES}" for key in assets[:1]], "exclude": ["links"]}


def _ends_full(page: Json) -> bool:
    """Tell whether a page has all the items it may have and names no next one: more may exist."""
    has_next = any(link.get("rel") == "next" for link in page.get("links", []))
    return len(page["features"]) >= PAGE_ITEMS and not has_next
