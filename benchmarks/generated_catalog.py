"""A world-wide catalog made from repeat cycles and tile grids, over the places of real floods.

The same each time.

    python benchmarks/generated_catalog.py FOLDER [--events 200]

writes ``events.csv`` for ``floodscan scan`` and the catalog as the tests' servers read it
(``collections.ndjson``, ``items.ndjson``). Passes follow the missions' cycles (Sentinel-1: 175
orbits in 12 days, Sentinel-2: 143 in 10), the tracks over each MGRS tile are real, frames and
swaths are straight-edged, clouds are drawn from a hash.

Floods: the Global Flood Database from 2015 on; where more are asked for than it has (129), the
Dartmouth archive that it was made from. Grids and floods are read from a folder of other people's
records, by default ``../shared/data``.
"""

from __future__ import annotations

import argparse
import csv
import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from floodscan.testing.stac_items import (
    Sentinel1Frame,
    Sentinel2Scene,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Json = dict[str, Any]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COLLECTIONS = ("sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30")

FIRST_FLOOD = datetime(2015, 1, 1, tzinfo=UTC)
AREA_DEGREES = (0.8, 0.74)  # of a study area, as in the demo
DAYS_BEFORE, DAYS_AFTER = 40, 13  # the default recipe's first and last day around an event

_S1_START = {"S1A": datetime(2014, 10, 3, tzinfo=UTC), "S1B": datetime(2016, 9, 27, tzinfo=UTC)}
_S1_CYCLE, _S1_ORBITS = timedelta(days=12), 175
_S1_SLICE_DEGREES, _S1_SLICE_SECONDS = 1.6, 25
_S1_HALF_WIDTH_DEGREES = 1.13  # 250 km across
_S1_SINGLE_POL_OF = 10  # one pass in so many has one polarisation
_S2_START = {
    "S2A": datetime(2015, 7, 1, 10, 30, tzinfo=UTC),
    "S2B": datetime(2017, 7, 6, 10, 30, tzinfo=UTC),
}
_S2_CYCLE, _S2_ORBITS = timedelta(days=10), 143
_S2_HALF_WIDTH_DEGREES = 1.3  # 290 km across
_EARLY_CYCLES = 730  # of a satellite that flies before its launch: 20 years and more
_DRIFT = 0.27  # degrees of longitude that a track moves in one of latitude
_DEM_MARGIN_DEGREES = 1.0


class Flood(NamedTuple):
    """A flood of the records, with a study area about its middle."""

    event_id: str
    event_date: str
    west: float
    south: float
    east: float
    north: float


class Region(NamedTuple):
    """Where and when a catalog is to be full: west, south, east, north.

    First and last instant.
    """

    bbox: tuple[float, float, float, float]
    start: datetime
    end: datetime
    before_launch: bool = False  # as if all satellites had flown their tracks for decades


def read_floods(limit: int, *, data: Path = SHARED_DATA) -> list[Flood]:
    """Read floods on land from 2015 on, by their database's order: the Global Flood Database, then the archive.

    Args:
        limit: How many at most.
        data: Folder of the records.
    """
    rows = _read_database(data, FIRST_FLOOD)
    if limit > sum(row is not None for row in rows):
        rows += _read_archive(data)
    return _on_land(rows, data)[:limit]


def read_database(*, data: Path = SHARED_DATA) -> list[Flood]:
    """Read all floods on land of the Global Flood Database, most of them from before the satellites' time."""
    return _on_land(_read_database(data, datetime.min.replace(tzinfo=UTC)), data)


def _on_land(rows: Sequence[Flood | None], data: Path) -> list[Flood]:
    unique = {flood.event_id: flood for flood in reversed([row for row in rows if row is not None])}
    land = Grids(data)
    return [flood for flood in reversed(unique.values()) if land.tiles_in(flood[2:])]


def _read_database(data: Path, since: datetime) -> list[Flood | None]:
    with (data / "floods" / "gfd_qcdatabase_2019_08_01.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        return [_flood(row, "%m/%d/%Y", since) for row in csv.DictReader(file)]


def _read_archive(data: Path) -> list[Flood | None]:
    import geopandas as gpd  # noqa: PLC0415 - takes a second

    table = gpd.read_file(data / "floods" / "dfo_polys_20191203.shp", ignore_geometry=True)
    return [_flood(row, None, FIRST_FLOOD) for row in table.to_dict("records")]


def _flood(row: Json, date_format: str | None, since: datetime) -> Flood | None:
    began = row["Began"]
    day = (
        datetime.strptime(began, date_format).replace(tzinfo=UTC)
        if date_format
        else began.to_pydatetime()
    )
    day = day.replace(tzinfo=UTC)
    lon, lat = float(row["long"]), float(row["lat"])
    width, height = AREA_DEGREES
    if day < since or abs(lon) > 180 - width or abs(lat) > 75:
        return None
    west, south = round(lon - width / 2, 4), round(lat - height / 2, 4)
    return Flood(
        f"dfo_{row['ID']}",
        f"{day:%Y-%m-%d}",
        west,
        south,
        round(west + width, 4),
        round(south + height, 4),
    )


def regions_of(floods: Iterable[Flood], *, margin_degrees: float = 0.0) -> list[Region]:
    """Tell what a catalog must hold for the default recipe's searches, each in its own box, to be full."""
    regions = []
    for flood in floods:
        day = datetime.fromisoformat(flood.event_date).replace(tzinfo=UTC)
        west, south, east, north = flood[2:]
        box = (
            west - margin_degrees,
            south - margin_degrees,
            east + margin_degrees,
            north + margin_degrees,
        )
        regions.append(
            Region(box, day - timedelta(days=DAYS_BEFORE), day + timedelta(days=DAYS_AFTER + 1))
        )
    return regions


def generate_items(
    regions: Sequence[Region], *, data: Path = SHARED_DATA, world_dem: bool = False
) -> Iterator[Json]:
    """Make the items of the three collections that regions see, each once, region by region.

    Args:
        regions: Where and when.
        data: Folder of the grids.
        world_dem: Make the DEM's tiles of all land, not only those around the regions.
    """
    grids = Grids(data)
    seen: set[str] = set()
    dem = grids.dem_cells() if world_dem else _dem_cells_near(regions, grids.dem_cells())
    made = chain(
        (cop_dem_item(*cell) for cell in sorted(dem)),
        *(_scenes(grids, region) for region in regions),
    )
    for item in made:
        if item["id"] not in seen:
            seen.add(item["id"])
            yield item


def collections() -> list[Json]:
    """Make the STAC collection of each of the three kinds of item."""
    extent = {
        "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
        "temporal": {"interval": [["2014-10-03T00:00:00Z", None]]},
    }
    return [
        {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": name,
            "description": f"{name}, made from repeat cycles and tile grids",
            "license": "other",
            "extent": extent,
            "links": [],
        }
        for name in COLLECTIONS
    ]


def write_catalog(folder: Path, items: Iterable[Json]) -> int:
    """Write collections and items as the tests' servers read them, and tell how many items there are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "collections.ndjson").write_bytes(
        b"".join(orjson.dumps(each) + b"\n" for each in collections())
    )
    count = 0
    with (folder / "items.ndjson").open("wb") as file:
        for item in items:
            file.write(orjson.dumps(item) + b"\n")
            count += 1
    return count


def write_events(path: Path, floods: Iterable[Flood]) -> None:
    """Write floods as an event table that ``floodscan scan`` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Flood._fields)
        writer.writerows(floods)


class Track(NamedTuple):
    """A Sentinel-1 track over a slice of latitude, and the longitude of its middle there."""

    number: int
    ascending: bool
    slice_number: int
    lon: float


@dataclass(frozen=True)
class Grids:
    """The MGRS tiles on land, and the Sentinel-1 tracks over them.

    Attributes:
        data: Folder of the records.
    """

    data: Path = SHARED_DATA

    def tiles_in(self, bbox: Sequence[float]) -> list[str]:
        """List the names of the tiles that touch a box."""
        found = self._tree.query(shapely.box(*bbox), predicate="intersects")
        return [self._names[index] for index in np.sort(found)]

    def centre(self, tile: str) -> tuple[float, float]:
        """Tell longitude and latitude of a tile's middle."""
        lon, lat = self._centres[self._rows[tile]]
        return float(lon), float(lat)

    def dem_cells(self) -> set[tuple[int, int]]:
        """List the one-degree cells on land by latitude and longitude of the south-west corner."""
        corners = np.floor(self._centres).astype(int)
        return {(int(lat), int(lon)) for lon, lat in corners}

    def tracks_in(self, bbox: Sequence[float]) -> list[Track]:
        """List the frames of Sentinel-1 tracks that touch a box."""
        return [
            self._tracks[index]
            for index in np.sort(self._track_tree.query(shapely.box(*bbox), "intersects"))
        ]

    @cached_property
    def _table(self) -> pa.Table:
        return pq.read_table(
            self.data / "grids" / "sentinel-2-grid_LAND.parquet", columns=["tile", "geometry"]
        )

    @cached_property
    def _names(self) -> list[str]:
        return self._table["tile"].to_pylist()

    @cached_property
    def _geometries(self) -> np.ndarray:
        geometries = shapely.from_wkb(self._table["geometry"].to_numpy())
        west, _, east, _ = shapely.bounds(geometries).T
        geometries[east - west > 180] = (
            shapely.Polygon()
        )  # tiles across the antimeridian are left out
        return geometries

    @cached_property
    def _centres(self) -> np.ndarray:
        points = shapely.get_coordinates(
            shapely.centroid(self._geometries[~shapely.is_empty(self._geometries)])
        )
        centres = np.full((len(self._geometries), 2), 0.5)
        centres[~shapely.is_empty(self._geometries)] = points
        return centres

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._names)}

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._geometries)

    @cached_property
    def _tracks(self) -> list[Track]:
        """Average each track's longitude over the tiles of each slice of latitude."""
        columns = ["mgrs_tile_id", "track_number", "orbit_pass"]
        table = pq.read_table(
            self.data / "grids" / "mgrs_burst_lookup_table.parquet", columns=columns
        )
        lons: dict[tuple[int, bool, int], list[float]] = {}
        for row in table.group_by(columns).aggregate([]).to_pylist():
            if row["mgrs_tile_id"] in self._rows:
                lon, lat = self.centre(row["mgrs_tile_id"])
                ascending = row["orbit_pass"] == "ASCENDING"  # noqa: S105 - of a satellite
                key = (row["track_number"], ascending, math.floor(lat / _S1_SLICE_DEGREES))
                lons.setdefault(key, []).append(lon)
        narrow = {key: each for key, each in sorted(lons.items()) if max(each) - min(each) < 10}
        return [Track(*key, round(math.fsum(each) / len(each), 6)) for key, each in narrow.items()]

    @cached_property
    def _track_tree(self) -> shapely.STRtree:
        return shapely.STRtree([frame_footprint(track) for track in self._tracks])


