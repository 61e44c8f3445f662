"""Decode the pages of a search: only the members that floodscan uses become objects.

An item of Planetary Computer is 15 KB of JSON, of which floodscan uses 3 KB. Typed structs skip the
rest, which takes a fifth of the CPU of a full parse. They contain no cycles, so that the garbage
collector does not have to track them (``gc=False``).
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import numpy as np
import orjson

from floodscan.catalogs.limits import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

SCENE_PROPERTIES = {
    "cloud_cover": ("eo:cloud_cover",),
    "relative_orbit": ("sat:relative_orbit",),
    "orbit_state": ("sat:orbit_state",),
    "platform": ("platform",),
    "datatake_id": ("s1:datatake_id", "s2:datatake_id"),
    "mgrs_tile": ("s2:mgrs_tile", "grid:code"),
    "processing_baseline": ("s2:processing_baseline",),
    "polarizations": ("sar:polarizations",),
    "proj_epsg": ("proj:epsg", "proj:code"),
}
"""Column of ITEMS → the STAC properties it is read from; the first one that is there counts."""

GRID_PREFIX = "MGRS-"
"""Stands before the name of a tile in ``grid:code``."""

GRID_FIELDS = ("proj:bbox", "proj:shape", "proj:transform")
"""Edges, shape and transform of a raster: fields of an asset, or properties of the whole item."""

TIME_PROPERTIES = ("datetime", "start_datetime")

STAC_NAMES = (
    *TIME_PROPERTIES,
    *(name for names in SCENE_PROPERTIES.values() for name in names),
    *GRID_FIELDS,
)
"""The STAC properties that floodscan uses, of all collections."""


MAX_VALUES = 2**21
"""Most values of a page: twice those of 1000 items with all that they have.

Every value takes up to 200 bytes in memory, and as few as two in JSON.
"""


def field_name(stac_name: str) -> str:
    """Return the name of the field of ``Properties`` for a STAC property."""
    return stac_name.replace(":", "_")


_NULL = msgspec.Raw(b"null")

Properties = msgspec.defstruct(
    "Properties",
    [
        (field_name(name), msgspec.Raw, msgspec.field(name=name, default=_NULL))
        if name in GRID_FIELDS
        else (field_name(name), Any, msgspec.field(name=name, default=None))
        for name in STAC_NAMES
    ],
    gc=False,
)
"""An item's properties, each with its JSON value, or its JSON text for the grid.

