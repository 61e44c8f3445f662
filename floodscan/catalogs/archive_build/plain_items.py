"""Items as an API sends them → items that stac-geoparquet can hold, without secrets."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import shapely
from shapely.geometry import mapping, shape

from floodscan.catalogs.found_items import locate
from floodscan.catalogs.hrefs import RefusedHrefError, resolve, unsigned
from floodscan.catalogs.item_table import parse_time
from floodscan.catalogs.page_json import WholeItem, without_odd_members

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]

_PLANE, _SPACE = 4, 6
_EMPTY = {"type": "Polygon", "coordinates": []}
_TIMES = (
    *("datetime", "start_datetime", "end_datetime", "created", "updated"),
    *("expires", "published", "unpublished"),
)
"""Properties that stac-geoparquet stores as times."""


def make_plain(item: WholeItem, page_url: str, collection: str, *, without_links: bool) -> Json:
    """Make an item plain: absolute hrefs without signatures, and no value of a wrong type.

    Args:
        item: The item.
        page_url: Address of its page.
        collection: Collection of an item that names none.
        without_links: Whether searches of this API ask for items without their links.
    """
    # hrefs become what a search makes of them, so that both give the same results
    seen = WholeItem(item.id, collection=item.collection) if without_links else item
    find = partial(locate, seen, page_url, collection, without_links=without_links)
    content = without_odd_members(orjson.loads(item.text))
    plain: Json = clean_hrefs(content, find)
    extensions = plain.get("stac_extensions")
    return {
        "type": "Feature",
        "stac_version": str(plain.get("stac_version") or "1.0.0"),
        "stac_extensions": extensions if isinstance(extensions, list) else [],
        "id": item.id,
        "collection": item.collection or collection,
        **_make_place(plain),
        "links": [each for each in plain.get("links") or [] if isinstance(each, dict)],
        "assets": {key: _drop_nulls(asset) for key, asset in plain.get("assets", {}).items()},
        "properties": _make_properties(plain.get("properties", {})),
    }


def clean_hrefs(value: Any, find: Callable[[], str | None]) -> Any:  # noqa: ANN401 - JSON
    """Make all hrefs in a JSON value absolute, and remove credentials from them.

    An href that is no address of a file stays: readers refuse it.
    """
    if isinstance(value, list):
        if value and isinstance(value[0], float | int | str):  # most are, and take most time
            return value
        return [clean_hrefs(each, find) for each in value]
    if not isinstance(value, dict):
        return value
    cleaned = {name: clean_hrefs(each, find) for name, each in value.items()}
    if isinstance(href := cleaned.get("href"), str) and href:
        with suppress(RefusedHrefError):
            href = resolve(href, find)
        cleaned["href"] = unsigned(href)
    return cleaned


def _make_place(item: Json) -> Json:
    """Return a geometry that can be read, and a flat bbox; None where there is none."""
    found, geometry = None, item.get("geometry")
    if geometry is not None:
        try:
            found = shape(geometry)
            geometry = mapping(found)
        except (shapely.GEOSException, AttributeError, LookupError, TypeError, ValueError):
            found, geometry = None, _EMPTY  # as when a search reads it
    bbox = _flatten(item.get("bbox"))
    if bbox is None and found is not None and not found.is_empty:
        bbox = list(found.bounds)
    return {"geometry": geometry, "bbox": bbox}


def _flatten(bbox: list[Any] | None) -> list[float] | None:
    if bbox is None or len(bbox) not in {_PLANE, _SPACE}:
        return None
    half = len(bbox) // 2
    try:
        return [float(edge) for edge in (*bbox[:2], *bbox[half : half + 2])]
    except (TypeError, ValueError):
        return None


def _make_properties(properties: Json) -> Json:
    """Write times in one form; one that can't be read is missing, as when a search reads it."""
    times = {name: parse_time(properties[name]) for name in _TIMES if name in properties}
    texts = {name: time and time.isoformat() for name, time in times.items()}
    return _drop_nulls(properties) | {"datetime": None} | texts


def _drop_nulls(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}
