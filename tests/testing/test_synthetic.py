"""The synthetic catalogs agree with each other, with the demo and with public records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import shapely
from stac_geoparquet.arrow import stac_table_to_items

from floodscan.testing.build_demo import build_items
from floodscan.testing.floods import FLOODS_PATH, derive_floods, read_floods
from floodscan.testing.land import land_cells
from floodscan.testing.orbits import SENTINEL_1, SENTINEL_2
from floodscan.testing.synthetic import (
    Region,
    generate_items,
    region_frames,
    region_scenes,
    regions_of,
)
from floodscan.testing.tile_grids import tile_grid, tile_square, turn

if TYPE_CHECKING:
    from pathlib import Path

LUXEMBOURG = (5.7333, 49.4426, 6.5282, 50.1830)
FLOOD = Region(LUXEMBOURG, datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 7, 31, tzinfo=UTC))


def passes(items: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    """Name the passes by satellite, day and relative orbit, if they see the study area."""
    area = shapely.box(*LUXEMBOURG)
    return {
        (item["id"][:3], p["datetime"][:10], p["sat:relative_orbit"])
        for item in items
        for p in [item["properties"]]
        if "2021-07-01" <= p["datetime"][:10] <= "2021-07-30"
        and shapely.geometry.shape(item["geometry"]).intersection(area).area > 0.01
    }


@pytest.mark.parametrize("collection", ["sentinel-1-rtc", "sentinel-2-l2a"])
def test_passes_over_luxembourg_are_the_published_ones(collection: str) -> None:
    """Orbits give the satellites, days and tracks that the demo knows from published facts."""
    made = [item for item in generate_items([FLOOD]) if item["collection"] == collection]
    assert passes(made) == passes(build_items()[collection])


def test_passes_come_at_the_published_time_of_day() -> None:
    """Track 37 passes shortly before six in the morning, track 15 at a quarter past five."""
    starts = {frame.relative_orbit: frame.start for frame in region_frames(FLOOD, from_first=True)}
    assert f"{starts[37]:%H:%M}" in {"05:50", "05:51"}
    assert f"{starts[15]:%H:%M}" in {"17:15", "17:16"}


def test_the_same_region_gets_the_same_items() -> None:
    """Each item comes once, also where regions overlap."""
    once = list(generate_items([FLOOD]))
    twice = list(generate_items([FLOOD, FLOOD]))
    assert [item["id"] for item in once] == [item["id"] for item in twice]
    assert orjson.dumps(once) == orjson.dumps(twice)


def test_satellites_begin_on_their_first_day() -> None:
    """Before their launch there are items only on demand."""
    early = FLOOD._replace(
        start=datetime(2001, 7, 1, tzinfo=UTC), end=datetime(2001, 7, 31, tzinfo=UTC)
    )
    assert list(region_frames(early, from_first=True)) == []
    assert list(region_scenes(early, from_first=True)) == []
    assert {frame.platform for frame in region_frames(early, from_first=False)} == {"S1A", "S1B"}
    assert {scene.platform for scene in region_scenes(early, from_first=False)} == {"S2A", "S2B"}


def test_a_region_is_covered_by_each_mission() -> None:
    """Every flood's study area is seen whole, by the frames of a cycle and by the tiles."""
    for region in regions_of(read_floods()[::100]):
        area = shapely.box(*region.bbox)
        frames = [frame.footprint for frame in region_frames(region, from_first=False)]
        assert shapely.union_all(frames).covers(area)
        tiles = [tile_grid().footprints[index] for index in tile_grid().find(region.bbox)]
        assert shapely.union_all(tiles).covers(area)


def test_land_is_where_it_is() -> None:
    """Cities and poles have land, the oceans and the Caspian Sea have none."""
    cells = land_cells()
    places = {(49, 6), (-1, 36), (-90, 0), (68, 179), (65, -179), (-18, 178), (71, -9)}
    assert places <= cells
    assert not {(0, -150), (42, 50), (-50, 20), (89, 0)} & cells


