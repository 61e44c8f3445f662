"""The generator of synthetic catalogs: items from passes over places, and their collections.

The passes come from one of two sources. ``luxembourg_2021`` knows the ones over the demo's area,
from published facts. ``acquisitions`` knows those over any region of the Earth, from the orbits of
the satellites and the grids of tiles, so the same region always gets the same items.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from floodscan.testing.acquisitions import (
    find_frames,
    find_scenes,
    frame_grid,
    frames_of,
    scene_places,
    scenes_of,
)
from floodscan.testing.land import land_cells
from floodscan.testing.stac_items import (
    DEMO_DOMAIN,
    STAC_VERSION,
    cop_dem_item,
    sentinel_1_item,
    sentinel_2_item,
)
from floodscan.testing.tile_grids import tile_grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from floodscan.testing.floods import Flood
    from floodscan.testing.land import Cell
    from floodscan.testing.stac_items import Item, Sentinel1Frame, Sentinel2Scene

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
    regions: Sequence[Region],
    *,
    dem_boxes: Sequence[Box] = (),
    from_first: bool = True,
    seed: int = 0,
) -> Iterator[Item]:
    """Make all items that touch the regions, region by region.

    Args:
        regions: Where and when.
        dem_boxes: More boxes that get DEM tiles, which have no time.
        from_first: False for items as if all satellites had flown since 1970.
        seed: Another seed draws other clouds and polarisations.
    """
    frames = (region_frames(region, from_first=from_first, seed=seed) for region in regions)
    scenes = (region_scenes(region, from_first=from_first, seed=seed) for region in regions)
    yield from make_items(
        frames=chain.from_iterable(frames),
        scenes=chain.from_iterable(scenes),
        dem_cells=sorted(dem_cells_near([*(region.bbox for region in regions), *dem_boxes])),
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


def region_frames(region: Region, *, from_first: bool, seed: int = 0) -> Iterator[Sentinel1Frame]:
    """Make the Sentinel-1 frames of a region, in the order of the grid."""
    places = np.sort(frame_grid().tree.query(shapely.box(*region.bbox), "intersects"))
    found = find_frames(places, region.start, region.end, from_first=from_first, seed=seed)
    return frames_of(found)


def region_scenes(region: Region, *, from_first: bool, seed: int = 0) -> Iterator[Sentinel2Scene]:
    """Make the Sentinel-2 scenes of a region, tile by tile."""
    places = scene_places(tile_grid().find(region.bbox))
    found = find_scenes(places, region.start, region.end, from_first=from_first, seed=seed)
    return scenes_of(found, places)


def dem_cells_near(boxes: Iterable[Box]) -> set[Cell]:
    """List the cells with land in the boxes and one degree around them."""
    cells = set()
    for west, south, east, north in boxes:
        lats, lons = (
            range(math.floor(low - _DEM_MARGIN_DEGREES), math.floor(high + _DEM_MARGIN_DEGREES) + 1)
            for low, high in ((south, north), (west, east))
        )
        cells |= {(lat, lon) for lat in lats for lon in lons}
    return cells & land_cells()
