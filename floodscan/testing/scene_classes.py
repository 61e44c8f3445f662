"""Rasters of scene classes as Sentinel-2 has them, drawn at random and written by GDAL.

The fields are smooth at several scales, so that clouds, their shadows and the ground have shapes of
many sizes. The files are cloud-optimised GeoTIFFs like those of Planetary Computer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Classes = NDArray[np.uint8]
    Numbers = NDArray[np.float32]

SIZE = 5490
"""Rows and columns of a tile."""

PIXEL_M = 20.0

_NODATA, _SHADOW = 0, 3
_GROUND = np.array([6, 2, 5, 7, 4], np.uint8)  # water, dark, bare, not classified, plants
_SKY = np.array([0, 10, 8, 9], np.uint8)  # none, cirrus, clouds of medium and high probability
_CLOUD_LEVELS = (-0.1, 0.0, 0.3)
_CLOUD_SCALES = {400: 1.0, 120: 0.6, 30: 0.25}  # pixels: weight
_GROUND_SCALES = {150: 0.9, 40: 0.7, 12: 0.45}
_GROUND_LEVELS = (-1.4, -1.2, 0.25, 0.3)
_SHADOW_SHIFT = (-15, 25)  # rows, columns
_WEDGE_SLOPE = 0.25


class TilePlace(NamedTuple):
    """Where a tile is: the code of its UTM zone, and its north-western corner in metres."""

    epsg: int
    west: float
    north: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edges."""
        return (self.west, self.north - SIZE * PIXEL_M, self.west + SIZE * PIXEL_M, self.north)


def draw_classes(seed: int, *, cloudy: float = 0.5, wedge: float = 0.0) -> Classes:
    """Draw the classes of a tile, shape (5490, 5490).

    Args:
        seed: Another seed gives other clouds on other ground.
        cloudy: Threshold of the clouds: the lower, the more there are.
        wedge: Share of the northern edge that has no data, as at the edge of a swath.
    """
    clouds = _draw_field(seed, _CLOUD_SCALES)
    ground = _draw_field(seed + 1_000_000, _GROUND_SCALES)
    found = _GROUND[np.digitize(ground, _GROUND_LEVELS)]
    found[np.roll(clouds, _SHADOW_SHIFT, (0, 1)) > cloudy] = _SHADOW
    sky = _SKY[np.digitize(clouds - cloudy, _CLOUD_LEVELS)]
    found = np.where(sky > 0, sky, found)
    if wedge:
        rows, columns = np.ogrid[:SIZE, :SIZE]
        found[columns < wedge * SIZE - _WEDGE_SLOPE * rows] = _NODATA
    return found


def _draw_field(seed: int, scales: dict[int, float]) -> Numbers:
    """Sum up smooth noise of several scales, shape (5490, 5490)."""
    random = np.random.default_rng(seed)
    total = np.zeros((SIZE, SIZE), np.float32)
    for scale, weight in scales.items():
        n_knots = SIZE // scale + 2
        knots = random.normal(size=(n_knots, n_knots)).astype(np.float32)
        cells, parts = np.divmod(np.arange(SIZE) / scale, 1)
        cell = cells.astype(np.int64)
        part = (parts * parts * (3 - 2 * parts)).astype(np.float32)
        rows = knots[cell] * (1 - part)[:, None] + knots[cell + 1] * part[:, None]
        total += weight * (rows[:, cell] * (1 - part) + rows[:, cell + 1] * part)
    return total


def write_classes(file: Path, classes: Classes, place: TilePlace) -> None:
    """Write classes as a cloud-optimised GeoTIFF.

    Args:
        file: The new file.
        classes: Shape (rows, columns); fewer rows than a tile has are larger pixels.
        place: Where they are.
    """
    import rasterio  # noqa: PLC0415 - of an extra

    rows, columns = classes.shape
    pixel_m = PIXEL_M * SIZE / rows
    grid = rasterio.Affine(pixel_m, 0, place.west, 0, -pixel_m, place.north)
    size = {"height": rows, "width": columns, "count": 1, "dtype": "uint8", "nodata": 0}
    layout = {"compress": "DEFLATE", "blocksize": 512, "overview_resampling": "NEAREST"}
    with rasterio.open(
        file, "w", "COG", crs=f"EPSG:{place.epsg}", transform=grid, **size, **layout
    ) as raster:
        raster.write(classes, 1)