def test_floods_are_those_of_the_published_list(foreign_data: Path) -> None:
    """The bundled file is what the script derives."""
    derived = derive_floods(foreign_data / "floods" / "gfd_qcdatabase_2019_08_01.csv")
    lines = [",".join(map(str, row)) for row in derived]
    assert FLOODS_PATH.read_text("utf-8").splitlines()[1:] == lines
    assert len(read_floods()) == 913


def test_tiles_are_those_of_the_grid(foreign_data: Path) -> None:
    """All tiles on land are there but the 30 across the antimeridian, at the same corners."""
    path = foreign_data / "grids" / "sentinel-2-grid_LAND.parquet"
    table = pq.read_table(path, columns=["tile", "epsg", "utm_bounds"])
    made = set(tile_grid().names)
    missing = 0
    for tile, epsg, bounds in zip(
        *(table[name].to_pylist() for name in table.column_names), strict=True
    ):
        west, _, _, north = (float(edge) for edge in bounds.strip("()").split(","))
        assert tile_square(tile) == (epsg, west, north)
        missing += tile not in made
    assert missing == 30
    assert len(table) == 20_430


def test_tracks_are_those_of_the_bursts(foreign_data: Path) -> None:
    """Tiles lie in the swath of the tracks that the burst map lists for them."""
    lookup = pq.read_table(
        foreign_data / "grids" / "mgrs_burst_lookup_table.parquet",
        columns=["mgrs_tile_id", "track_number", "orbit_pass"],
    )
    listed = lookup.group_by(lookup.column_names).aggregate([]).to_pylist()
    grid = tile_grid()
    middles = shapely.get_coordinates(shapely.centroid(grid.footprints))
    centres = dict(zip(grid.names, middles, strict=True))
    found = [row for row in listed if row["mgrs_tile_id"] in centres]
    lons, lats = np.array([centres[row["mgrs_tile_id"]] for row in found]).T
    tracks = np.array([row["track_number"] for row in found])
    ascending = np.array([row["orbit_pass"] == "ASCENDING" for row in found])  # noqa: S105 - of a satellite
    here = np.abs(lats) < 65
    off = track_distance(tracks, lats, lons, ascending)[here]
    reach = SENTINEL_1.half_width_degrees + 0.8
    assert np.mean(off < reach) > 0.98


def track_distance(
    tracks: np.ndarray, lats: np.ndarray, lons: np.ndarray, ascending: np.ndarray
) -> np.ndarray:
    """Measure how far places are from the middle of a track's swath, in degrees eastwards."""
    along = np.arange(0, 360, 0.1)
    _, swath_lats = SENTINEL_1.locate(1, along, SENTINEL_1.look_degrees)
    north, south = (along < 88) | (along > 272), (along > 92) & (along < 268)
    distances = np.empty(len(lats))
    for is_ascending, half in ((True, north), (False, south)):
        chosen = ascending == is_ascending
        order = np.argsort(swath_lats[half])
        # 272° to 360° is the beginning of the way north
        unrolled = np.where(along > 180, along - 360, along) if is_ascending else along
        at = np.interp(lats[chosen], swath_lats[half][order], unrolled[half][order])
        middle, _ = SENTINEL_1.locate(tracks[chosen], at, SENTINEL_1.look_degrees)
        turned = np.where(at < 0, 360 / 175 * 12, 0)
        distances[chosen] = np.abs(turn(middle - lons[chosen] - turned)) * np.cos(
            np.radians(lats[chosen])
        )
    return distances


def test_real_sentinel_2_scenes_lie_in_their_orbits(foreign_data: Path) -> None:
    """Tiles of 1,000 real items are within the swath of the orbit that saw them."""
    table = pq.read_table(next((foreign_data / "planetary-computer").glob("*.parquet")))
    footprints = dict(zip(tile_grid().names, tile_grid().footprints, strict=True))
    for item in stac_table_to_items(table):
        properties = item["properties"]
        centre = shapely.centroid(footprints[properties["s2:mgrs_tile"]])
        along = SENTINEL_2.descend_to(centre.y)
        lon, _ = SENTINEL_2.locate(properties["sat:relative_orbit"], along)
        off = abs(float(turn(lon - centre.x))) * np.cos(np.radians(centre.y))
        assert off < SENTINEL_2.half_width_degrees + 0.7