def frame_footprint(track: Track) -> shapely.Polygon:
    """Draw a Sentinel-1 frame: a slanted box a little higher than its slice.

    Empty where it leaves the map.
    """
    south = track.slice_number * _S1_SLICE_DEGREES
    north = south + _S1_SLICE_DEGREES + 0.1
    half = _S1_HALF_WIDTH_DEGREES / math.cos(math.radians((south + north) / 2))
    lean = (-_DRIFT if track.ascending else _DRIFT) * (north - south) / 2
    if abs(track.lon) + half + abs(lean) > 180:
        return shapely.Polygon()
    west, east = track.lon - half, track.lon + half
    corners = [
        (west - lean, south),
        (east - lean, south),
        (east + lean, north),
        (west + lean, north),
    ]
    return shapely.Polygon([(round(x, 6), round(y, 6)) for x, y in corners])


def _scenes(grids: Grids, region: Region) -> Iterator[Json]:
    for track in grids.tracks_in(region.bbox):
        yield from _frames(track, region)
    for tile in grids.tiles_in(region.bbox):
        yield from _tile_scenes(tile, *grids.centre(tile), region)


def _frames(track: Track, region: Region) -> Iterator[Json]:
    along = track.slice_number * _S1_SLICE_SECONDS * (1 if track.ascending else -1)
    offset = track.number * _S1_CYCLE / _S1_ORBITS + timedelta(seconds=along)
    for platform, start, cycle in _passes(_S1_START, _S1_CYCLE, offset, region):
        orbit = cycle * _S1_ORBITS + track.number
        single = zlib.crc32(f"{platform}{orbit}".encode()) % _S1_SINGLE_POL_OF == 0
        frame = Sentinel1Frame(
            platform=platform,
            start=start,
            duration=timedelta(seconds=_S1_SLICE_SECONDS),
            footprint=frame_footprint(track),
            relative_orbit=track.number,
            absolute_orbit=orbit,
            orbit_state="ascending" if track.ascending else "descending",
            datatake=orbit * 8 + track.ascending,
            polarizations=("VV",) if single else ("VV", "VH"),
        )
        yield sentinel_1_item(frame)


