"""A STAC API over items in memory: the real stac-fastapi layer, on a store of our own.

It answers as stac-fastapi-pgstac does, but needs no database: the order of items, pages, tokens,
fields and errors are the same. It has no CQL2 filter. It reads a bbox across the antimeridian the
short way round, which pgstac does not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attr
import orjson
import shapely
from fastapi import HTTPException, Request
from pydantic import ValidationError
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import (
    ItemCollectionUri,
    create_get_request_model,
)
from stac_fastapi.extensions import (
    FieldsExtension,
    QueryExtension,
    TokenPaginationExtension,
)
from stac_fastapi.extensions.fields.request import FieldsExtensionPostRequest
from stac_fastapi.extensions.pagination.request import POSTTokenPagination
from stac_fastapi.extensions.query.request import QueryExtensionPostRequest
from stac_fastapi.extensions.sort import SearchSortExtension
from stac_fastapi.extensions.sort.request import SortExtensionPostRequest
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import AsyncBaseCoreClient
from stac_fastapi.types.errors import NotFoundError
from stac_fastapi.types.search import BaseSearchPostRequest
from starlette.responses import JSONResponse, Response

from floodscan.testing.servers.catalog import COLLECTIONS_FILE, ITEMS_FILE, read
from floodscan.testing.servers.counting import RequestCounter
from floodscan.testing.servers.fields import links_wanted, select_fields
from floodscan.testing.servers.paging import TokenError, cut_page
from floodscan.testing.servers.process import CATALOG_VARIABLE, URL_VARIABLE
from floodscan.testing.servers.store import Filters, SortKey, Store, bbox_area

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry
    from stac_fastapi.types.stac import Collection, Collections, Item, ItemCollection

    from floodscan.testing.servers.catalog import Json
    from floodscan.testing.servers.paging import Page

_INFERRED_LINKS = {"self", "item", "parent", "collection", "root", "items", "child"}
_DEFAULT_LIMIT = 10


class LeanSearch(
    FieldsExtensionPostRequest,
    QueryExtensionPostRequest,
    SortExtensionPostRequest,
    POSTTokenPagination,
    BaseSearchPostRequest,
):
    """A posted search, with the extensions of the server."""

    def filters(self) -> Filters:
        """Return the filters of the search."""
        area: list[BaseGeometry] | None = None
        if self.intersects is not None:
            area = [shapely.from_geojson(self.intersects.model_dump_json())]
        elif self.bbox is not None:
            area = bbox_area(self.bbox)
        return Filters(
            collections=self.collections,
            ids=self.ids,
            area=area,
            start=self.start_date,
            end=self.end_date,
            query=self.query,
        )

    def sort(self) -> list[SortKey]:
        """Return the keys to sort by."""
        return [SortKey(key.field, key.direction == "desc") for key in self.sortby or []]

    def include(self) -> set[str]:
        """Return the included fields."""
        return (self.fields.include if self.fields else None) or set()

    def exclude(self) -> set[str]:
        """Return the excluded fields."""
        return (self.fields.exclude if self.fields else None) or set()


@attr.s(auto_attribs=True)
class LeanClient(AsyncBaseCoreClient):
    """The endpoints of the API, answered from a store."""

    store: Store = attr.ib(kw_only=True)
    collections: dict[str, Json] = attr.ib(kw_only=True)
    root: str = attr.ib(kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Encode every whole item once, because most answers consist of them."""
        self._written = [
            orjson.dumps({**item, "links": self._item_links(item, item.get("links", []))})
            for item in self.store.items
        ]

    async def post_search(
        self, search_request: BaseSearchPostRequest, **kwargs: object
    ) -> ItemCollection:
        """Answer `POST /search`."""
        request = cast("Request", kwargs["request"])
        return self._answer(cast("LeanSearch", search_request), request, await request.json())

    async def get_search(self, *_: object, **kwargs: object) -> ItemCollection:
        """Answer `GET /search`."""
        request = cast("Request", kwargs.pop("request"))
        return self._answer(_search_from_get(kwargs), request, None)

    async def item_collection(
        self, collection_id: str, *_: object, **kwargs: object
    ) -> ItemCollection:
        """Answer `GET /collections/{collection_id}/items`."""
        request = cast("Request", kwargs.pop("request"))
        await self.get_collection(collection_id)
        search = _search_from_get({**kwargs, "collections": [collection_id]})
        return self._answer(search, request, None)

    async def get_item(self, item_id: str, collection_id: str, **_: object) -> Item:
        """Answer `GET /collections/{collection_id}/items/{item_id}`."""
        await self.get_collection(collection_id)
        row = self.store.row(collection_id, item_id)
        if row is None:
            raise NotFoundError(f"Item {item_id} in Collection {collection_id} does not exist.")
        return cast("Item", _geojson(self._written[row]))

    async def all_collections(self, **_: object) -> Collections:
        """Answer `GET /collections`."""
        found = [await self.get_collection(name) for name in sorted(self.collections)]
        links = [_link("root", "/", self.root), _link("self", "/collections", self.root)]
        count = len(found)
        counts = {"numberMatched": count, "numberReturned": count}
        return cast("Collections", {"collections": found, "links": links, **counts})

    async def get_collection(self, collection_id: str, **_: object) -> Collection:
        """Answer `GET /collections/{collection_id}`."""
        if collection_id not in self.collections:
            raise NotFoundError(f"Collection {collection_id} does not exist.")
        collection = self.collections[collection_id]
        here = f"/collections/{collection_id}"
        links = [_link("self", here, self.root), _link("parent", "/", self.root)]
        links += [_link("root", "/", self.root), _link("items", f"{here}/items", self.root)]
        links += _extra(collection.get("links", []))
        return cast("Collection", {**collection, "links": links})

    def _answer(self, search: LeanSearch, request: Request, body: Json | None) -> ItemCollection:
        rows = self.store.select(search.filters(), search.sort())
        try:
            limit = search.limit or _DEFAULT_LIMIT
            page = cut_page(self.store, rows, limit=limit, token=search.token)
        except TokenError as error:
            raise HTTPException(400, str(error)) from error
        features = b",".join(self._feature(row, search) for row in page.rows.tolist())
        links = orjson.dumps(self._page_links(page, request, body))
        text = b'{"type":"FeatureCollection","features":[%b],"links":%b,"numberReturned":%d}'
        answer = _geojson(text % (features, links, page.rows.size))
        return cast("ItemCollection", answer)

    def _feature(self, row: int, search: LeanSearch) -> bytes:
        include, exclude = search.include(), search.exclude()
        if not include and not exclude:
            return self._written[row]
        item = self.store.items[row]
        kept = select_fields(item, include, exclude)
        if links_wanted(include, exclude):
            kept["links"] = self._item_links(item, kept.get("links", []))
        return orjson.dumps(kept)

    def _item_links(self, item: Json, links: list[Json]) -> list[Json]:
        parent = f"/collections/{item['collection']}"
        here = f"{parent}/items/{item['id']}"
        inferred = [_link("collection", parent, self.root), _link("parent", parent, self.root)]
        inferred += [_link("root", "/", self.root), _link("self", here, self.root)]
        return inferred + _extra(links)

    def _page_links(self, page: Page, request: Request, body: Json | None) -> list[Json]:
        links = [_link("root", "/", self.root), _link("self", "/search", self.root)]
        for rel, token in (("next", page.following), ("previous", page.previous)):
            if token is not None:
                links.append(_page_link(rel, token, request, body))
        return links


