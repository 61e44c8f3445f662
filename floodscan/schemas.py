"""The tables that stages pass on: items, candidates, events and searches.

Each table is one Arrow schema. A stage checks the table that it makes, so that a wrong column is
found where it was made.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SLOT = ("event_id", "target_id", "phase", "sensor")
"""The columns that name the slot of a candidate."""

_TIME = pa.timestamp("us", tz="UTC")
_ASSETS = pa.map_(pa.string(), pa.string())

_SCENE_FIELDS = [
    pa.field("cloud_cover", pa.float64()),  # percent; null where the collection has none
    pa.field("relative_orbit", pa.int32()),
    pa.field("orbit_state", pa.string()),
    pa.field("platform", pa.string()),
    pa.field("datatake_id", pa.string()),
    pa.field("mgrs_tile", pa.string()),
    pa.field("processing_baseline", pa.string()),
    pa.field("polarizations", pa.list_(pa.string())),
    pa.field("proj_epsg", pa.int32()),  # of the scene's own pixel grid
    pa.field("proj_bbox", pa.list_(pa.float64())),  # edges of its raster in that system, or null
    # asset key → rows and columns of its raster, of the assets whose shape is known
    pa.field("proj_shapes", pa.map_(pa.string(), pa.list_(pa.int32()))),
    # key → why an href is not used, such as "its href begins with javascript:"; null without any
    pa.field("refused_assets", pa.map_(pa.string(), pa.string())),
]

ITEMS = pa.schema(
    [
        pa.field("collection", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("datetime", _TIME),  # null where the item has no readable time
        *_SCENE_FIELDS,
        pa.field("assets", _ASSETS),  # key → unsigned href, of the searched assets
        pa.field("geometry", pa.binary(), nullable=False),  # WKB footprint, may be empty
        pa.field("extent", pa.binary()),  # WKB of the bbox, where the footprint is empty
    ]
)
"""The items that a catalog returns, one row each.

