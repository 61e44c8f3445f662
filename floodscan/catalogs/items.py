"""STAC items as JSON gives them, many at once, to one ITEMS table; foreign JSON goes no further than here."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import numpy as np
import pyarrow as pa
import shapely

from floodscan.footprints import parse_footprints
from floodscan.tables import ITEMS, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Json = dict[str, Any]

PROPERTIES = {
    "cloud_cover": ("eo:cloud_cover",),
    "relative_orbit": ("sat:relative_orbit",),
    "orbit_state": ("sat:orbit_state",),
    "platform": ("platform",),
    "datatake_id": ("s1:datatake_id", "s2:datatake_id"),
    "mgrs_tile": ("s2:mgrs_tile",),
    "processing_baseline": ("s2:processing_baseline",),
    "polarizations": ("sar:polarizations",),
}
"""Column of ITEMS → the STAC properties it is read from, the first that an item has."""

TIME_PROPERTIES = ("datetime", "start_datetime")
_SECRETS = {"sig", "signature", "token", "access_token", "x-amz-signature", "x-goog-signature"}


def parse_items(features: Sequence[Json], *, collection: str, assets: Sequence[str]) -> pa.Table:
    """Read items into an ITEMS table.

    Args:
        features: STAC items as parsed JSON, shape (n,); only ``id`` must be there.
        collection: What an item belongs to that doesn't say so.
        assets: Keys of the assets to keep.

    Returns:
        ITEMS table of n rows, in the order given. A value of a wrong type counts as missing.
    """
    properties = [feature.get("properties") or {} for feature in features]
    footprints, extents = parse_footprints(
        [feature.get("geometry") for feature in features], [feature.get("bbox") for feature in features]
    )
    columns = {
        "collection": [feature.get("collection") or collection for feature in features],
        "item_id": [feature["id"] for feature in features],
        "datetime": parse_times(properties),
        **{name: _column(name, properties) for name in PROPERTIES},
        "assets": _parse_assets(features, assets),
        "geometry": shapely.to_wkb(footprints),
        "extent": shapely.to_wkb(extents),
    }
    return check_table(pa.table(columns, schema=ITEMS), ITEMS)


def parse_times(properties: Sequence[Json]) -> pa.Array:
    """Read each item's time: ``datetime``, else ``start_datetime``; null where neither can be read.

    Args:
        properties: STAC properties of each item, shape (n,).

    Returns:
        Timestamps in microseconds, UTC, shape (n,).
    """
    kind = ITEMS.field("datetime").type
    try:
        texts = [p["datetime"] for p in properties]
        return pa.array(texts, pa.string()).cast(kind) if None not in texts else _slow_times(properties)
    except (KeyError, pa.ArrowException, TypeError):
        return _slow_times(properties)


def _slow_times(properties: Sequence[Json]) -> pa.Array:
    times = [next(filter(None, (parse_time(p.get(name)) for name in TIME_PROPERTIES)), None) for p in properties]
    return pa.array(times, ITEMS.field("datetime").type)


def parse_time(text: object) -> datetime | None:
    """Read one ISO 8601 time, with ``T`` or a blank; without a zone it is UTC; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unsigned(href: str) -> str:
    """Take the query off an href where it holds a signature or a token: those are credentials."""
    if "?" not in href:
        return href
    parts = urlsplit(href)
    names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return urlunsplit(parts._replace(query="")) if names & _SECRETS else href


def _column(name: str, properties: Sequence[Json]) -> pa.Array:
    first, *others = PROPERTIES[name]
    values = [p.get(first) for p in properties]
    for other in others:
        values = [p.get(other) if v is None else v for v, p in zip(values, properties, strict=True)]
    kind = ITEMS.field(name).type
    if set(map(type, values)) <= _EXPECTED[str(kind)]:
        with suppress(pa.ArrowException, OverflowError):
            return pa.array(values, kind)
    return pa.array(map(_COERCE[str(kind)], values), kind)


def _coerce_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _coerce_int32(value: object) -> int | None:
    number = _coerce_number(value)
    whole = number is not None and number.is_integer() and abs(number) <= np.iinfo(np.int32).max
    return int(number) if whole and number is not None else None


def _coerce_text(value: object) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _coerce_texts(value: object) -> list[str] | None:
    return [str(v) for v in value] if isinstance(value, list) else None


_NONE = type(None)
_EXPECTED: dict[str, set[type]] = {
    "double": {float, int, _NONE},
    "int32": {int, _NONE},
    "string": {str, _NONE},
    "list<item: string>": {list, _NONE},
}
_COERCE: dict[str, Callable[[object], object]] = {
    "double": _coerce_number,
    "int32": _coerce_int32,
    "string": _coerce_text,
    "list<item: string>": _coerce_texts,
}


def _parse_assets(features: Sequence[Json], wanted: Iterable[str]) -> pa.MapArray:
    keys: list[str] = []
    hrefs: list[str] = []
    ends = [0]
    for feature in features:
        assets = feature.get("assets") or {}
        for key in wanted:
            asset = assets.get(key)
            href = asset.get("href") if isinstance(asset, dict) else None
            if href and isinstance(href, str):
                keys.append(key)
                hrefs.append(unsigned(href))
        ends.append(len(keys))
    offsets = pa.array(ends, pa.int32())
    return pa.MapArray.from_arrays(offsets, pa.array(keys, pa.string()), pa.array(hrefs, pa.string()))
