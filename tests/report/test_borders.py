"""The bundled coasts and borders: the whole world, in their true places, in a small file."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import shapely

from floodscan.report.borders import BORDERS_PATH, build_borders

KM_PER_DEGREE = 111.2
TOPOLOGY = {
    "type": "Topology",
    "transform": {"scale": [1, 1], "translate": [0, 0]},
    # two squares side by side: the line between them, and the other lines of each
    "arcs": [
        [[1, 0], [0, 1]],
        [[1, 1], [-1, 0], [0, -1], [1, 0]],
        [[1, 0], [1, 0], [0, 1], [-1, 0]],
    ],
    "objects": {
        "countries": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]]},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]]},
                {"type": None},
            ],
        }
    },
}


@pytest.fixture(scope="module")
def lines() -> gpd.GeoDataFrame:
    """Read all bundled lines."""
    return gpd.read_parquet(BORDERS_PATH)


def distance_km(lines: gpd.GeoDataFrame, lon: float, lat: float) -> float:
    """Return the distance of the nearest line, in kilometres."""
    stretch = np.array([np.cos(np.radians(lat)), 1]) * KM_PER_DEGREE
    near = lines.cx[lon - 1 : lon + 1, lat - 1 : lat + 1].geometry.to_numpy()
    flat = shapely.transform(near, lambda points: points * stretch)
    return float(shapely.distance(flat, shapely.Point(*(np.array([lon, lat]) * stretch))).min())


def test_file_is_small_and_names_its_source() -> None:
    """It is part of the wheel."""
    metadata = pq.read_schema(BORDERS_PATH).metadata
    assert BORDERS_PATH.stat().st_size <= 1_200_000
    assert b"Natural Earth" in metadata[b"attribution"]
    assert b"public domain" in metadata[b"attribution"]


def test_file_is_geoparquet_with_a_covering() -> None:
    """Other tools can read it, or a window of it."""
    geo = orjson.loads(pq.read_schema(BORDERS_PATH).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0"
    assert column["geometry_types"] == ["LineString"]
    assert set(column["covering"]["bbox"]) == {"xmin", "ymin", "xmax", "ymax"}


def test_lines_are_valid_and_go_around_the_world(lines: gpd.GeoDataFrame) -> None:
    """They reach from Antarctica to Greenland, in short pieces."""
    west, south, east, north = lines.total_bounds
    assert (west, east) == (-180, 180)
    assert south < -80
    assert north > 83
    assert lines.geometry.is_valid.all()
    assert (shapely.length(lines.geometry) > 0).all()
    assert shapely.get_num_coordinates(lines.geometry).max() <= 256


def test_no_line_jumps_over_the_antimeridian_or_runs_along_it(lines: gpd.GeoDataFrame) -> None:
    """Steps that only close a ring are not coasts."""
    points, owner = shapely.get_coordinates(lines.geometry, return_index=True)
    steps = np.diff(points[:, 0])[np.diff(owner) == 0]
    at_seam = np.abs(points[:, 0]) == 180
    assert np.abs(steps).max() < 30  # the longest follows the 49th parallel
    assert not (at_seam[:-1] & at_seam[1:] & (np.diff(owner) == 0)).any()


@pytest.mark.parametrize(
    ("kind", "lon", "lat"),
    [
        ("border", 6.367, 49.469),  # where Luxembourg, Germany and France meet
        ("border", 6.137, 50.130),  # where Luxembourg, Germany and Belgium meet
        ("border", 6.021, 50.754),  # where Germany, Belgium and the Netherlands meet
        ("coast", -5.716, 50.066),  # Land's End
        ("coast", -9.500, 38.781),  # Cabo da Roca
        ("coast", 18.474, -34.357),  # Cape of Good Hope
        ("coast", 178.555, -37.690),  # East Cape
    ],
)
def test_lines_are_near_known_points(
    lines: gpd.GeoDataFrame, kind: str, lon: float, lat: float
) -> None:
    """A line is within 5 km of capes, and of points where three countries meet."""
    assert distance_km(lines[lines["kind"] == kind], lon, lat) < 5


def test_reading_a_window_reads_only_its_pieces() -> None:
    """The file has row groups, so that a reader can skip most of it."""
    near = gpd.read_parquet(BORDERS_PATH, bbox=(5.7, 49.4, 6.6, 50.2))
    assert 0 < len(near) < 50
    groups = pq.ParquetFile(BORDERS_PATH).metadata
    assert groups.num_row_groups > 5


def test_lines_that_countries_share_are_borders_and_all_others_coasts() -> None:
    """Two squares side by side share one line."""
    table = build_borders(TOPOLOGY)
    lines = shapely.to_wkt(shapely.from_wkb(table["geometry"].to_numpy()))
    assert dict(zip(lines, table["kind"].to_pylist(), strict=True)) == {
        "LINESTRING (1 0, 1 1)": "border",
        "LINESTRING (1 1, 0 1, 0 0, 1 0)": "coast",
        "LINESTRING (1 0, 2 0, 2 1, 1 1)": "coast",
    }
