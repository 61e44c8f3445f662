"""Turn decoded STAC items into an ITEMS table; foreign JSON goes no further than this module."""

from __future__ import annotations

import itertools
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from floodscan.catalogs.hrefs import RefusedHrefError, resolve, unsigned
from floodscan.catalogs.page_json import (
    GRID_FIELDS,
    GRID_PREFIX,
    SCENE_PROPERTIES,
    STAC_NAMES,
    TIME_PROPERTIES,
    Properties,
    take_assets,
)
from floodscan.catalogs.raster_grids import coerce_number, parse_grids
from floodscan.catalogs.repeated import repeat, repeat_keys
from floodscan.geometry.footprints import parse_footprints
from floodscan.schemas import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from floodscan.catalogs.page_json import Item
    from floodscan.geometry.footprints import Geometries

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
        assets: Keys of the assets to keep; they are among those that were decoded.
        locate: Returns the address of an item, to which its relative hrefs refer; without it they
            stay as they are.

    Returns:
        ITEMS table of n rows in the order of the items. Values of a wrong type count as missing.
    """
    (table,) = parse_groups([ItemGroup(items, collection, assets)], locate=locate)
    return table


class ItemGroup(NamedTuple):
    """Items of one collection; the attributes are those of ``parse_items``."""

    items: Sequence[Item]
    collection: str
    assets: Sequence[str]


def parse_groups(groups: Sequence[ItemGroup], *, locate: Locate | None = None) -> list[pa.Table]:
    """Read the items of each group as ``parse_items`` does.

    The columns that do not depend on the assets are made for all groups together: that takes little
    longer than for one.
    """
    items = [*itertools.chain.from_iterable(group.items for group in groups)]
    properties = _columns_of([item.properties or _NO_PROPERTIES for item in items])
    footprints, extents = _parse_outlines(items)
    common = {
        **_parse_properties(items, properties),
        "geometry": footprints,
        "extent": extents,
    }
    tables, start = [], 0
    for group in groups:
        n_rows = len(group.items)
        grids = {name: properties[name][start : start + n_rows] for name in GRID_FIELDS}
        columns = {name: column.slice(start, n_rows) for name, column in common.items()}
        columns |= _parse_assets(group, grids, locate)
        # ``pa.table`` takes several times as long
        rows = pa.RecordBatch.from_arrays([columns[name] for name in _KINDS], schema=ITEMS)
        tables.append(check_table(pa.Table.from_batches([rows]), ITEMS))
        start += n_rows
    return tables


def _parse_assets(
    group: ItemGroup, grids: Mapping[str, Sequence[msgspec.Raw]], locate: Locate | None
) -> dict[str, pa.Array]:
    """Make the columns that depend on the collection and its assets.

    Args:
        group: The items.
        grids: ``GRID_FIELDS`` of the whole items, shape (n,) each.
        locate: As in ``parse_items``.
    """
    items, collection, assets = group
    wanted = take_assets(items, assets)
    edges, shapes = parse_grids(wanted, grids, assets)
    hrefs, refused = _parse_hrefs([asset.href for asset in wanted], items, assets, locate)
    return {
        "collection": _name_collections(items, collection),
        "proj_bbox": edges,
        "proj_shapes": shapes,
        "refused_assets": refused,
        "assets": hrefs,
    }


def _name_collections(items: Sequence[Item], collection: str) -> pa.Array:
    names = [item.collection or collection for item in items]
    if names.count(collection) == len(names):
        return repeat("collection", collection, len(names))
    return pa.array(names, pa.string())


def _parse_outlines(items: Sequence[Item]) -> tuple[pa.Array, pa.Array]:
    """Read the footprints, and the extents of the empty ones; both as WKB.

    Scenes of one tile, or of one frame of an orbit, often have the same footprint: so each distinct
    one is read once, unless items need their bboxes.
    """
    texts = [bytes(item.geometry) for item in items]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    footprints, extents = parse_footprints([*map(_object, distinct)], [None] * len(distinct))
    if shapely.is_geometry(extents).any():
        footprints, extents = parse_footprints(
            [*map(_object, texts)], [item.bbox for item in items]
        )
        return _write_wkb(footprints), _write_wkb(extents)
    written = _write_wkb(footprints)
    if len(distinct) < len(texts):
        written = written.take(pa.array(map(distinct.get, texts), pa.int32()))
    return written, pa.nulls(len(texts), pa.binary())


def _object(text: bytes) -> bytes | None:
    return text if text.startswith(b"{") else None


def _write_wkb(geometries: Geometries) -> pa.Array:
    return pa.array(shapely.to_wkb(geometries), pa.binary())


def _columns_of(properties: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the values of each STAC property, shape (n,)."""
    rows = map(msgspec.structs.astuple, properties)
    return dict(
        zip(STAC_NAMES, list(zip(*rows, strict=True)) or [()] * len(STAC_NAMES), strict=True)
    )


def _parse_properties(
    items: Sequence[Item], properties: Mapping[str, Sequence[Any]]
) -> dict[str, pa.Array]:
    """Make the columns of ITEMS that are an id or properties."""
    values = {name: _coalesce(name, properties) for name in SCENE_PROPERTIES}
    values["item_id"] = [item.id for item in items]
    columns = {"datetime": _parse_times(properties)}
    for names in _ALIKE.values():
        columns |= _parse_alike({name: values[name] for name in names})
    if _contain(columns["mgrs_tile"], GRID_PREFIX):
        columns["mgrs_tile"] = name_tiles(columns["mgrs_tile"])
    return columns


