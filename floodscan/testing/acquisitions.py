"""Frames of Sentinel-1 and scenes of Sentinel-2 over places of the Earth, from their orbits.

Many are held as arrays, one element each; ``frame_of`` and ``scene_of`` take out a single one, as
``stac_items`` needs it. Footprints have straight edges. The weather and the polarisations are drawn
from a seed, so the same place and time always have the same scene.
"""

from __future__ import annotations

import math
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import shapely

from floodscan.testing.clouds import cloud_cover
from floodscan.testing.orbits import SENTINEL_1, SENTINEL_2
from floodscan.testing.stac_items import Sentinel1Frame, Sentinel2Scene
from floodscan.testing.tile_grids import tile_grid, turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from floodscan.testing.orbits import Passes
    from floodscan.testing.stac_items import OrbitState

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

FRAME_DURATION: Final = timedelta(seconds=25)
PROCESSING_DELAY: Final = timedelta(hours=20)
BASELINE: Final = "03.01"
SENTINEL_1_NAMES: Final = tuple(SENTINEL_1.satellites)
SENTINEL_2_NAMES: Final = tuple(SENTINEL_2.satellites)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRAMES_PER_ORBIT = 237  # of 25 seconds
_FRAME_OVERLAP_DEGREES = 0.05
_LAST_FRAME_LAT = 78.0
_HALF_TURN = 180.0
_SINGLE_POL_OF = 10  # one pass in ten has one polarisation
_TILE_HALF_DEGREES = 0.7
_SWATH_ALONG_DEGREES = 2.5  # a tile is well inside
_DESCENDING_NODE = 180.0  # all tiles of a pass begin at the same time, as in real products


class FrameGrid(NamedTuple):
    """The frames of one Sentinel-1 cycle: relative orbits, numbers along them and footprints."""

    orbits: Integers
    numbers: Integers
    footprints: NDArray[np.object_]
    tree: shapely.STRtree


class Frames(NamedTuple):
    """Sentinel-1 frames, an array of shape (n,) each.

    Attributes:
        place: Numbers in the grid of frames.
        platform: Numbers in ``SENTINEL_1_NAMES``.
        start: Microseconds since 1970.
        absolute_orbit: Orbits since 1970.
        datatake: Ids of the datatakes.
        is_single: True for frames with one polarisation.
    """

    place: Integers
    platform: Integers
    start: Integers
    absolute_orbit: Integers
    datatake: Integers
    is_single: NDArray[np.bool_]

    def take(self, chosen: Integers) -> Frames:
        """Take out some of the frames."""
        return Frames(
            self.place[chosen],
            self.platform[chosen],
            self.start[chosen],
            self.absolute_orbit[chosen],
            self.datatake[chosen],
            self.is_single[chosen],
        )


class ScenePlaces(NamedTuple):
    """Tiles with an orbit that may see them, an array of shape (p,) each.

    Attributes:
        tile: Numbers in the grid of tiles.
        orbit: Relative orbits.
        swath: The ground of the orbit around the tile, in degrees.
    """

    tile: Integers
    orbit: Integers
    swath: NDArray[np.object_]

    def take(self, places: Integers) -> ScenePlaces:
        """Take out some of the places."""
        return ScenePlaces(self.tile[places], self.orbit[places], self.swath[places])


class Scenes(NamedTuple):
    """Sentinel-2 scenes, an array of shape (n,) each.

    Attributes:
        place: Numbers in their places.
        platform: Numbers in ``SENTINEL_2_NAMES``.
        start: Microseconds since 1970.
        absolute_orbit: Orbits since 1970.
        cloud_cover: Percent.
    """

    place: Integers
    platform: Integers
    start: Integers
    absolute_orbit: Integers
    cloud_cover: Floats

    def take(self, chosen: Integers) -> Scenes:
        """Take out some of the scenes."""
        return Scenes(
            self.place[chosen],
            self.platform[chosen],
            self.start[chosen],
            self.absolute_orbit[chosen],
            self.cloud_cover[chosen],
        )


@cache
def frame_grid() -> FrameGrid:
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
    return FrameGrid(orbits[kept], numbers[kept], footprints, shapely.STRtree(footprints))


