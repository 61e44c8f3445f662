"""The tables that pass between stages: what an item, a candidate and an event's outcome are made of."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

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
    pa.field(
        "proj_bbox", pa.list_(pa.float64())
    ),  # four edges of its raster in that system; null if not told
]

ITEMS = pa.schema(
    [
        pa.field("collection", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("datetime", _TIME),  # null where the item tells no time that can be read
        *_SCENE_FIELDS,
        pa.field("assets", _ASSETS),  # key → unsigned href, of the assets asked for
        pa.field("geometry", pa.binary(), nullable=False),  # WKB footprint, may be empty
        pa.field("extent", pa.binary()),  # WKB of the bbox, where the footprint is empty
    ]
)
"""An answer of a catalog: one row per item, footprints valid and cut at the antimeridian."""

CANDIDATES = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("target_id", pa.string(), nullable=False),  # "aoi", or a tile
        pa.field("phase", pa.string()),  # null for the DEM, which has no date
        pa.field("sensor", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("datetime", _TIME),
        pa.field("days_from_phase", pa.int32()),  # 999 where the time is unknown
        pa.field("day_offset", pa.int32()),  # signed: negative is before the phase's date
        pa.field("overlap_frac", pa.float64(), nullable=False),
        *_SCENE_FIELDS,
        pa.field("missing_assets", pa.list_(pa.string()), nullable=False),
        pa.field("rank", pa.int32()),  # 1 is best; null for the rejected
        pa.field("selected", pa.bool_(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field(
            "relaxed", pa.list_(pa.string())
        ),  # steps of the recipe's ladder that admit it; null if none is needed
        pa.field("superseded_by", pa.string()),  # id of the same scene in a newer processing
        pa.field("assets", _ASSETS),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)
"""What became of every item in every slot: one row per slot × item."""

EVENTS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # complete, partial or failed
        pa.field("reason", pa.string()),  # null where every slot is filled
        pa.field("n_slots", pa.int32(), nullable=False),
        pa.field("n_filled", pa.int32(), nullable=False),
        pa.field("n_candidates", pa.int32(), nullable=False),
        pa.field("n_requests", pa.int32(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field(
            "joint_frac", pa.float64()
        ),  # of the AOI, by all its chosen scenes; null where none was
        pa.field("valid_pixel_frac", pa.float64()),  # predicted, on the event's 10 m grid
        pa.field("chips", pa.int32()),
        pa.field("chips_total", pa.int32()),
        pa.field("warnings", pa.list_(pa.string()), nullable=False),  # kind and place of each
        pa.field("batch", pa.string(), nullable=False),  # names the part of the candidates
    ]
)
"""How each event ended: one row per event.

What a shared search took is put down to the first event it is for.
"""


SEARCHES = pa.schema(
    [
        pa.field("batch", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("west", pa.float64(), nullable=False),
        pa.field("south", pa.float64(), nullable=False),
        pa.field("east", pa.float64(), nullable=False),  # less than west across the antimeridian
        pa.field("north", pa.float64(), nullable=False),
        pa.field("start", _TIME),  # null searches all time
        pa.field("end", _TIME),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # why it is not complete
        pa.field("n_items", pa.int32(), nullable=False),
        pa.field("n_pages", pa.int32(), nullable=False),
        pa.field("n_requests", pa.int32(), nullable=False),
        pa.field("n_retries", pa.int32(), nullable=False),
        pa.field("n_bisections", pa.int32(), nullable=False),
        pa.field("cached", pa.bool_(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)
"""What became of every search: one row per search that was put to the catalog."""


def check_table(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Pass a table on if it has exactly the columns and types of ``schema``.

    Raises:
        TypeError: It has not; a bug in the stage that made it.
    """
    if not table.schema.equals(schema):
        message = f"expected columns\n{schema}\ngot\n{table.schema}"
        raise TypeError(message)
    return table


def pack_table(table: pa.Table) -> pa.Buffer:
    """Write a table as one piece.

    Pickled as it is, it would go from worker to worker in several pieces a column.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpack_table(packed: pa.Buffer) -> pa.Table:
    """Read what ``pack_table`` wrote."""
    return pa.ipc.open_stream(packed).read_all()


def split_by_event(candidates: pa.Table) -> dict[str, pa.Table]:
    """Cut a table, in which the rows of an event are one after the other, by event."""
    return split_by("event_id", candidates)


def split_by(column: str, table: pa.Table) -> dict[str, pa.Table]:
    """Cut a table, in which equal values of a text column are one after the other, by those values."""
    runs = pc.run_end_encode(table[column].combine_chunks())
    ends = runs.run_ends.to_pylist()
    starts = [0, *ends][: len(ends)]
    return {
        value: table.slice(start, end - start)
        for value, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
    }