def _tile_scenes(tile: str, lon: float, lat: float, region: Region) -> Iterator[Json]:
    half = _S2_HALF_WIDTH_DEGREES / math.cos(math.radians(lat))
    for orbit in range(_S2_ORBITS):
        middle = (-orbit * 3600 / _S2_ORBITS + _DRIFT * lat + 180) % 360 - 180
        if abs(lon - middle) < half + 0.8:
            for platform, start, cycle in _passes(
                _S2_START, _S2_CYCLE, orbit * _S2_CYCLE / _S2_ORBITS, region
            ):
                if item := sentinel_2_item(
                    _scene(tile, platform, start, (orbit, cycle), _swath(middle, lat, half))
                ):
                    yield item


def _scene(
    tile: str, platform: str, start: datetime, flown: tuple[int, int], swath: shapely.Polygon
) -> Sentinel2Scene:
    orbit, cycle = flown
    draw = zlib.crc32(f"{tile}{start:%Y%m%d}".encode()) / 2**32
    return Sentinel2Scene(
        tile=tile,
        platform=platform,
        start=start,
        generated=start + timedelta(hours=20),
        relative_orbit=orbit + 1,
        absolute_orbit=cycle * _S2_ORBITS + orbit,
        baseline="03.01",
        cloud_cover=round(100 * draw**0.6, 6),
        swath=swath,
    )


