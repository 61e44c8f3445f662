"""Turn decoded STAC items into an ITEMS table; foreign JSON goes no further than this module."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.catalogs.hrefs import RefusedHrefError, resolve, unsigned
from floodscan.catalogs.page_json import (
    GRID_PREFIX,
    SCENE_PROPERTIES,
    STAC_NAMES,
    TIME_PROPERTIES,
    Properties,
)
from floodscan.catalogs.raster_grids import coerce_number, parse_grids
from floodscan.geometry.footprints import parse_footprints
from floodscan.schemas import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from floodscan.catalogs.page_json import Item

    Locate = Callable[[Item], str | None]


def parse_items(
    items: Sequence[Item],
    *,
    collection: str,
    assets: Sequence[str],
    locate: Locate | None = None,
) -> pa.Table:
    """Read items into an ITEMS table.

    Args:
        items: Decoded STAC items, shape (n,).
        collection: Collection of the items that name none.
        assets: Keys of the assets to keep.
        locate: Returns the address of an item, to which its relative hrefs refer; without it they
            stay as they are.

    Returns:
        ITEMS table of n rows in the order of the items. Values of a wrong type count as missing.
    """
    properties = _columns_of([item.properties or Properties() for item in items])
    footprints, extents = parse_footprints(
        [_geometry(item) for item in items], [item.bbox for item in items]
    )
    edges, shapes = parse_grids(items, assets)
    hrefs, refused = _parse_assets(items, assets, locate)
    columns = {
        "collection": [item.collection or collection for item in items],
        "item_id": [item.id for item in items],
        "datetime": _parse_times(properties),
        **{name: _column(name, properties) for name in SCENE_PROPERTIES},
        "mgrs_tile": name_tiles(_column("mgrs_tile", properties)),
        "proj_bbox": edges,
        "proj_shapes": shapes,
        "refused_assets": refused,
        "assets": hrefs,
        "geometry": shapely.to_wkb(footprints),
        "extent": shapely.to_wkb(extents),
    }
    return check_table(pa.table(columns, schema=ITEMS), ITEMS)


def _columns_of(properties: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the values of each STAC property, shape (n,)."""
    rows = map(msgspec.structs.astuple, properties)
    return dict(
        zip(STAC_NAMES, list(zip(*rows, strict=True)) or [()] * len(STAC_NAMES), strict=True)
    )


def _parse_times(properties: Mapping[str, Sequence[Any]]) -> pa.Array:
    """Read ``datetime`` or else ``start_datetime``; null if neither is a time."""
    kind = ITEMS.field("datetime").type
    texts, starts = (properties[name] for name in TIME_PROPERTIES)
    if set(map(type, texts)) <= {str}:
        with suppress(pa.ArrowException):
            return pa.array(texts, pa.string()).cast(kind)
    times = [
        parse_time(text) or parse_time(start) for text, start in zip(texts, starts, strict=True)
    ]
    return pa.array(times, kind)


def parse_time(text: object) -> datetime | None:
    """Read one ISO 8601 time, with a ``T`` or a blank, and in UTC if it has no zone.

    Returns:
        The time in UTC; None for anything else.
    """
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _geometry(item: Item) -> bytes | None:
    text = bytes(item.geometry)
    return text if text.startswith(b"{") else None


def _column(name: str, properties: Mapping[str, Sequence[Any]]) -> pa.Array:
    values, *others = (properties[source] for source in SCENE_PROPERTIES[name])
    for other in others:
        values = [
            found if value is None else value for value, found in zip(values, other, strict=True)
        ]
    kind = ITEMS.field(name).type
    if set(map(type, values)) <= _EXPECTED[str(kind)]:
        with suppress(pa.ArrowException, OverflowError):
            return pa.array(values, kind)
    return coerce_values(values, kind)


def name_tiles(texts: pa.Array) -> pa.Array:
    """Return names of tiles without what ``grid:code`` has before them."""
    return pc.replace_substring(texts, GRID_PREFIX, "", max_replacements=1)


