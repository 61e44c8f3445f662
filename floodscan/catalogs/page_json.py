"""A page of a search's answer, decoded from its bytes into what is used of it and nothing else.

An item of Planetary Computer is 15 KB of JSON, of which 3 are used. Decoding into typed structs
passes over the rest without making objects of it, and takes a fifth of the CPU that a full parse
does. Structs hold no cycles, so that the garbage collector need not know of them.
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
"""Column of ITEMS → the STAC properties it is read from, the first that an item has."""

EDGES = "proj:bbox"
"""Field of an asset that tells the edges of its raster. It is read of the first asset asked for: all share it."""

TIME_PROPERTIES = ("datetime", "start_datetime")

STAC_NAMES = (*TIME_PROPERTIES, *(name for names in SCENE_PROPERTIES.values() for name in names))
"""The STAC properties that are used, of whatever collection."""


def field_name(stac_name: str) -> str:
    """Name the field of ``Properties`` that holds a STAC property."""
    return stac_name.replace(":", "_")


Properties = msgspec.defstruct(
    "Properties",
    [(field_name(name), Any, msgspec.field(name=name, default=None)) for name in STAC_NAMES],
    gc=False,
)
"""An item's properties, each as JSON has it; None where it is missing."""


class Asset(msgspec.Struct, gc=False):
    """A file of an item."""

    href: Any = None
    edges: msgspec.Raw = msgspec.field(
        name=EDGES, default=msgspec.Raw(b"null")
    )  # decoded of one asset alone


class Item(msgspec.Struct, gc=False):
    """A STAC item, or the part of one that a server was asked for; only ``id`` must be there."""

    id: str
    collection: str | None = None
    geometry: msgspec.Raw = msgspec.Raw(
        b"null"
    )  # its numbers go into arrays, and never become objects
    bbox: list[Any] | None = None
    properties: Properties | None = None  # type: ignore[valid-type]  # a struct that is made from a table
    assets: dict[str, Asset | None] | None = None


class Page(msgspec.Struct):
    """What a search answers; ``features`` is None if the document is something else."""

    features: list[Item] | None = None
    links: list[dict[str, Any]] = []
    matched: Any = msgspec.field(name="numberMatched", default=None)


_PAGE = msgspec.json.Decoder(Page)
_ITEMS = msgspec.json.Decoder(list[Item])


def decode_page(text: str | bytes) -> Page:
    """Decode a page.

    Raises:
        ValueError: It is not JSON, or has items without an id.
    """
    try:
        return _PAGE.decode(text)
    except msgspec.ValidationError:
        return _decode_odd(text)
    except msgspec.DecodeError as err:
        raise ValueError(f"the answer is not JSON: {err}") from err


def decode_items(features: Iterable[object]) -> list[Item]:
    """Take what is used of items that are parsed JSON already.

    Raises:
        ValueError: One has no id.
    """
    try:
        return _ITEMS.decode(orjson.dumps([_without_odd_members(feature) for feature in features]))
    except (msgspec.ValidationError, TypeError) as err:
        raise ValueError(f"the answer holds an item that is none: {err}") from err


def _decode_odd(text: str | bytes) -> Page:
    """Decode a page that holds members of a wrong type, which then count as missing."""
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
