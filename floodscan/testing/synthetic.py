"""The generator of synthetic catalogs: items from passes over places, and their collections.

The passes come from one of two sources. ``luxembourg_2021`` knows the ones over the demo's area,
from published facts. Here, any region of the Earth is filled from the orbits of the satellites and
the grids of tiles: footprints have straight edges, and clouds are drawn from a hash, so the same
region always gets the same items.
"""

from __future__ import annotations

import math
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from floodscan.testing.land import land_cells
from floodscan.testing.orbits import SENTINEL_1, SENTINEL_2
from floodscan.testing.stac_items import (
    DEMO_DOMAIN,
    STAC_VERSION,
    Sentinel1Frame,
    Sentinel2Scene,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
)
from floodscan.testing.tile_grids import tile_grid, turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from floodscan.testing.floods import Flood
    from floodscan.testing.land import Cell
    from floodscan.testing.orbits import Pass
    from floodscan.testing.stac_items import Item

Box = tuple[float, float, float, float]
"""West, south, east and north, in degrees."""

COLLECTIONS = ("sentinel-1-rtc", "sentinel-2-l2a", "cop-dem-glo-30")
DAYS_BEFORE, DAYS_AFTER = 40, 13
"""First and last day that the default recipe searches, from the event date."""

_TITLES = {
    "sentinel-1-rtc": "Sentinel 1 Radiometrically Terrain Corrected (RTC)",
    "sentinel-2-l2a": "Sentinel-2 Level-2A",
    "cop-dem-glo-30": "Copernicus DEM GLO-30",
}
_FRAMES_PER_ORBIT = 237  # of 25 seconds
_FRAME_OVERLAP_DEGREES = 0.05
_LAST_FRAME_LAT = 78.0
_HALF_TURN = 180.0
_SINGLE_POL_OF = 10  # one pass in ten has one polarisation
_TILE_HALF_DEGREES = 0.7
_SWATH_ALONG_DEGREES = 2.5  # a tile is well inside
_DEM_MARGIN_DEGREES = 1.0


class Region(NamedTuple):
    """A box and a time span that a catalog has items for."""

    bbox: Box
    start: datetime
    end: datetime


def regions_of(floods: Iterable[Flood]) -> list[Region]:
    """List what the default recipe searches for floods, each in its own box."""
    regions = []
    for flood in floods:
        day = datetime.fromisoformat(flood.event_date).replace(tzinfo=UTC)
        start, end = day - timedelta(days=DAYS_BEFORE), day + timedelta(days=DAYS_AFTER + 1)
        regions.append(Region((flood.west, flood.south, flood.east, flood.north), start, end))
    return regions


def make_items(
    *,
    frames: Iterable[Sentinel1Frame],
    scenes: Iterable[Sentinel2Scene],
    dem_cells: Iterable[Cell],
) -> Iterator[Item]:
    """Make the items of three collections, each id once.

    Args:
        frames: Frames of Sentinel-1 passes.
        scenes: Tiles of Sentinel-2 passes; a tile that the pass did not see becomes no item.
        dem_cells: South-western corners of DEM tiles.
    """
    seen: set[str] = set()
    for made in (
        map(sentinel_1_item, frames),
        filter(None, map(sentinel_2_item, scenes)),
        (cop_dem_item(*cell) for cell in dem_cells),
    ):
        for item in made:
            if item["id"] not in seen:
                seen.add(item["id"])
                yield item


def generate_items(
    regions: Sequence[Region], *, dem_boxes: Sequence[Box] = (), from_first: bool = True
) -> Iterator[Item]:
    """Make all items that touch the regions, region by region.

    Args:
        regions: Where and when.
        dem_boxes: More boxes that get DEM tiles, which have no time.
        from_first: False for items as if all satellites had flown since 1970.
    """
    yield from make_items(
        frames=(f for region in regions for f in region_frames(region, from_first=from_first)),
        scenes=(s for region in regions for s in region_scenes(region, from_first=from_first)),
        dem_cells=sorted(_cells_near([*(region.bbox for region in regions), *dem_boxes])),
    )


def make_collection(
    name: str,
    *,
    description: str = "Made from orbits and tile grids; no address leads anywhere.",
    bbox: Sequence[float] = (-180.0, -90.0, 180.0, 90.0),
    interval: Sequence[str | None] = ("2014-10-03T00:00:00Z", None),
) -> dict[str, Any]:
    """Make the STAC collection of one of the three kinds of item."""
    api = f"https://planetarycomputer.{DEMO_DOMAIN}/api/stac/v1"
    own = f"{api}/collections/{name}"
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": name,
        "title": _TITLES[name],
        "description": description,
        "license": "proprietary",
        "extent": {"spatial": {"bbox": [list(bbox)]}, "temporal": {"interval": [list(interval)]}},
        "links": [
            {"rel": "self", "type": "application/json", "href": own},
            {"rel": "root", "type": "application/json", "href": f"{api}/"},
            {"rel": "parent", "type": "application/json", "href": f"{api}/"},
            {"rel": "items", "type": "application/geo+json", "href": f"{own}/items"},
        ],
    }


class _FrameGrid(NamedTuple):
    """The frames of one Sentinel-1 cycle: relative orbits, numbers along them and footprints."""

    orbits: NDArray[np.intp]
    numbers: NDArray[np.intp]
    footprints: NDArray[np.object_]
    tree: shapely.STRtree