Footprints are valid and cut at the antimeridian.
"""

CLEARNESS = pa.schema(
    [
        # Shares of the target's ground by what the scene classification says of it; they sum to 1.
        # Null where it was not read.
        pa.field("clear_frac", pa.float64()),  # vegetation, bare soil, unclassified
        pa.field("cloud_frac", pa.float64()),  # clouds of medium and high probability, cirrus
        pa.field("shadow_frac", pa.float64()),  # shadows of clouds
        pa.field("dark_frac", pa.float64()),  # dark ground, or shadows of the terrain
        pa.field("snow_frac", pa.float64()),  # snow and ice
        pa.field("water_frac", pa.float64()),
        pa.field("nodata_frac", pa.float64()),  # and ground outside the raster
        pa.field("clear_source", pa.string()),  # "overview" or "statistics"; null if not read
        pa.field("clear_resolution_m", pa.float64()),  # of the pixels that were read
        # Bit i, from the lowest bit of the first byte on, is 1 if sample point i of the target is
        # clear for the row's phase, 512 bytes. Null where no points are known.
        pa.field("clear_points", pa.binary()),
        pa.field("unread", pa.string()),  # why it was not read although it should; else null
    ]
)
"""The columns of CANDIDATES that say which ground of the target is clear in an optical scene."""

CANDIDATES = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("target_id", pa.string(), nullable=False),  # "aoi", or a tile
        pa.field("phase", pa.string()),  # null for the DEM, which has no date
        pa.field("sensor", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("datetime", _TIME),
        pa.field("days_from_phase", pa.int32()),  # 999 if the time is unknown
        pa.field("day_offset", pa.int32()),  # signed: negative is before the phase's date
        pa.field("hours_from_onset", pa.float64()),  # signed; null for the DEM, or without a time
        pa.field("hours_from_peak", pa.float64()),  # likewise; also null if the peak is unknown
        pa.field("overlap_frac", pa.float64(), nullable=False),
        *CLEARNESS,
        *_SCENE_FIELDS,
        # Platform, relative orbit, orbit state and first acquisition time of the pass over the
        # target, such as "SENTINEL-1A 37 descending 2021-07-15T05:50:12Z". All candidates of one
        # pass have the same id, in every phase of an event, target and sensor. "?" stands for an
        # unknown part, and the item id for an unknown time. Null for the DEM.
        pa.field("pass_id", pa.string()),
        # Relative orbit, orbit state and polarisations of a SAR scene, such as
        # "37 descending VH+VV". "?" stands for an unknown part. Null for other sensors.
        pa.field("track_id", pa.string()),
        pa.field("missing_assets", pa.list_(pa.string()), nullable=False),
        pa.field("rank", pa.int32()),  # 1 is best; null for the rejected
        pa.field("selected", pa.bool_(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("relaxed", pa.list_(pa.string())),  # steps that admit it; null if none is needed
        pa.field("superseded_by", pa.string()),  # id of the same scene in a newer processing
        pa.field("flags", pa.list_(pa.string()), nullable=False),  # words of ``selection.flags``
        pa.field("assets", _ASSETS),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)
"""Every item that a slot could take, with its measures and its verdict: one row per slot × item."""

_EMPTY_SLOT = pa.struct(
    [
        pa.field("target_id", pa.string()),  # the place is null for all slots of the event
        pa.field("phase", pa.string()),
        pa.field("sensor", pa.string()),
        pa.field("code", pa.string(), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("steps", pa.list_(pa.string()), nullable=False),  # ladder steps that did not help
        pa.field("hint", pa.string(), nullable=False),
    ]
)

_WARNING = pa.struct(
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("target_id", pa.string(), nullable=False),
        pa.field("phase", pa.string()),  # null for several phases
        pa.field("sensor", pa.string()),  # null for several sensors
        pa.field("text", pa.string(), nullable=False),
    ]
)

EVENTS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # complete, partial or failed
        pa.field("reason", pa.string()),  # reasons as one text; null if every slot is filled
        pa.field("reasons", pa.list_(_EMPTY_SLOT), nullable=False),
        pa.field("n_slots", pa.int32(), nullable=False),
        pa.field("n_filled", pa.int32(), nullable=False),
        pa.field("n_candidates", pa.int32(), nullable=False),
        pa.field("n_requests", pa.int32(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("joint_frac", pa.float64()),  # of the AOI, by all slots; null if one is empty
        pa.field("filled_frac", pa.float64()),  # likewise, by the filled slots; null without any
        # Likewise by all slots, and clear in the optical ones. Null if a slot is empty, if clear
        # ground does not count, or if that of a chosen scene is unknown.
        pa.field("joint_clear_frac", pa.float64()),
        # The forecast of packaging on the event's 10 m grid: for readers that mosaic all items of a
        # choice, and for readers of its first scene. Null if a slot of the AOI is empty.
        pa.field("valid_pixel_frac", pa.float64()),
        pa.field("chips", pa.int32()),
        pa.field("single_valid_pixel_frac", pa.float64()),
        pa.field("single_chips", pa.int32()),
        pa.field("chips_total", pa.int32()),  # of the grid; null without a grid
        pa.field("warnings", pa.list_(pa.string()), nullable=False),  # code and place of each
        pa.field("choice_warnings", pa.list_(_WARNING), nullable=False),
        pa.field("batch", pa.string(), nullable=False),  # names the part of the candidates
    ]
)
"""How each event ended, one row each.

The cost of a shared search is charged to the first event that uses it.
"""

SEARCHES = pa.schema(
    [
        pa.field("batch", pa.string(), nullable=False),
        pa.field("collections", pa.list_(pa.string()), nullable=False),
        pa.field("west", pa.float64(), nullable=False),
        pa.field("south", pa.float64(), nullable=False),
        pa.field("east", pa.float64(), nullable=False),  # less than west across the antimeridian
        pa.field("north", pa.float64(), nullable=False),
        pa.field("start", _TIME),  # null searches all time
        pa.field("end", _TIME),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # why it is not complete
        pa.field("n_items", pa.int32(), nullable=False),
        pa.field("n_dropped", pa.int32(), nullable=False),  # items without a usable id
        pa.field("n_pages", pa.int32(), nullable=False),
        pa.field("n_requests", pa.int32(), nullable=False),
        pa.field("n_retries", pa.int32(), nullable=False),
        pa.field("n_bisections", pa.int32(), nullable=False),
        pa.field("cached", pa.bool_(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)
"""How every search of the catalog ended, one row each."""

READS = pa.schema(
    [
        pa.field("batch", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("n_areas", pa.int32(), nullable=False),  # targets whose ground was looked at
        pa.field("source", pa.string()),  # overview or statistics; null if it can't be read
        pa.field("resolution_m", pa.float64()),
        pa.field("unread", pa.string()),  # why it can't be read
        pa.field("n_requests", pa.int32(), nullable=False),
        pa.field("n_retries", pa.int32(), nullable=False),
        pa.field("n_bytes", pa.int64(), nullable=False),
        pa.field("cached", pa.bool_(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)
"""How the read of every scene ended, one row each."""


def check_table(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table that has exactly the columns and types of ``schema``, and no forbidden nulls.

    Raises:
        TypeError: The table differs from the schema; a bug in the stage that made it.
    """
    if not table.schema.equals(schema):
        message = f"expected columns\n{schema}\ngot\n{table.schema}"
        raise TypeError(message)
    checked = _CHECKED.get(id(schema)) or _list_checked(schema)
    if nulls := [name for field, at in checked for name in _find_nulls(table.column(at), field)]:
        message = f"nulls in columns that allow none: {', '.join(nulls)}"
        raise TypeError(message)
    return table


