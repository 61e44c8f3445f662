"""The route of statistics, on the software that Planetary Computer runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
import pytest
import shapely

from floodscan.catalogs.pixel_access import CloudSource
from floodscan.clearsky.base import Area
from floodscan.clearsky.cache import ReadCache
from floodscan.clearsky.raster import decode, find_overview
from floodscan.planning.targets import Target
from floodscan.testing.scene_classes import TilePlace
from floodscan.testing.servers.launch import data_server
from floodscan.testing.servers.proxy import fault_proxy
from tests.clearsky.sites import COLLECTION, PLACE, area_of, reader_for, scene_of, write_tile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.clearsky.base import Scene
    from floodscan.clearsky.raster import Raster
    from floodscan.testing.servers.process import Server
    from tests.clearsky.sites import Site

ROOT = "/api/data/v1"
DATELINE = TilePlace(32660, 600_000.0, 6_000_000.0)
TILES = {"clouds": (PLACE, 0.0), "wedge": (PLACE, 0.6), "dateline": (DATELINE, 0.0)}
AREAS = {
    "whole": area_of(2.2, 50.0, 2.6, 50.3),
    "small": area_of(2.30, 50.10, 2.35, 50.13),
    "over the edge": area_of(1.3, 49.6, 1.9, 49.9),
    "triangle": Area.of(
        Target("aoi", shapely.Polygon([(2, 49.8), (2.8, 49.8), (2, 50.3)]), (2, 49.8, 2.8, 50.3))
    ),
}


class DataApi(NamedTuple):
    """A data API, and the folder of its rasters."""

    server: Server
    folder: Path

    @property
    def url(self) -> str:
        """Its root."""
        return self.server.url + ROOT

    def overview(self, scene: Scene) -> Raster:
        """Read the overview of a tile from its file."""
        content = (self.folder / f"{scene.item_id}.tif").read_bytes()
        return decode(content, find_overview(content[: 2**17]), scene)


@pytest.fixture(scope="module")
def data_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataApi]:
    """Serve the items of ``TILES``."""
    folder = tmp_path_factory.mktemp("items")
    (folder / COLLECTION).mkdir()
    for name, (place, wedge) in TILES.items():
        write_tile(folder, name, seed=1, place=place, wedge=wedge)
        item = _make_item(scene_of(name, place), folder / f"{name}.tif")
        (folder / COLLECTION / f"{name}.json").write_bytes(orjson.dumps(item))
    with data_server(folder, log=folder / "server.log") as server:
        yield DataApi(server, folder)


def _make_item(scene: Scene, file: Path) -> dict[str, object]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene.item_id,
        "collection": scene.collection,
        "geometry": orjson.loads(shapely.to_geojson(scene.footprint)),
        "bbox": list(scene.footprint.bounds),
        "properties": {"datetime": "2021-07-15T10:00:00Z"},
        "links": [],
        "assets": {"SCL": {"href": str(file), "type": "image/tiff; application=geotiff"}},
    }


@pytest.mark.parametrize("tile", ["clouds", "wedge"])
@pytest.mark.parametrize("name", AREAS)
def test_statistics_and_overview_agree(name: str, tile: str, data_api: DataApi) -> None:
    """Both look at the same ground, through pixels of other sizes."""
    reader = reader_for("agree", sources=(CloudSource.STATISTICS,), data_api=data_api.url)
    scene, area = scene_of(tile), AREAS[name]
    found = reader.read(scene, [area])
    assert found.unread is None
    assert found.source is CloudSource.STATISTICS
    assert found.n_requests == 1
    (ground,) = found.grounds
    assert ground.at_points is None
    assert ground.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        ground.shares, data_api.overview(scene).look_at(area).shares, atol=0.04
    )


def test_an_area_across_the_antimeridian_is_asked_for_in_two_parts(data_api: DataApi) -> None:
    """Its bounds would else span the Earth."""
    lat = 53.6
    parts = [shapely.box(179.7, lat, 180, lat + 0.2), shapely.box(-180, lat, -179.9, lat + 0.2)]
    area = Area.of(Target("aoi", shapely.MultiPolygon(parts), (179.7, lat, -179.9, lat + 0.2)))
    west, south, east, north = DATELINE.bounds
    assert west < east
    assert south < north
    scene = replace(
        scene_of("dateline", DATELINE),
        footprint=shapely.union_all([each.buffer(1) for each in parts]),
    )
    reader = reader_for("dateline", sources=(CloudSource.STATISTICS,), data_api=data_api.url)
    found = reader.read(scene, [area])
    assert found.n_requests == 2
    np.testing.assert_allclose(
        found.grounds[0].shares, data_api.overview(scene).look_at(area).shares, atol=0.04
    )


def test_counts_are_kept(data_api: DataApi, tmp_path: Path) -> None:
    """The same scene and area are not asked for again; another area is."""
    reader = reader_for(
        "kept",
        sources=(CloudSource.STATISTICS,),
        data_api=data_api.url,
        cache=ReadCache(tmp_path, not_before=0.0),
    )
    first = reader.read(scene_of("clouds"), [AREAS["whole"]])
    again = reader.read(scene_of("clouds"), [AREAS["whole"]])
    other = reader.read(scene_of("clouds"), [AREAS["whole"], AREAS["small"]])
    assert [each.n_requests for each in (first, again, other)] == [1, 0, 1]
    assert [each.cached for each in (first, again, other)] == [False, True, False]
    np.testing.assert_array_equal(first.grounds[0].shares, again.grounds[0].shares)
    assert first.resolution_m == again.resolution_m


@pytest.mark.parametrize("fault", ["404", "500", "reset", "truncated", "broken json", "no page"])
def test_a_fault_of_the_data_api_leaves_a_scene_unread(fault: str, data_api: DataApi) -> None:
    """The reason is told."""
    with fault_proxy(data_api.server.url, script=lambda _: fault) as way:
        way.everywhere = True
        reader = reader_for(
            f"broken {fault}", sources=(CloudSource.STATISTICS,), data_api=way.url + ROOT
        )
        found = reader.read(scene_of("clouds"), [AREAS["small"]])
    assert found.unread is not None
    assert found.unread.startswith("the data API ")
    assert found.grounds == ()


def test_statistics_stand_in_for_files_that_can_not_be_read(
    data_api: DataApi, raster_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And overviews for statistics; without the other source a scene stays unread."""
    area = AREAS["small"]
    overview, statistics = CloudSource.OVERVIEW, CloudSource.STATISTICS
    readers = {
        order: reader_for("both", sources=order, data_api=data_api.url)
        for order in ((overview, statistics), (statistics, overview), (overview,))
    }
    with raster_site.reached(monkeypatch):
        sources = {
            name: [readers[order].read(scene_of(name), [area]).source for order in readers]
            for name in ("clouds", "wedge")  # the site of files has the first, the API has both
        }
        unread = readers[overview, statistics].read(scene_of("neither"), [area]).unread
    assert sources == {
        "clouds": [overview, statistics, overview],
        "wedge": [statistics, statistics, None],
    }
    assert unread is not None
    assert "its file answered with HTTP status 404; the data API answered with" in unread
