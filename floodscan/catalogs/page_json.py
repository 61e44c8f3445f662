"""Decode the pages of a search: only the members that floodscan uses become objects.

An item of Planetary Computer is 15 KB of JSON, of which floodscan uses 3 KB. Typed structs skip the
rest, which takes a fifth of the CPU of a full parse. They contain no cycles, so that the garbage
collector does not have to track them (``gc=False``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

SCENE_PROPERTIES = {
    "cloud_cover": ("eo:cloud_cover",),
    "relative_orbit": ("sat:relative_orbit",),
    "orbit_state": ("sat:orbit_state",),
    "platform": ("platform",),
    "datatake_id": ("s1:datatake_id", "s2:datatake_id"),
    "mgrs_tile": ("s2:mgrs_tile",),
    "processing_baseline": ("s2:processing_baseline",),
    "polarizations": ("sar:polarizations",),
    "proj_epsg": ("proj:epsg", "proj:code"),
}
"""Column of ITEMS → the STAC properties it is read from; the first one that is there counts."""

EDGES = "proj:bbox"
"""Field of an asset with the edges of its raster.

It is read from the first wanted asset only, because the assets of an item share their edges.
"""

TIME_PROPERTIES = ("datetime", "start_datetime")

STAC_NAMES = (*TIME_PROPERTIES, *(name for names in SCENE_PROPERTIES.values() for name in names))
"""The STAC properties that floodscan uses, of all collections."""


def field_name(stac_name: str) -> str:
    """Return the name of the field of ``Properties`` for a STAC property."""
    return stac_name.replace(":", "_")


Properties = msgspec.defstruct(
    "Properties",
    [(field_name(name), Any, msgspec.field(name=name, default=None)) for name in STAC_NAMES],
    gc=False,
)
"""An item's properties, each with its JSON value; None if it is missing."""


class Asset(msgspec.Struct, gc=False):
    """A file of an item."""

    href: Any = None
    edges: msgspec.Raw = msgspec.field(
        name=EDGES, default=msgspec.Raw(b"null")
    )  # most are never decoded


class Item(msgspec.Struct, gc=False):
    """A STAC item, or a part of one; only ``id`` is required."""

    id: str
    collection: str | None = None
    geometry: msgspec.Raw = msgspec.Raw(b"null")  # its numbers go straight into arrays
    bbox: list[Any] | None = None
    properties: Properties | None = None  # type: ignore[valid-type]  # defined at run time
    assets: dict[str, Asset | None] | None = None


class Page(msgspec.Struct):
    """A page of items; ``features`` is None if the document is something else."""

    features: list[Item] | None = None
    links: list[dict[str, Any]] = []
    matched: Any = msgspec.field(name="numberMatched", default=None)


_PAGE = msgspec.json.Decoder(Page)
_ITEMS = msgspec.json.Decoder(list[Item])


def decode_page(text: str | bytes) -> Page:
    """Decode a page.

    Raises:
        ValueError: The text is not JSON, or holds an item without an id.
    """
    try:
        return _PAGE.decode(text)
    except msgspec.ValidationError:
        return _decode_odd(text)
    except msgspec.DecodeError as err:
        raise ValueError(f"the answer is not JSON: {err}") from err


def decode_items(features: Iterable[object]) -> list[Item]:
    """Decode items that are Python objects already.

    Raises:
        ValueError: An item has no id.
    """
    try:
        return _ITEMS.decode(orjson.dumps([_without_odd_members(feature) for feature in features]))
    except (msgspec.ValidationError, TypeError) as err:
        raise ValueError(f"the answer holds an invalid item: {err}") from err


def _decode_odd(text: str | bytes) -> Page:
    """Decode a page with members of a wrong type, which count as missing."""
    raw = orjson.loads(text)
    features = raw.get("features") if isinstance(raw, dict) else None
    links = raw.get("links") if isinstance(raw, dict) else None
    return Page(
        features=decode_items(features) if isinstance(features, list) else None,
        links=[link for link in links if isinstance(link, dict)] if isinstance(links, list) else [],
        matched=raw.get("numberMatched") if isinstance(raw, dict) else None,
    )


def _without_odd_members(feature: object) -> object:
    if not isinstance(feature, dict):
        return feature
    kinds = {"collection": str, "geometry": dict, "bbox": list, "properties": dict, "assets": dict}
    kept = {
        name: value for name, value in feature.items() if isinstance(value, kinds.get(name, object))
    }
    if "assets" in kept:
        kept["assets"] = {
            key: asset for key, asset in feature["assets"].items() if isinstance(asset, dict)
        }
    return kept
