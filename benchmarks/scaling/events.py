"""Made-up floods, as large as the demo and evenly spread, so that few share a search."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from floodscan import Recipe, read_events

if TYPE_CHECKING:
    from pathlib import Path

    from floodscan import Event

_FIRST_DAY, _DAYS = datetime(2018, 1, 1, tzinfo=UTC), 1400
_SIZE_DEGREES = (0.8, 0.74)
_WEST, _SOUTH, _WIDTH, _HEIGHT = -175.0, -55.0, 350.0, 115.0
# The steps of the R2 sequence, which fills a square evenly: Roberts, 2018.
_STEPS = (0.7548776662466927, 0.5698402909980532)


def make_events(count: int, folder: Path) -> list[Event]:
    """Write floods as a table, as users have them, and read it.

    The first floods are the same, whatever the count.
    """
    path = folder / "events.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["event_id", "event_date", "west", "south", "east", "north"])
        writer.writerows(_make(number) for number in range(count))
    return read_events(path, phase_offset_days=Recipe().phase_offset_days)


def _make(number: int) -> list[object]:
    west, south = (
        round(low + span * (number * step % 1), 4)
        for low, span, step in zip((_WEST, _SOUTH), (_WIDTH, _HEIGHT), _STEPS, strict=True)
    )
    width, height = _SIZE_DEGREES
    day = _FIRST_DAY + timedelta(days=number * 37 % _DAYS)
    return [
        f"flood-{number:06}",
        f"{day:%Y-%m-%d}",
        west,
        south,
        round(west + width, 4),
        round(south + height, 4),
    ]
