"""Transformers between coordinate systems."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from floodscan.geometry.projections import open_transformer

SEED = 20210715


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [
        ("EPSG:32601", -179.0, 60.0),
        ("EPSG:32632", 11.0, 50.0),
        ("EPSG:32760", 179.0, -20.0),
        ("EPSG:32661", 20.0, 85.0),
        ("EPSG:3035", 11.0, 50.0),
    ],
)
def test_a_zone_by_parameters_gives_the_coordinates_of_its_code(
    crs: str, lon: float, lat: float
) -> None:
    """To the last bit, in both directions; systems that are no UTM zone are looked up."""
    rng = np.random.default_rng(SEED)
    places = np.array([rng.uniform(lon - 1, lon + 1, 100), rng.uniform(lat - 2, lat + 2, 100)])
    metres = rng.uniform(2e5, 8e6, (2, 100))
    for ends, points in ((("OGC:CRS84", crs), places), ((crs, "OGC:CRS84"), metres)):
        looked_up = pyproj.Transformer.from_crs(*ends, always_xy=True)
        assert np.array_equal(
            open_transformer(*ends).transform(*points), looked_up.transform(*points)
        )
