"""Tiles: they cover the AOI once, and their names do not depend on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import shapely

from floodscan import Event, Phase
from floodscan.geometry.footprints import bbox_of, bbox_polygon
from floodscan.inputs.areas import utm_crs
from floodscan.planning.targets import plan_targets


def event(*bbox: float) -> Event:
    """Make an event of a bbox."""
    west, south, east, north = bbox
    aoi = bbox_polygon(west, south, east, north)
    day = date(2021, 7, 15)
    return Event(
        event_id="e",
        aoi=aoi,
        bbox=bbox_of(aoi),
        phase_dates=dict.fromkeys(Phase, day),
        onset=datetime(2021, 7, 15, tzinfo=UTC),
        target_crs=utm_crs(bbox_of(aoi)),
    )


def test_without_a_size_the_aoi_is_the_only_target() -> None:
    """Its id is ``aoi``."""
    (target,) = plan_targets(event(5.7, 49.4, 6.5, 50.2), None)
    assert (target.target_id, target.bbox) == ("aoi", (5.7, 49.4, 6.5, 50.2))


@pytest.mark.parametrize(
    "bbox", [(5.7, 49.4, 6.5, 50.2), (-70.2, -40.1, -69.9, -39.8), (179.7, -18.2, -179.6, -17.9)]
)
def test_tiles_cover_the_aoi_once(bbox: tuple[float, ...]) -> None:
    """Their union is the AOI, and no two overlap, across the antimeridian too."""
    whole, *tiles = plan_targets(event(*bbox), 10_000)
    areas = [tile.area for tile in tiles]
    assert len(tiles) > 4
    assert shapely.union_all(areas).symmetric_difference(whole.area).area < 1e-9
    assert sum(area.area for area in areas) == pytest.approx(whole.area.area, rel=1e-9)
    assert all((tile.bbox[2] - tile.bbox[0]) % 360 < 0.2 for tile in tiles)


def test_a_cell_has_the_same_name_for_every_aoi_of_a_zone() -> None:
    """A tile inside two AOIs has the same area and the same name in both."""
    one = {t.target_id: t.area for t in plan_targets(event(6.1, 49.4, 6.9, 50.2), 10_000)[1:]}
    other = {
        t.target_id: t.area
        for t in plan_targets(
            replace(event(6.3, 49.5, 7.3, 50.3), target_crs="EPSG:32632"), 10_000
        )[1:]
    }
    shared = [name for name in one if name in other]
    assert len(shared) > 10
    inner = shapely.box(6.35, 49.55, 6.85, 50.15)
    for name in shared:
        assert (
            one[name].intersection(inner).symmetric_difference(other[name].intersection(inner)).area
            < 1e-9
        )


def test_tiles_are_ordered_by_column_and_row() -> None:
    """This is the order of the grid."""
    cells = [
        tuple(map(int, t.target_id.split("_")[1:]))
        for t in plan_targets(event(6.1, 49.4, 6.9, 50.2), 20_000)[1:]
    ]
    assert cells == sorted(cells)