def create_app() -> RequestCounter:
    """Make the app for the catalog named by the environment."""
    folder = Path(os.environ[CATALOG_VARIABLE])
    collections = {c["id"]: c for c in read(folder / COLLECTIONS_FILE)}
    query, sort, token = QueryExtension(), SearchSortExtension(), TokenPaginationExtension()
    extensions = [query, sort, FieldsExtension(), token]
    client = LeanClient(
        store=Store(read(folder / ITEMS_FILE)),
        collections=collections,
        root=os.environ[URL_VARIABLE],
    )
    api = StacApi(
        settings=ApiSettings(),
        client=client,
        extensions=extensions,
        response_class=JSONResponse,
        search_post_request_model=LeanSearch,
        search_get_request_model=create_get_request_model(extensions),
        items_get_request_model=create_get_request_model([token], base_model=ItemCollectionUri),
    )
    return RequestCounter(api.app)


def _search_from_get(parameters: Json) -> LeanSearch:
    """Read a search from the parameters of a GET, which have forms of their own."""
    values = {name: value for name, value in parameters.items() if value is not None}
    for name in {"query", "intersects"} & values.keys():
        values[name] = orjson.loads(values[name])
    if "sortby" in values:
        values["sortby"] = [_sort_from_get(text) for text in values["sortby"]]
    if "fields" in values:
        dropped = {name[1:] for name in values["fields"] if name.startswith("-")}
        kept = {name.removeprefix("+") for name in values["fields"] if not name.startswith("-")}
        values["fields"] = {"include": kept, "exclude": dropped}
    try:
        return LeanSearch(**values)
    except ValidationError as error:
        raise HTTPException(400, f"Invalid parameters provided {error}") from error


def _sort_from_get(text: str) -> Json:
    direction = "desc" if text.startswith("-") else "asc"
    return {"field": text.lstrip("+-").strip(), "direction": direction}


def _page_link(rel: str, token: str, request: Request, body: Json | None) -> Json:
    link = {"rel": rel, "type": "application/geo+json", "method": request.method}
    if body is None:
        return {**link, "href": str(request.url.include_query_params(token=token))}
    return {**link, "href": str(request.url), "body": {**body, "token": token}}


def _geojson(text: bytes) -> Response:
    """Return encoded JSON, which stac-fastapi sends unchanged."""
    return Response(text, media_type="application/geo+json")


def _link(rel: str, path: str, root: str) -> Json:
    media_type = "application/geo+json" if "/items" in path else "application/json"
    return {"rel": rel, "type": media_type, "href": root + path}


def _extra(links: list[Json]) -> list[Json]:
    return [link for link in links if link["rel"] not in _INFERRED_LINKS]