@cache
def _frame_grid() -> _FrameGrid:
    """Draw all frames but those near the poles and across the antimeridian."""
    orbits, numbers = (
        grid.ravel() for grid in np.mgrid[1 : SENTINEL_1.n_orbits + 1, 0:_FRAMES_PER_ORBIT]
    )
    step = 360 / _FRAMES_PER_ORBIT
    begin, end = numbers * step, (numbers + 1) * step + _FRAME_OVERLAP_DEGREES
    look, half = SENTINEL_1.look_degrees, SENTINEL_1.half_width_degrees
    lons, lats = SENTINEL_1.locate(
        orbits[:, None],
        np.stack([begin, end, end, begin], axis=1),
        np.array([look - half, look - half, look + half, look + half]),
    )
    kept = (np.ptp(lons, axis=1) < _HALF_TURN) & (np.abs(lats).max(axis=1) < _LAST_FRAME_LAT)
    footprints = shapely.polygons(np.stack([lons, lats], axis=-1)[kept].round(6))
    return _FrameGrid(orbits[kept], numbers[kept], footprints, shapely.STRtree(footprints))


def region_frames(region: Region, *, from_first: bool) -> Iterator[Sentinel1Frame]:
    """Make the Sentinel-1 frames of a region, in the order of the grid."""
    grid = _frame_grid()
    for index in np.sort(grid.tree.query(shapely.box(*region.bbox), "intersects")).tolist():
        orbit, number = int(grid.orbits[index]), int(grid.numbers[index])
        along = number * 360 / _FRAMES_PER_ORBIT
        for each in SENTINEL_1.passes(
            orbit, along, region.start, region.end, from_first=from_first
        ):
            yield _frame(each, orbit, number, grid.footprints[index])


def _frame(flown: Pass, orbit: int, number: int, footprint: shapely.Polygon) -> Sentinel1Frame:
    quarter = _FRAMES_PER_ORBIT / 4
    ascending = not quarter <= number < 3 * quarter
    draw = zlib.crc32(f"{flown.platform}{flown.absolute_orbit}".encode())
    return Sentinel1Frame(
        platform=flown.platform,
        start=flown.start,
        duration=timedelta(seconds=25),
        footprint=footprint,
        relative_orbit=orbit,
        absolute_orbit=flown.absolute_orbit,
        orbit_state="ascending" if ascending else "descending",
        datatake=flown.absolute_orbit * 8 + ascending,
        polarizations=("VV",) if draw % _SINGLE_POL_OF == 0 else ("VV", "VH"),
    )


def region_scenes(region: Region, *, from_first: bool) -> Iterator[Sentinel2Scene]:
    """Make the Sentinel-2 scenes of a region, tile by tile.

    All tiles of a pass begin at the same time, as in real products: here at the descending node.
    """
    grid = tile_grid()
    for index in grid.find(region.bbox):
        centre = shapely.centroid(grid.footprints[index])
        for orbit, swath in _swaths_over(centre.x, centre.y):
            for each in SENTINEL_2.passes(
                orbit, 180.0, region.start, region.end, from_first=from_first
            ):
                yield _scene(grid.names[index], each, orbit, swath)


def _swaths_over(lon: float, lat: float) -> Iterator[tuple[int, shapely.Polygon]]:
    """Draw the part of each orbit's swath that may cover a tile with this centre."""
    along = SENTINEL_2.descend_to(lat)
    half = SENTINEL_2.half_width_degrees
    orbits = np.arange(1, SENTINEL_2.n_orbits + 1)
    lons, _ = SENTINEL_2.locate(orbits, along)
    reach = (half + _TILE_HALF_DEGREES) / math.cos(math.radians(lat))
    steps = along + _SWATH_ALONG_DEGREES * np.array([-1, 0, 1, 1, 0, -1])
    sides = half * np.array([-1, -1, -1, 1, 1, 1])
    for orbit in orbits[np.abs(turn(lons - lon)) < reach].tolist():
        edge_lons, edge_lats = SENTINEL_2.locate(orbit, steps, sides)
        points = np.stack([lon + turn(edge_lons - lon), edge_lats], axis=-1)
        yield orbit, shapely.Polygon(points)


def _scene(tile: str, flown: Pass, orbit: int, swath: shapely.Polygon) -> Sentinel2Scene:
    draw = zlib.crc32(f"{tile}{flown.start:%Y%m%d}".encode()) / 2**32
    return Sentinel2Scene(
        tile=tile,
        platform=flown.platform,
        start=flown.start,
        generated=flown.start + timedelta(hours=20),
        relative_orbit=orbit,
        absolute_orbit=flown.absolute_orbit,
        baseline="03.01",
        cloud_cover=round(100 * draw**0.6, 6),
        swath=swath,
    )


def _cells_near(boxes: Iterable[Box]) -> set[Cell]:
    """List the cells with land in the boxes and one degree around them."""
    cells = set()
    for west, south, east, north in boxes:
        lats, lons = (
            range(math.floor(low - _DEM_MARGIN_DEGREES), math.floor(high + _DEM_MARGIN_DEGREES) + 1)
            for low, high in ((south, north), (west, east))
        )
        cells |= {(lat, lon) for lat in lats for lon in lons}
    return cells & land_cells()
