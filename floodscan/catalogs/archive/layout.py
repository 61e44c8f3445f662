"""How the columns of a file are laid out: tools write stac-geoparquet in several forms.

| column | forms |
|---|---|
| ``bbox`` | struct of ``xmin``, ``ymin``, ``xmax`` and ``ymax``; list of 4 or 6 numbers; missing |
| ``datetime`` | time of any unit, with a zone or without (then UTC); ISO 8601 text |
| ``geometry`` | WKB; GeoArrow polygons or multipolygons |
| ``assets`` | struct of assets; map of assets; JSON text |
| ``collection`` | text; missing if the path has a hive part ``collection=…`` |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from floodscan.catalogs.page_json import GRID_FIELDS, STAC_NAMES, TIME_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CORNERS = ("xmin", "ymin", "xmax", "ymax")
_HIVE_KEY = "collection="


class AssetForm(StrEnum):
    """How the column ``assets`` holds its hrefs."""

    STRUCT = "struct"
    MAP = "map"
    JSON = "json"
    MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Layout:
    """What floodscan reads from a file.

    Attributes:
        schema: Arrow schema of the file.
        collection: The collection of all rows, from the path; None if there is a column.
    """

    schema: pa.Schema
    collection: str | None

    @classmethod
    def of(cls, schema: pa.Schema, path: str) -> Layout:
        """Check a schema.

        Args:
            schema: Arrow schema of the file.
            path: Path of the file.

        Raises:
            ValueError: A column that floodscan needs is missing, or has a type that it can't read.
        """
        layout = cls(schema, _hive_collection(path) if "collection" not in schema.names else None)
        needed = ["id", "geometry", *([] if layout.collection else ["collection"])]
        if missing := [name for name in sorted(needed) if name not in schema.names]:
            message = f"has no column {', '.join(missing)}"
            raise ValueError(message)
        for name, kind, wanted in layout._find_odd():
            message = f"column {name} is of type {str(kind)[:60]}, but must be {wanted}"
            raise ValueError(message)
        return layout

    def _find_odd(self) -> Iterator[tuple[str, pa.DataType, str]]:
        for name in ("id", "collection"):
            if (kind := self.kind(name)) is not None and not is_text(kind):
                yield name, kind, "text"
        for name in TIME_PROPERTIES:
            kind = self.kind(name)
            if kind is not None and not (is_text(kind) or is_time(kind) or pa.types.is_null(kind)):
                yield name, kind, "a time, or text with a time"
        kind = self.kind("geometry")
        if kind is not None and not (is_binary(kind) or ring_depth(kind)):
            yield "geometry", kind, "WKB or GeoArrow polygons"
        if self.asset_form is AssetForm.MISSING and "assets" in self.schema.names:
            yield "assets", self.schema.field("assets").type, "a struct, a map or JSON text"

    def kind(self, name: str) -> pa.DataType | None:
        """Return the type of a column, as it is stored; None if it is missing."""
        return storage(self.schema.field(name).type) if name in self.schema.names else None

    @cached_property
    def bbox_leaves(self) -> list[str]:
        """The columns of the bbox; empty if there is none that can be read."""
        kind = self.kind("bbox")
        if kind is None:
            return []
        if pa.types.is_struct(kind):
            there = all(
                kind.get_field_index(corner) >= 0 and is_number(kind.field(corner).type)
                for corner in CORNERS
            )
            return [f"bbox.{corner}" for corner in CORNERS] if there else []
        return ["bbox"] if is_list(kind) and is_number(kind.value_type) else []

    @cached_property
    def times(self) -> list[str]:
        """The columns of an item's time that are there."""
        return [name for name in TIME_PROPERTIES if name in self.schema.names]

    @property
    def asset_form(self) -> AssetForm:
        """How the hrefs are held."""
        kind = self.kind("assets")
        if kind is None:
            return AssetForm.MISSING
        if pa.types.is_struct(kind):
            return AssetForm.STRUCT
        if pa.types.is_map(kind) and pa.types.is_struct(kind.item_type):
            return AssetForm.MAP
        return AssetForm.JSON if is_text(kind) or pa.types.is_null(kind) else AssetForm.MISSING

    def place_columns(self, *, mixed: bool) -> list[str]:
        """Name the columns that tell where and when items are.

        Args:
            mixed: Whether the rows are of several collections.
        """
        return [*(["collection"] if mixed else []), *self.times, *self.bbox_leaves]

    @property
    def outline_columns(self) -> list[str]:
        """The columns of an item's footprint."""
        return ["geometry", *self.bbox_leaves]

    def item_columns(self, assets: Sequence[str]) -> list[str]:
        """Name the other columns of an item with some of its assets."""
        names = ["id", "collection", *STAC_NAMES]
        there = [name for name in names if name in self.schema.names]
        return [*there, *self._asset_columns(assets)]

    def _asset_columns(self, assets: Sequence[str]) -> list[str]:
        if self.asset_form is AssetForm.MISSING:
            return []
        if self.asset_form is not AssetForm.STRUCT:
            return ["assets"]
        edges, shape, transform = GRID_FIELDS
        members = [(key, name) for key in assets for name in ("href", shape)]
        members += [(key, name) for key in assets[:1] for name in (edges, transform)]
        there = [each for each in members if self.asset_member(*each) is not None]
        return [f"assets.{key}.{name}" for key, name in there]

    def asset_member(self, key: str, name: str) -> pa.DataType | None:
        """Return the type of a member of an asset; None if it is missing."""
        kind = self.kind("assets")
        for part in (key, name):
            place = kind.get_field_index(part) if kind and pa.types.is_struct(kind) else -1
            if kind is None or place < 0:
                return None
            kind = kind.field(place).type
        return kind

    @property
    def asset_keys(self) -> list[str]:
        """All asset keys of a struct of assets."""
        kind = self.kind("assets")
        return [field.name for field in kind] if kind and pa.types.is_struct(kind) else []


def _hive_collection(path: str) -> str | None:
    parts = (unquote(part) for part in path.split("/")[:-1])
    return next((p.removeprefix(_HIVE_KEY) for p in parts if p.startswith(_HIVE_KEY)), None)


def storage(kind: pa.DataType) -> pa.DataType:
    """Return the type that an extension type or a dictionary stands for."""
    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return storage(kind.value_type) if pa.types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Return whether values are text."""
    kind = storage(kind)
    views = pa.types.is_string_view(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views)


def is_time(kind: pa.DataType) -> bool:
    """Return whether values are times or dates."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether values are numbers."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def is_binary(kind: pa.DataType) -> bool:
    """Return whether values are bytes."""
    views = pa.types.is_binary_view(kind)
    fixed = pa.types.is_fixed_size_binary(kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or views or fixed)


def is_list(kind: pa.DataType) -> bool:
    """Return whether values are lists."""
    large, fixed = pa.types.is_large_list(kind), pa.types.is_fixed_size_list(kind)
    return bool(pa.types.is_list(kind) or large or fixed)


def ring_depth(kind: pa.DataType) -> int:
    """Return the depth of the lists around the positions of GeoArrow: 2 for polygons, 3 for more.

    Positions are structs of ``x`` and ``y``, or lists of fixed size. 0 is another type.
    """
    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, depth = kind.value_type, depth + 1
    pairs = pa.types.is_struct(kind) and kind.get_field_index("x") >= 0
    pairs = pairs or (pa.types.is_fixed_size_list(kind) and is_number(kind.value_type))
    return depth if pairs and depth in {2, 3} else 0