def _swath(middle: float, lat: float, half: float) -> shapely.Polygon:
    lean = _DRIFT * 2
    corners = [(-half - lean, -2), (half - lean, -2), (half + lean, 2), (-half + lean, 2)]
    return shapely.Polygon([(middle + x, lat + y) for x, y in corners])


def _passes(
    starts: dict[str, datetime], cycle: timedelta, offset: timedelta, region: Region
) -> Iterator[tuple[str, datetime, int]]:
    """List each satellite's passes inside a region's time: platform, start, and cycles flown."""
    early = _EARLY_CYCLES if region.before_launch else 0
    for platform, launch in starts.items():
        epoch = launch - early * cycle
        first = max(math.ceil((region.start - epoch - offset) / cycle), 0)
        last = math.floor((region.end - epoch - offset) / cycle)
        for number in range(first, last + 1):
            start = epoch + offset + number * cycle
            yield platform, start.replace(microsecond=start.microsecond // 1000 * 1000), number


def _dem_cells_near(regions: Iterable[Region], land: set[tuple[int, int]]) -> set[tuple[int, int]]:
    cells = set()
    for (west, south, east, north), *_ in regions:
        lats = range(
            math.floor(south - _DEM_MARGIN_DEGREES), math.floor(north + _DEM_MARGIN_DEGREES) + 1
        )
        lons = range(
            math.floor(west - _DEM_MARGIN_DEGREES), math.floor(east + _DEM_MARGIN_DEGREES) + 1
        )
        cells |= {(lat, lon) for lat in lats for lon in lons}
    return cells & land


def main() -> None:
    """Write the events and the catalog over them into a folder."""
    parser = argparse.ArgumentParser(
        description="Write a generated catalog over the places of real floods."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--world-dem", action="store_true", help="the DEM's tiles of all land")
    given = parser.parse_args()
    floods = read_floods(given.events)
    given.folder.mkdir(parents=True, exist_ok=True)
    write_events(given.folder / "events.csv", floods)
    count = write_catalog(
        given.folder, generate_items(regions_of(floods), world_dem=given.world_dem)
    )
    print(f"{len(floods)} events, {count} items in {given.folder}")


if __name__ == "__main__":
    main()