def coerce_values(values: Iterable[object], kind: pa.DataType) -> pa.Array:
    """Make a column of ITEMS from values of any type; a value of a wrong type is null."""
    return pa.array(map(_COERCE[str(kind)], values), kind)


def _coerce_int32(value: object) -> int | None:
    if isinstance(value, str):
        code = _EPSG.fullmatch(value)
        return int(code[1]) if code else None
    number = coerce_number(value)
    whole = number is not None and number.is_integer() and abs(number) <= np.iinfo(np.int32).max
    return int(number) if whole and number is not None else None


def _coerce_text(value: object) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _coerce_texts(value: object) -> list[str] | None:
    return [str(v) for v in value] if isinstance(value, list) else None


_NONE = type(None)
_EPSG = re.compile(r"EPSG:([0-9]{4,6})")  # the form of ``proj:code`` in newer items
_EXPECTED: dict[str, set[type]] = {
    "double": {float, int, _NONE},
    "int32": {int, _NONE},
    "string": {str, _NONE},
    "list<item: string>": {list, _NONE},
}
_COERCE: dict[str, Callable[[object], object]] = {
    "double": coerce_number,
    "int32": _coerce_int32,
    "string": _coerce_text,
    "list<item: string>": _coerce_texts,
}


def _parse_assets(
    items: Sequence[Item], wanted: Sequence[str], locate: Locate | None
) -> tuple[pa.MapArray, pa.Array]:
    """Read the unsigned hrefs of the wanted assets, by key; an asset without an href is missing.

    Returns:
        Key → href of each item, and key → reason of its refused hrefs (null without any).
    """
    assets = [item.assets or {} for item in items]
    found = [asset and asset.href for each in assets for asset in map(each.get, wanted)]
    hrefs, refused = _resolve(_texts(found), items, wanted, locate)
    there = pc.binary_length(hrefs).to_numpy(zero_copy_only=False) > 0  # null is not above 0
    places = np.flatnonzero(there)
    ends = np.searchsorted(places, np.arange(len(items) + 1) * len(wanted))
    keys = pa.array(wanted, pa.string()).take(pa.array(places % len(wanted)))
    hrefs = hrefs if there.all() else hrefs.take(pa.array(places))
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), keys, _unsign(hrefs)), refused


def _resolve(
    hrefs: pa.Array, items: Sequence[Item], wanted: Sequence[str], locate: Locate | None
) -> tuple[pa.Array, pa.Array]:
    """Make the hrefs of all items absolute, and refuse those that are no addresses of files.

    Returns:
        The hrefs, null where they are refused; and key → reason of each item.
    """
    kind = ITEMS.field("refused_assets").type
    plain = pc.fill_null(pc.starts_with(hrefs, "https://"), True).to_numpy(zero_copy_only=False)
    if plain.all():
        return hrefs, pa.nulls(len(items), kind)
    texts = hrefs.to_pylist()
    refused: dict[int, list[tuple[str, str]]] = {}
    for place in np.flatnonzero(~plain).tolist():
        row, column = divmod(place, len(wanted))
        try:
            texts[place] = resolve(texts[place], lambda: locate and locate(items[row]))  # noqa: B023 - called at once
        except RefusedHrefError as err:
            texts[place] = None
            refused.setdefault(row, []).append((wanted[column], str(err)))
    return pa.array(texts, pa.string()), pa.array(map(refused.get, range(len(items))), kind)


def _texts(values: list[object]) -> pa.Array:
    """Make an array of texts; other values are null."""
    with suppress(pa.ArrowException):
        return pa.array(values, pa.string())
    return pa.array([value if isinstance(value, str) else None for value in values], pa.string())


def _unsign(hrefs: pa.Array) -> pa.Array:
    # one search through the bytes of all hrefs is fifty times faster than one through each href
    written = hrefs.buffers()[2]
    text = b"" if written is None else written.to_pybytes()
    if b"?" not in text and b"@" not in text:
        return hrefs
    return pa.array(map(unsigned, hrefs.to_pylist()), pa.string())