def find_frames(
    places: Integers, start: datetime, end: datetime, *, from_first: bool = True, seed: int = 0
) -> Frames:
    """Find the frames at places of the grid, in the order of the places, shape (n,).

    Args:
        places: Numbers in the grid of frames, shape (p,).
        start: Earliest start of a frame.
        end: Latest start of a frame.
        from_first: False for frames as if all satellites had always flown.
        seed: Another seed draws other polarisations.
    """
    grid = frame_grid()
    numbers = grid.numbers[places]
    along = numbers * 360 / _FRAMES_PER_ORBIT
    passes = SENTINEL_1.passes(grid.orbits[places], along, start, end, from_first=from_first)
    ascending = are_ascending(numbers)[passes.place]
    orbits, inverse = np.unique(
        np.stack([passes.platform, passes.absolute_orbit]), axis=1, return_inverse=True
    )
    names = (f"{SENTINEL_1_NAMES[platform]}{orbit}" for platform, orbit in orbits.T.tolist())
    drawn = np.array([zlib.crc32(name.encode(), seed) for name in names], dtype=np.int64)
    return Frames(
        places[passes.place],
        passes.platform,
        passes.start,
        passes.absolute_orbit,
        passes.absolute_orbit * 8 + ascending,
        (drawn % _SINGLE_POL_OF == 0)[inverse.ravel()],
    )


def frames_of(frames: Frames) -> Iterator[Sentinel1Frame]:
    """Take out the frames one by one."""
    grid = frame_grid()
    for place, platform, start, absolute_orbit, datatake, is_single in zip(
        *(values.tolist() for values in frames), strict=True
    ):
        state: OrbitState = "ascending" if are_ascending(grid.numbers[place]) else "descending"
        yield Sentinel1Frame(
            platform=SENTINEL_1_NAMES[platform],
            start=moment(start),
            duration=FRAME_DURATION,
            footprint=grid.footprints[place],
            relative_orbit=int(grid.orbits[place]),
            absolute_orbit=absolute_orbit,
            orbit_state=state,
            datatake=datatake,
            polarizations=("VV",) if is_single else ("VV", "VH"),
        )


def scene_places(tiles: Iterable[int]) -> ScenePlaces:
    """List the orbits that may see tiles of the grid, tile by tile."""
    found = [(tile, *seen) for tile in tiles for seen in _orbits_over(tile)]
    tile_numbers, orbits, swaths = zip(*found, strict=True) if found else ((), (), ())
    return ScenePlaces(
        np.array(tile_numbers, np.int64), np.array(orbits, np.int64), np.array(swaths, object)
    )


def find_scenes(
    places: ScenePlaces,
    start: datetime,
    end: datetime,
    *,
    from_first: bool = True,
    seed: int = 0,
) -> Scenes:
    """Find the scenes at places, in the order of the places, shape (n,).

    Args:
        places: Tiles and orbits, shape (p,).
        start: Earliest start of a scene.
        end: Latest start of a scene.
        from_first: False for scenes as if all satellites had always flown.
        seed: Another seed draws other weather.
    """
    passes = find_tile_passes(places, start, end, from_first=from_first)
    tiles = places.tile[passes.place]
    names = (passes.absolute_orbit * len(SENTINEL_2_NAMES) + passes.platform) << 17 | tiles
    covers = cloud_cover(tile_centres()[tiles], passes.start, names, seed=seed)
    return Scenes(passes.place, passes.platform, passes.start, passes.absolute_orbit, covers)


def find_tile_passes(
    places: ScenePlaces, start: datetime, end: datetime, *, from_first: bool = True
) -> Passes:
    """Find the scenes as ``find_scenes`` does, without their clouds."""
    return SENTINEL_2.passes(places.orbit, _DESCENDING_NODE, start, end, from_first=from_first)


def scenes_of(scenes: Scenes, places: ScenePlaces) -> Iterator[Sentinel2Scene]:
    """Take out the scenes one by one."""
    tiles = tile_grid().names
    for place, platform, start, absolute_orbit, covered in zip(
        *(values.tolist() for values in scenes), strict=True
    ):
        yield Sentinel2Scene(
            tile=tiles[places.tile[place]],
            platform=SENTINEL_2_NAMES[platform],
            start=moment(start),
            generated=moment(start) + PROCESSING_DELAY,
            relative_orbit=int(places.orbit[place]),
            absolute_orbit=absolute_orbit,
            baseline=BASELINE,
            cloud_cover=covered,
            swath=places.swath[place],
        )


@cache
def tile_centres() -> Floats:
    """Return longitude and latitude of the tiles of the grid, shape (t, 2)."""
    return shapely.get_coordinates(shapely.centroid(tile_grid().footprints))


def moment(microseconds: int) -> datetime:
    """Return the time that is this long after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def are_ascending(numbers: Integers) -> NDArray[np.bool_]:
    """Return True for frames on the way north, by their numbers along the orbit, shape (n,)."""
    quarter = _FRAMES_PER_ORBIT / 4
    return (numbers < quarter) | (numbers >= 3 * quarter)


def _orbits_over(tile: int) -> Iterator[tuple[int, shapely.Polygon]]:
    """Draw the part of each orbit's swath that may cover a tile."""
    lon, lat = tile_centres()[tile].tolist()
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