def _find_nulls(values: pa.ChunkedArray, field: pa.Field) -> Iterator[str]:
    """Name the column if it has forbidden nulls, and likewise the fields of a list of structs."""
    if values.null_count and not field.nullable:
        yield field.name
    if _has_structs(field):
        structs = pc.list_flatten(values)
        for member in field.type.value_type:
            for name in _find_nulls(pc.struct_field(structs, member.name), member):
                yield f"{field.name}.{name}"


def _has_structs(field: pa.Field) -> bool:
    return bool(pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type))


def _list_checked(schema: pa.Schema) -> list[tuple[pa.Field, int]]:
    """List the fields that may have forbidden nulls, and their places."""
    return [
        (field, at) for at, field in enumerate(schema) if not field.nullable or _has_structs(field)
    ]


_CHECKED = {id(each): _list_checked(each) for each in (ITEMS, CANDIDATES, EVENTS, SEARCHES, READS)}
"""These fields of the schemas above: to list them takes longer than to check a small table."""


def check_candidates(candidates: pa.Table) -> pa.Table:
    """Return a CANDIDATES table in which the rows of each slot are adjacent.

    Raises:
        TypeError: The table is not CANDIDATES; a bug in the stage that made it.
        ValueError: The rows of a slot are not adjacent; a bug in the stage that made it.
    """
    checked = check_table(candidates, CANDIDATES)
    _find_runs(checked, SLOT)
    return checked


def make_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of rows that have exactly the fields of ``schema``.

    ``pa.Table.from_pylist`` drops fields that the schema lacks, and fills missing ones with nulls.

    Raises:
        TypeError: A row has other fields, or nulls where the schema allows none; a bug in the
            stage that made it.
    """
    names = set(schema.names)
    for row in rows:
        if row.keys() != names:
            message = f"fields that only the row or only the schema has: {row.keys() ^ names}"
            raise TypeError(message)
    return check_table(pa.Table.from_pylist(rows, schema=schema), schema)


def pack_table(table: pa.Table) -> pa.Buffer:
    """Write a table to one buffer.

    A pickled table would travel between workers as several buffers per column.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpack_table(packed: pa.Buffer) -> pa.Table:
    """Read what ``pack_table`` wrote."""
    return pa.ipc.open_stream(packed).read_all()


def split_by_event(candidates: pa.Table) -> dict[str, pa.Table]:
    """Cut a table by event; the rows of an event are adjacent in it.

    Raises:
        ValueError: They are not adjacent; a bug in the stage that made the table.
    """
    return split_by("event_id", candidates)


def split_by(column: str, table: pa.Table) -> dict[str, pa.Table]:
    """Cut a table by the values of a text column, in which equal values are adjacent.

    Raises:
        ValueError: Equal values are not adjacent; a bug in the stage that made the table.
    """
    starts = _find_runs(table, (column,))
    ends = [*starts[1:], len(table)]
    return {
        table[column][start].as_py(): table.slice(start, end - start)
        for start, end in zip(starts, ends[: len(starts)], strict=True)
    }


def _find_runs(table: pa.Table, columns: Sequence[str]) -> list[int]:
    """Return the first row of each run of rows that are equal in some text columns.

    Raises:
        ValueError: Equal rows are in several runs; a bug in the stage that made the table.
    """
    if len(table) == 0:
        return []
    ends = [pc.run_end_encode(table[name].combine_chunks()).run_ends for name in columns]
    starts: list[int] = [0, *np.unique(np.concatenate(ends))[:-1].tolist()]
    firsts = table.select(list(columns)).take(pa.array(starts))
    counts = Counter(zip(*(firsts[name].to_pylist() for name in columns), strict=True))
    (key, n_runs), *_ = counts.most_common(1)
    if n_runs > 1:
        message = f"rows with {'/'.join(columns)} = {key} are not adjacent"
        raise ValueError(message)
    return starts