def _parse_times(properties: Mapping[str, Sequence[Any]]) -> pa.Array:
    """Read ``datetime`` or else ``start_datetime``; null if neither is a time."""
    kind = _KINDS["datetime"]
    texts, starts = (properties[name] for name in TIME_PROPERTIES)
    if set(map(type, texts)) == {str} and min(texts) >= _FIRST_YEAR and max(texts) < _LAST_YEAR:
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


def _coalesce(column: str, properties: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
    """Return the values of a column of ITEMS, each from the first property that has one."""
    values, *others = (properties[source] for source in SCENE_PROPERTIES[column])
    for other in others:
        if None in values:
            values = tuple(
                [
                    instead if value is None else value
                    for value, instead in zip(values, other, strict=True)
                ]
            )
    return values


def _parse_alike(values: Mapping[str, Sequence[object]]) -> dict[str, pa.Array]:
    """Make columns of one type, together: that takes as long as one of them."""
    kind = _KINDS[next(iter(values))]
    together = [*itertools.chain.from_iterable(values.values())]
    if set(map(type, together)) <= _EXPECTED[str(kind)]:
        with suppress(pa.ArrowException, OverflowError):
            column = pa.array(together, kind)
            if pa.types.is_list(kind) and column.values.null_count:
                raise pa.ArrowInvalid("an empty entry of a list")
            n_rows = len(together) // len(values)
            return {name: column.slice(at * n_rows, n_rows) for at, name in enumerate(values)}
    if len(values) == 1:
        return {name: coerce_values(column, kind) for name, column in values.items()}
    columns: dict[str, pa.Array] = {}
    for name, column in values.items():
        columns |= _parse_alike({name: column})
    return columns


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
    if not isinstance(value, list):
        return None
    return [str(each) for each in value if each is not None]


_FIRST_YEAR, _LAST_YEAR = "0002", "9999"
"""Times of these years, up to the last one, are in the years 1 to 9999 in UTC as well.

Python has no others.
"""
_PLAIN = "https://"
_NONE = type(None)
_NO_PROPERTIES = Properties()
_KINDS = {field.name: field.type for field in ITEMS}
_EPSG = re.compile(r"EPSG:([0-9]{4,6})")  # the form of ``proj:code`` in newer items
_EXPECTED: dict[str, set[type]] = {
    "double": {float, int, _NONE},
    "int32": {int, _NONE},
    "string": {str, _NONE},
    "list<item: string>": {list, _NONE},
}
_ALIKE = {
    kind: [name for name in ("item_id", *SCENE_PROPERTIES) if str(_KINDS[name]) == kind]
    for kind in _EXPECTED
}
_COERCE: dict[str, Callable[[object], object]] = {
    "double": coerce_number,
    "int32": _coerce_int32,
    "string": _coerce_text,
    "list<item: string>": _coerce_texts,
}


def _parse_hrefs(
    found: list[object], items: Sequence[Item], wanted: Sequence[str], locate: Locate | None
) -> tuple[pa.MapArray, pa.Array]:
    """Read the unsigned hrefs of the wanted assets, by key; an asset without an href is missing.

    Args:
        found: Hrefs of the wanted assets, shape (n · wanted,): those of an item together.
        items: The items, shape (n,).
        wanted: Keys of the assets.
        locate: As in ``parse_items``.

    Returns:
        Key → href of each item, and key → reason of its refused hrefs (null without any).
    """
    hrefs = _texts(found)
    if _are_plain(hrefs):
        ends, keys = repeat_keys(tuple(wanted), len(items))
        refused = pa.nulls(len(items), _KINDS["refused_assets"])
    else:
        hrefs, refused = _resolve(hrefs, items, wanted, locate)
        there = np.asarray(pc.binary_length(hrefs)) > 0  # null is not above 0
        places = np.flatnonzero(there)
        ends = pa.array(
            np.searchsorted(places, np.arange(len(items) + 1) * len(wanted)), pa.int32()
        )
        keys = pa.array(wanted, pa.string()).take(pa.array(places % len(wanted)))
        hrefs = hrefs if there.all() else hrefs.take(pa.array(places))
    return pa.MapArray.from_arrays(ends, keys, _unsign(hrefs)), refused


def _are_plain(hrefs: pa.Array) -> bool:
    """Return whether all are there, and surely addresses of files, as nearly all are."""
    return not hrefs.null_count and bool(pc.starts_with(hrefs, _PLAIN).false_count == 0)


def _resolve(
    hrefs: pa.Array, items: Sequence[Item], wanted: Sequence[str], locate: Locate | None
) -> tuple[pa.Array, pa.Array]:
    """Make the hrefs of all items absolute, and refuse those that are no addresses of files.

    Args:
        hrefs: As the items have them, shape (n · wanted,); null where there is none.
        items: The items, shape (n,).
        wanted: Keys of the assets.
        locate: As in ``parse_items``.

    Returns:
        The hrefs, null where they are refused; and key → reason of each item.
    """
    kind = _KINDS["refused_assets"]
    plain = np.asarray(pc.fill_null(pc.starts_with(hrefs, _PLAIN), True))
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
    if _contain(hrefs, "?", "@"):
        return pa.array(map(unsigned, hrefs.to_pylist()), pa.string())
    return hrefs


def _contain(texts: pa.Array, *parts: str) -> bool:
    """Return whether texts contain one of several ASCII texts; sometimes true if they do not.

    One search through the bytes of all texts is fifty times faster than one through each.
    """
    written = texts.buffers()[2]
    content = b"" if written is None else written.to_pybytes()
    return any(part.encode() in content for part in parts)
