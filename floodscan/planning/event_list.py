"""The events of a run, on disk: sorted so that neighbours are adjacent, and read one at a time.

Memory does not grow with the number of events.
"""

from __future__ import annotations

import pickle
import sqlite3
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from floodscan.errors import EventError, InputProblem, OutputError
from floodscan.model import DateKind, Event, Phase
from floodscan.planning.scratch import IdSet, ScratchDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from shapely.geometry.base import BaseGeometry

Cells = TypeVar("Cells", int, NDArray[np.int64])

CURVE_BITS = 12  # cells of 0.09° by 0.04°
_BLOCK_EVENTS = 256
_TIMES = ("onset", "peak", "end")
_OTHERS = tuple(
    field.name
    for field in fields(Event)
    if field.name not in {"aoi", "phase_dates", "date_kind", *_TIMES}
)
_KINDS = {str(kind): kind for kind in DateKind}
_list_times, _list_others = attrgetter(*_TIMES), attrgetter(*_OTHERS)


class PackedEvent(NamedTuple):
    """An event in few bytes.

    Attributes:
        place: The sort key: place on the curve, days since the year 1, and the event's id.
        digest: Digest of the event.
        content: The event, see ``unpack_events``.
    """

    place: tuple[int, int, str]
    digest: bytes
    content: bytes


def unpack_events(packed: Iterable[PackedEvent]) -> list[Event]:
    """Return the events."""
    contents = [pickle.loads(each.content) for each in packed]  # noqa: S301 - our own bytes
    areas = shapely.from_wkb([wkb for wkb, _ in contents])
    return [_restore(area, values) for area, (_, values) in zip(areas, contents, strict=True)]


def _pack(event: Event, wkb: bytes) -> bytes:
    """Pack an event. Pickle would take longest for dates, names of phases and the kind of date."""
    phases = _pack_phases(tuple(event.phase_dates.items()))
    times = [time and time.isoformat() for time in _list_times(event)]
    return pickle.dumps((wkb, (phases, times, str(event.date_kind), _list_others(event))))


def _restore(area: BaseGeometry, values: tuple[Any, ...]) -> Event:
    phases, times, kind, others = values
    moments: list[Any] = [time and datetime.fromisoformat(time) for time in times]
    return Event(
        aoi=area,
        phase_dates=_unpack_phases(phases),
        date_kind=_KINDS[kind],
        **dict(zip(_TIMES, moments, strict=True)),
        **dict(zip(_OTHERS, others, strict=True)),
    )


@lru_cache(maxsize=1 << 15)
def _pack_phases(dates: tuple[tuple[Phase, date], ...]) -> bytes:
    """Pack the dates of phases, which many events have in common."""
    return pickle.dumps([(str(phase), day) for phase, day in dates])


@lru_cache(maxsize=1 << 15)
def _unpack_phases(content: bytes) -> Mapping[Phase, date]:
    return {Phase(phase): day for phase, day in pickle.loads(content)}  # noqa: S301 - our own bytes


@dataclass(frozen=True, slots=True)
class EventList:
    """The events of a run. It may be read several times, and by several threads.

    Attributes:
        ids: The event ids, in the order of the input.
        blocks: The events in order along the curve, some hundred in each row: threads wait for
            each other at each row of a database.
    """

    ids: IdSet
    blocks: ScratchDatabase

    def __len__(self) -> int:
        return len(self.ids)

    def in_order(self) -> Iterator[PackedEvent]:
        """Read the events in order along the curve."""
        for (block,) in self.blocks.execute("SELECT content FROM block ORDER BY number"):
            yield from pickle.loads(block)  # noqa: S301 - our own bytes


def list_events(events: Iterable[Event], *, checked: IdSet | None = None) -> EventList:
    """Sort the events of a run, taking them one at a time.

    Args:
        events: The events.
        checked: Gets the id of each event before the event is yielded; the ids are known to
            differ. None checks them here.

    Raises:
        EventError: Two events have the same id.
        OutputError: The disk for temporary files is full.
    """
    unsorted = ScratchDatabase(
        "CREATE TABLE event (curve INTEGER, day INTEGER, event_id TEXT, digest BLOB, content BLOB)"
    )
    listed = EventList(
        IdSet() if checked is None else checked,
        ScratchDatabase("CREATE TABLE block (number INTEGER PRIMARY KEY, content BLOB)"),
    )
    ids = listed.ids if checked is None else None
    try:
        unsorted.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", _pack_each(events, ids))
        blocks = ((pickle.dumps(block),) for block in _sorted_blocks(unsorted))
        listed.blocks.executemany("INSERT INTO block (content) VALUES (?)", blocks)
    except sqlite3.OperationalError as err:
        raise OutputError(
            f"events can't be sorted: {err}; set TMPDIR to a folder with more space"
        ) from err
    return listed


def _pack_each(
    events: Iterable[Event], ids: IdSet | None
) -> Iterator[tuple[int, int, str, bytes, bytes]]:
    """Pack events, some hundred at once: GEOS takes as long for the first area as for the rest."""
    remaining, number = iter(events), 0
    while lot := list(islice(remaining, _BLOCK_EVENTS)):
        cells, areas = _find_cells(lot), shapely.to_wkb([each.aoi for each in lot])
        for event, cell, wkb in zip(lot, cells, areas, strict=True):
            number += 1
            if ids is not None and not ids.add(event.event_id):
                problem = InputProblem(
                    f"event {number}", "event_id", f"'{event.event_id}' is used twice"
                )
                raise EventError("events", [problem])
            digest = bytes.fromhex(event.digest_with(wkb))
            yield cell, event.onset.toordinal(), event.event_id, digest, _pack(event, wkb)


def _sorted_blocks(unsorted: ScratchDatabase) -> Iterator[list[PackedEvent]]:
    rows = unsorted.execute("SELECT * FROM event ORDER BY curve, day, event_id")
    while block := rows.fetchmany(_BLOCK_EVENTS):
        yield [PackedEvent(tuple(place), digest, content) for *place, digest, content in block]


def _find_cells(events: Sequence[Event]) -> list[int]:
    """Return the place of each event on the curve."""
    west, south, east, north = np.array([event.bbox for event in events]).T
    width = (east - west) % 360
    x, y = (west + width / 2 + 180) % 360 / 360, ((south + north) / 2 + 90) / 180
    cells = 1 << CURVE_BITS
    column, row = (x * cells).astype(np.int64), (y * cells).astype(np.int64)
    found: list[int] = hilbert_index(column, np.minimum(row, cells - 1)).tolist()
    return found


def hilbert_index(x: Cells, y: Cells) -> Cells:
    """Return the place of a cell of the map, or of many cells, on Hilbert's curve.

    Cells that are close on the curve are close on the map.

    Args:
        x: Column of the cell, from the west.
        y: Row of the cell, from the south.

    Source: https://en.wikipedia.org/wiki/Hilbert_curve
    """
    index, side = x & 0, 1 << (CURVE_BITS - 1)
    while side:
        right, up = (x & side) // side, (y & side) // side
        index = index + side * side * ((3 * right) ^ up)
        mirrored = -(right & ~up)  # all bits if the quarter is mirrored, or else none
        swapped = (x ^ y) & (up - 1)
        x, y = x ^ mirrored ^ swapped, y ^ mirrored ^ swapped
        side >>= 1
    return index