None, or the text ``null``, stands for a missing one.
"""


class _BareAsset(msgspec.Struct, gc=False):
    """A file of an item, whose edges are those of another file."""

    href: Any = None
    shape: msgspec.Raw = msgspec.field(name="proj:shape", default=_NULL)


class Asset(_BareAsset, gc=False):
    """A file of an item."""

    # most are never decoded
    edges: msgspec.Raw = msgspec.field(name="proj:bbox", default=_NULL)
    transform: msgspec.Raw = msgspec.field(name="proj:transform", default=_NULL)


_AllAssets = dict[str, Asset | None]


class Item(msgspec.Struct, gc=False):
    """A STAC item, or a part of one; only ``id`` is required."""

    id: str
    links: msgspec.Raw = _NULL  # decoded only if an href is relative to the item
    collection: str | None = None
    geometry: msgspec.Raw = _NULL  # its numbers go straight into arrays
    bbox: list[Any] | None = None
    properties: Properties | None = None  # type: ignore[valid-type]  # defined at run time
    assets: Any = None  # ``_AllAssets``, or a struct of the wanted ones; None if it has none


class _AnyItem(Item, gc=False):
    """An item with all its assets."""

    assets: _AllAssets | None = None


class WholeItem(Item, gc=False):
    """An item with all that it has, as JSON text."""

    text: bytes = b""


class Page(msgspec.Struct):
    """A page of items.

    Attributes:
        features: Its items; None if the document is something else.
        links: Its links.
        matched: Number of items on all pages, if the server counts them.
        n_dropped: Number of features without a usable id, which are not among the items.
    """

    features: Sequence[Item] | None
    links: list[dict[str, Any]]
    matched: Any
    n_dropped: int = 0


class _Document(msgspec.Struct):
    """A page as it is written."""

    features: list[_AnyItem] | None = None
    links: list[dict[str, Any]] = []
    matched: Any = msgspec.field(name="numberMatched", default=None)


class _OddDocument(msgspec.Struct):
    """A page whose members may have a wrong type."""

    features: msgspec.Raw = _NULL
    links: msgspec.Raw = _NULL
    matched: msgspec.Raw = msgspec.field(name="numberMatched", default=_NULL)


_DOCUMENT = msgspec.json.Decoder(_Document)
_NO_ASSET = Asset()
_ODD_DOCUMENT = msgspec.json.Decoder(_OddDocument)
_ITEM = msgspec.json.Decoder(_AnyItem)
_ITEMS = msgspec.json.Decoder(list[_AnyItem])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def decode_page(
    text: str | bytes | bytearray,
    keys: Iterable[str] | None = None,
    edge_keys: Iterable[str] | None = None,
) -> Page:
    """Decode a page.

    A feature without an id, with an empty one, or with one that is no text is dropped and counted:
    nothing can refer to it.

    Args:
        text: The page.
        keys: Keys of the assets that ``take_assets`` may be asked for; None is all. The others are
            skipped: a large page is decoded faster if it takes less memory.
        edge_keys: Keys of the assets that may be the first of ``take_assets``, which gives an
            item its edges; None is all of ``keys``.

    Raises:
        TooLargeError: The page has so many values that they would take too much memory.
        ValueError: The text is not JSON.
    """
    _check_values(text)
    try:
        if keys is None:
            found = _DOCUMENT.decode(text)
        else:
            distinct = tuple(dict.fromkeys(keys))
            found = _decoder_for(distinct, frozenset(edge_keys or distinct)).decode(text)
    except msgspec.ValidationError:
        return _decode_odd(text, _decode_item)
    except msgspec.DecodeError as err:
        raise ValueError(f"the answer is not JSON: {err}") from err
    page = Page(found.features, found.links, found.matched)
    if page.features and not all(item.id for item in page.features):
        page.features = [item for item in page.features if item.id]
        page.n_dropped = len(found.features or ()) - len(page.features)
    return page


@lru_cache(maxsize=32)
def _decoder_for(
    keys: tuple[str, ...], edge_keys: frozenset[str]
) -> msgspec.json.Decoder[_Document]:
    """Make a decoder of pages that skips all other assets."""
    fields = [
        (
            f"asset_{number}",
            (Asset if key in edge_keys else _BareAsset) | None,
            msgspec.field(name=key, default=None),
        )
        for number, key in enumerate(keys)
    ]
    assets = msgspec.defstruct("Assets", fields, gc=False)
    item = msgspec.defstruct("Item", [("assets", assets | None, None)], bases=(Item,), gc=False)
    features = [("features", list[item] | None, None)]  # type: ignore[valid-type]  # as above
    return msgspec.json.Decoder(msgspec.defstruct("Document", features, bases=(_Document,)))


def take_assets(items: Iterable[Item], keys: Sequence[str]) -> list[Asset]:
    """Return some assets of decoded items, in the order of the keys.

    Returns:
        Shape (n · keys,): the assets of an item together; an empty one if it is missing.
    """
    found: list[Asset | None] = []
    takers: dict[type, Callable[[Any], Iterable[Asset | None]]] = {}
    for item in items:
        kind = type(item.assets)
        if kind not in takers:
            takers[kind] = _taker_of(kind, keys)
        found += takers[kind](item.assets)
    if all(found):
        return cast("list[Asset]", found)
    return [asset or _NO_ASSET for asset in found]


def _taker_of(kind: type, keys: Sequence[str]) -> Callable[[Any], Iterable[Asset | None]]:
    """Return a function that takes assets from ``Item.assets`` of some type."""
    if not issubclass(kind, msgspec.Struct):
        return lambda assets: map((assets or {}).get, keys)
    if kind.__struct_encode_fields__ == tuple(keys):
        return msgspec.structs.astuple
    places = [*map(kind.__struct_encode_fields__.index, keys)]
    if not places[1:]:  # ``itemgetter`` of one place returns no tuple
        return lambda assets: map(msgspec.structs.astuple(assets).__getitem__, places)
    take = itemgetter(*places)
    return lambda assets: take(msgspec.structs.astuple(assets))


def decode_whole_page(
    text: bytes | bytearray,
    keys: Iterable[str] | None = None,
    edge_keys: Iterable[str] | None = None,
) -> Page:
    """Decode a page, and keep the text of each item, which has all its assets.

    Raises:
        TooLargeError: The page has so many values that they would take too much memory.
        ValueError: The text is not JSON.
    """
    del keys, edge_keys
    _check_values(text)
    try:
        return _decode_odd(text, _decode_whole_item)
    except msgspec.DecodeError as err:
        raise ValueError(f"the answer is not JSON: {err}") from err


def _check_values(text: str | bytes | bytearray) -> None:
    if len(text) > MAX_VALUES and _count_values(text) > MAX_VALUES:
        raise TooLargeError(f"more than {MAX_VALUES} values")


def _count_values(text: str | bytes | bytearray) -> int:
    """Count what stands before a value; commas in texts count too.

    numpy counts frequent bytes four times as fast as ``bytes.count``.
    """
    content = np.frombuffer(text.encode() if isinstance(text, str) else text, dtype=np.uint8)
    return sum(int(np.count_nonzero(content == sign)) for sign in b",[{")


def decode_items(features: Iterable[object]) -> Sequence[Item]:
    """Decode items that are Python objects already.

    Raises:
        ValueError: An item has no id.
    """
    try:
        return _ITEMS.decode(orjson.dumps([without_odd_members(feature) for feature in features]))
    except (msgspec.ValidationError, TypeError) as err:
        raise ValueError(f"the answer holds an invalid item: {err}") from err


def _decode_odd(
    text: str | bytes | bytearray, decode_item: Callable[[msgspec.Raw], Item | None]
) -> Page:
    """Decode a page with members of a wrong type, which count as missing.

    Only one odd item at a time becomes Python objects, which take much more memory than its text.
    """
    try:
        found = _ODD_DOCUMENT.decode(text)
    except msgspec.ValidationError:
        return Page(None, [], None)
    links = [orjson.loads(bytes(link)) for link in _decode_as(_RAWS, found.links) or []]
    page = Page(None, [link for link in links if isinstance(link, dict)], None)
    page.matched = orjson.loads(bytes(found.matched))
    features = _decode_as(_RAWS, found.features)
    if features is not None:
        items = map(decode_item, features)
        page.features = [item for item in items if item is not None and item.id]
        page.n_dropped = len(features) - len(page.features)
    return page


def _decode_as(decoder: msgspec.json.Decoder[T], text: msgspec.Raw) -> T | None:
    """Decode a value; None if it is of another type."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        return None


def _decode_item(text: msgspec.Raw) -> Item | None:
    """Decode an item whose members may have a wrong type; None if it has no id."""
    item = _decode_as(_ITEM, text)
    if item is not None:
        return item
    try:
        return _ITEM.decode(orjson.dumps(without_odd_members(orjson.loads(bytes(text)))))
    except (msgspec.ValidationError, TypeError):
        return None


def _decode_whole_item(text: msgspec.Raw) -> WholeItem | None:
    item = _decode_item(text)
    if item is None:
        return None
    return WholeItem(item.id, item.links, item.collection, text=bytes(text))


def without_odd_members(feature: object) -> object:
    """Return a decoded item without the members that have a wrong type."""
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
