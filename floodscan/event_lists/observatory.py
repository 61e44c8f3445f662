"""The lists that go back to the Dartmouth Flood Observatory.

Its own list is a Shapefile, whose format cuts names of columns to ten letters. The Global Flood
Database is a CSV with the areas as KML. In both, ``Began`` is the day on which a flood began.

Sources: https://floodobservatory.colorado.edu/Archives,
https://github.com/cloudtostreet/MODIS_GlobalFloodDatabase
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from floodscan.event_lists.kml import parse_kml
from floodscan.event_lists.rows import ListOptions, ListRow, id_text, read_records, text_of
from floodscan.event_lists.times import read_end, read_time
from floodscan.inputs.event_files import open_table, translated_errors
from floodscan.inputs.moments import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from floodscan.inputs.notices import Notes

    Record = Mapping[str, Any]

ASSUMED_ONSET_HOUR: Final = 12.0
"""For dates on which floods began: half of them began later than at noon."""

_AMERICAN: Final = "%m/%d/%Y"


def read_global_flood_database(
    paths: Sequence[Path], options: ListOptions, notes: Notes
) -> Iterator[ListRow]:
    """Read tables of the Global Flood Database."""
    for path in paths:
        read = partial(
            _read_flood,
            prefix="GFD",
            source="Global Flood Database",
            spelled=options.date_format or _AMERICAN,
            notes=notes,
        )
        yield from _read(path, read, notes)


def read_dartmouth(paths: Sequence[Path], options: ListOptions, notes: Notes) -> Iterator[ListRow]:
    """Read tables of the Dartmouth Flood Observatory."""
    for path in paths:
        read = partial(
            _read_flood,
            prefix="DFO",
            source="Dartmouth Flood Observatory",
            spelled=options.date_format,
            notes=notes,
        )
        yield from _read(path, read, notes)


def _read(path: Path, read: Any, notes: Notes) -> Iterator[ListRow]:  # noqa: ANN401 - a function
    with translated_errors(path):
        table = open_table(path, notes, keep=lambda _: True)
        yield from read_records(iter(table.rows), path, read)


def _read_flood(
    row: str, found: Record, *, prefix: str, source: str, spelled: str | None, notes: Notes
) -> Record:
    day, _ = read_time("Began", found.get("began"), spelled)
    area = found.get("geometry")
    if isinstance(area, str) and area.lstrip().startswith("<"):
        area = parse_kml("geometry", area)
    number = found.get("id")
    return {
        "event_id": None if is_missing(number) else f"{prefix}_{id_text(number)}",
        "event_date": day,
        "assumed_onset_hour": ASSUMED_ONSET_HOUR,
        "end": read_end("Ended", found.get("ended"), spelled, began=day, notes=notes, row=row),
        "name": text_of(found.get("maincause")),
        "country": text_of(found.get("country")),
        "source": source,
        "geometry": area,
    }
