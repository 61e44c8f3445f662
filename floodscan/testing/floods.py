"""The 913 quality-checked floods of the Global Flood Database: number, dates, place and size.

    python -m floodscan.testing.floods gfd_qcdatabase_2019_08_01.csv

derives ``floods.csv`` from the list at https://github.com/cloudtostreet/MODIS_GlobalFloodDatabase
(MIT licence; Tellman et al., "Satellite imaging reveals increased proportion of population exposed
to floods", Nature 596, 2021). Numbers, dates, centres and sizes are those of the Dartmouth Flood
Observatory, whose archive the list is a part of.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

FLOODS_PATH = Path(__file__).with_name("floods.csv")
AREA_DEGREES = (0.8, 0.74)
"""Width and height of a study area, as in the demo."""

_DATE = "%m/%d/%Y"


class Flood(NamedTuple):
    """A flood, and a study area around its centre (degrees).

    The names are the columns of an event table that ``floodscan scan`` reads.
    """

    event_id: str
    event_date: str
    west: float
    south: float
    east: float
    north: float


def read_floods() -> list[Flood]:
    """Read all floods, the earliest first; the event date is the first day of the flood."""
    with FLOODS_PATH.open(encoding="utf-8", newline="") as file:
        return [_flood(row) for row in csv.DictReader(file)]


def write_events(path: Path, floods: Iterable[Flood]) -> None:
    """Write floods as an event table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Flood._fields)
        writer.writerows(floods)


def derive_floods(source: Path) -> list[tuple[int, str, str, float, float, float]]:
    """Derive the rows of ``floods.csv``, by first day and number, from the published list."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = [
            (
                int(row["ID"]),
                _day(row["Began"]),
                _day(row["Ended"]),
                round(float(row["long"]), 6),
                round(float(row["lat"]), 6),
                round(float(row["Area"]), 1),
            )
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def main() -> None:
    """Write ``floods.csv`` from the file that the command line names."""
    with FLOODS_PATH.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", "began", "ended", "lon", "lat", "area_km2"])
        writer.writerows(derive_floods(Path(sys.argv[1])))


def _flood(row: dict[str, str]) -> Flood:
    lon, lat = float(row["lon"]), float(row["lat"])
    width, height = AREA_DEGREES
    west, south = round(lon - width / 2, 4), round(lat - height / 2, 4)
    east, north = round(west + width, 4), round(south + height, 4)
    return Flood(f"dfo_{row['number']}", row["began"], west, south, east, north)


def _day(text: str) -> str:
    return f"{datetime.strptime(text, _DATE).replace(tzinfo=UTC):%Y-%m-%d}"


if __name__ == "__main__":
    main()
