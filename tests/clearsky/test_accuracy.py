"""The classes of areas from overviews, against all pixels of the same rasters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from floodscan.clearsky.base import Area, Ground
from floodscan.clearsky.columns import FRACTIONS
from floodscan.clearsky.raster import Raster, decode, find_overview
from floodscan.planning.targets import Target
from floodscan.testing.scene_classes import TilePlace
from tests.clearsky.areas import count_all, draw_area, to_area
from tests.clearsky.sites import PLACE, area_of, classes_of, scene_of, write_tile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLEAR = [*FRACTIONS["clear_frac"]]
N_AREAS = 200


def _read(folder: Path, place: TilePlace, *, seed: int, wedge: float = 0.0) -> Raster:
    """Write a tile, and read its overview from the first bytes of the file."""
    name = f"{seed}-{place.epsg}"
    write_tile(folder, name, seed=seed, place=place, wedge=wedge)
    content = (folder / f"{name}.tif").read_bytes()
    return decode(content, find_overview(content[: 2**17]), scene_of(name, place))


def test_shares_of_an_overview_are_those_of_all_pixels(tmp_path: Path) -> None:
    """200 areas of 3 to 60 km, some beyond the edge of the tile or of its data."""
    random = np.random.default_rng(5)
    errors = []
    for seed, wedge in ((1, 0.0), (2, 0.6)):
        classes = classes_of(seed, wedge=wedge)
        raster = _read(tmp_path, PLACE, seed=seed, wedge=wedge)
        for _ in range(N_AREAS // 2):
            area = draw_area(random, PLACE)
            found = raster.look_at(to_area(area, PLACE)).shares
            expected = count_all(classes, PLACE, area)
            errors.append(abs(found[CLEAR].sum() - expected[CLEAR].sum()))
    assert np.median(errors) <= 0.01
    assert np.percentile(errors, 95) <= 0.03


NEIGHBOURS = (TilePlace(32631, 600_000.0, 5_600_040.0), TilePlace(32632, 199_980.0, 5_600_040.0))
"""Tiles of two UTM zones, which overlap."""


def test_an_area_at_the_edge_of_a_zone_has_points_in_both_tiles(tmp_path: Path) -> None:
    """The tiles of two zones overlap; each point is found in each tile that has it."""
    area = area_of(5.7, 50.0, 6.2, 50.3)
    inside = []
    for place in NEIGHBOURS:
        forward = Transformer.from_crs("OGC:CRS84", f"EPSG:{place.epsg}", always_xy=True)
        xs, ys = forward.transform(area.lons, area.lats)
        west, south, east, north = place.bounds
        inside.append((xs >= west) & (xs < east) & (ys > south) & (ys <= north))
        ground = _read(tmp_path, place, seed=1).look_at(area)
        np.testing.assert_array_equal(_points(ground), inside[-1])
    assert inside[0].any()
    assert inside[1].any()
    assert (inside[0] | inside[1]).mean() > inside[0].mean()


def test_tiles_of_one_pass_make_one_area(tmp_path: Path) -> None:
    """Two halves of the same ground give together what the whole gives."""
    whole = _read(tmp_path, PLACE, seed=1)
    area = to_area(
        shapely.box(
            PLACE.west + 20_000, PLACE.north - 60_000, PLACE.west + 60_000, PLACE.north - 20_000
        ),
        PLACE,
    )
    middle = whole.classes.shape[1] // 2
    west, south, east, north = whole.edges
    cut = west + middle * whole.resolution_m
    parts = [
        Raster(whole.classes[:, :middle], whole.epsg, (west, south, cut, north)),
        Raster(whole.classes[:, middle:], whole.epsg, (cut, south, east, north)),
    ]
    points = [_points(part.look_at(area)) for part in parts]
    assert not (points[0] & points[1]).any()
    np.testing.assert_array_equal(points[0] | points[1], _points(whole.look_at(area)))


def _points(ground: Ground) -> NDArray[np.bool_]:
    assert ground.at_points is not None
    return ground.at_points > 0


ACROSS = {
    "zone 60 north": (TilePlace(32660, 600_000.0, 6_000_000.0), 53.6),
    "zone 1 north": (TilePlace(32601, 199_980.0, 6_000_000.0), 53.6),
    "zone 60 south": (TilePlace(32760, 750_000.0, 8_200_000.0), -16.7),
    "zone 1 south": (TilePlace(32701, 100_000.0, 8_200_000.0), -16.7),
}


@pytest.mark.parametrize("name", ACROSS)
def test_an_area_across_the_antimeridian_has_points_on_both_sides(
    name: str, tmp_path: Path
) -> None:
    """The tile of zone 60 or 1 has ground on both sides of 180°."""
    place, lat = ACROSS[name]
    raster = _read(tmp_path, place, seed=1)
    halves = [shapely.box(179.9, lat, 180, lat + 0.2), shapely.box(-180, lat, -179.9, lat + 0.2)]
    whole = shapely.MultiPolygon(halves)
    area = Area.of(Target("aoi", whole, (179.9, lat, -179.9, lat + 0.2)))
    ground = raster.look_at(area)
    assert ground.at_points is not None
    assert (area.lons > 0).mean() == pytest.approx(0.5, abs=0.01)
    seen = [(ground.at_points[side] > 0).mean() for side in (area.lons > 0, area.lons < 0)]
    assert seen == [1.0, 1.0]


def test_points_far_away_have_no_data(tmp_path: Path) -> None:
    """An area on the other side of the Earth is outside the raster, wherever it is projected to."""
    raster = _read(tmp_path, PLACE, seed=1)
    far = Area.of(Target("aoi", shapely.box(-170, -60, -169, -59), (-170, -60, -169, -59)))
    assert raster.look_at(far).shares[0] == 1
