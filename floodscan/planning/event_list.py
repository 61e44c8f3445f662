"""The events of a run as a list on disk: neighbours beside each other, as few bytes each, read one at a time."""

from __future__ import annotations

import pickle
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from floodscan.errors import EventError, InputProblem, OutputError
from floodscan.planning.scratch import IdSet, ScratchDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from floodscan.model import Event

_CURVE_BITS = 12  # cells of 0.09° by 0.04°
_BLOCK_EVENTS = 256


class PackedEvent(NamedTuple):
    """An event as few bytes.

    Attributes:
        place: Place on the curve, days since the year 1, and the event's id: what events are sorted
            by.
        digest: Of all that the event says.
        content: The event, pickled.
    """

    place: tuple[int, int, str]
    digest: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class EventList:
    """The events of a run; read it as often as need be, in any thread.

    Attributes:
        ids: The events' ids, in the order in which they were given.
        blocks: The events by the hundred, in order along the curve: a thread that reads waits for
            the others at each row of a database, and would wait longer than it works if each event
            were one.
    """

    ids: IdSet
    blocks: ScratchDatabase

    def __len__(self) -> int:
        return len(self.ids)

    def in_order(self) -> Iterator[PackedEvent]:
        """Read the events, in order along the curve."""
        for (block,) in self.blocks.execute("SELECT content FROM block ORDER BY number"):
            yield from pickle.loads(block)  # noqa: S301 - our own bytes


def list_events(events: Iterable[Event]) -> EventList:
    """List the events of a run, taking them one at a time.

    Raises:
        EventError: Two have the same id.
        OutputError: There is no room for temporary files.
    """
    unsorted = ScratchDatabase(
        "CREATE TABLE event (curve INTEGER, day INTEGER, event_id TEXT, digest BLOB, content BLOB)"
    )
    listed = EventList(
        IdSet(), ScratchDatabase("CREATE TABLE block (number INTEGER PRIMARY KEY, content BLOB)")
    )
    try:
        unsorted.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?)", _pack_each(events, listed.ids)
        )
        blocks = ((pickle.dumps(block),) for block in _sorted_blocks(unsorted))
        listed.blocks.executemany("INSERT INTO block (content) VALUES (?)", blocks)
    except sqlite3.OperationalError as err:
        raise OutputError(
            f"events can't be listed: {err}; let TMPDIR name a folder with more room"
        ) from err
    return listed


def _pack_each(events: Iterable[Event], ids: IdSet) -> Iterator[tuple[int, int, str, bytes, bytes]]:
    for number, event in enumerate(events, 1):
        if not ids.add(event.event_id):
            problem = InputProblem(
                f"event {number}", "event_id", f"'{event.event_id}' is there twice"
            )
            raise EventError("events", [problem])
        yield *_place(event), bytes.fromhex(event.digest), pickle.dumps(event)


def _sorted_blocks(unsorted: ScratchDatabase) -> Iterator[list[PackedEvent]]:
    rows = unsorted.execute("SELECT * FROM event ORDER BY curve, day, event_id")
    while block := rows.fetchmany(_BLOCK_EVENTS):
        yield [PackedEvent(tuple(place), digest, content) for *place, digest, content in block]


def _place(event: Event) -> tuple[int, int, str]:
    """Put events in order: along the curve, of one place by time."""
    west, south, east, north = event.bbox
    width = (east - west) % 360
    x, y = (west + width / 2 + 180) % 360 / 360, ((south + north) / 2 + 90) / 180
    cells = 1 << _CURVE_BITS
    return (
        hilbert_index(int(x * cells), min(int(y * cells), cells - 1)),
        event.onset.toordinal(),
        event.event_id,
    )


def hilbert_index(x: int, y: int) -> int:
    """Tell how far along Hilbert's curve the cell in column ``x`` and row ``y`` of the map lies.

    Source: https://en.wikipedia.org/wiki/Hilbert_curve
    """
    index, side = 0, 1 << (_CURVE_BITS - 1)
    while side:
        right, up = bool(x & side), bool(y & side)
        index += side * side * ((3 * right) ^ up)
        if not up:
            if right:
                x, y = ~x, ~y
            x, y = y, x
        side >>= 1
    return index
