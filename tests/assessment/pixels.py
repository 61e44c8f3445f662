"""The pixels of a manifest's scenes as GeoTIFFs, and a server for them.

The GeoTIFFs have the grid that the item describes, and pixels where the scene has data: all over
the raster of a Sentinel-2 tile and of the DEM, and inside the footprint of a Sentinel-1 scene.
Only the blocks around the event are written; GDAL reads the others as missing.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pyproj
import rasterio
import requests
import shapely
from affine import Affine
from rasterio import windows
from rasterio.features import rasterize
from rasterio.windows import Window
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from floodscan.testing.servers.process import LOOPBACK, child, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, Any]
    Box = tuple[float, float, float, float]

FOLDER_VARIABLE = "FLOODSCAN_TEST_PIXELS"
_BLOCK = 512
_MARGIN_DEGREES = 0.05  # the grid of an event reaches beyond its bbox
_NO_DATA = {"sentinel-1-rtc": -32768, "sentinel-2-l2a": 0, "cop-dem-glo-30": None}
_KINDS = {"sentinel-1-rtc": "float32", "sentinel-2-l2a": "uint16", "cop-dem-glo-30": "float32"}
VALUE = 7
"""Value of each pixel with data."""


def create_app() -> Starlette:
    """Serve the files of a folder, whole or in ranges."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=os.environ[FOLDER_VARIABLE]))])


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder from loopback, in a process of its own; gives the URL."""
    port, log = free_port(), folder.parent / "pixels.log"
    app = ["--factory", "tests.assessment.pixels:create_app"]
    command = [sys.executable, "-m", "uvicorn", *app, "--host", LOOPBACK, "--port", str(port)]
    url = f"http://{LOOPBACK}:{port}"
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    env = {FOLDER_VARIABLE: str(folder), "PYTHONPATH": paths}
    with child(command, log=log, env=env) as process:
        wait_until(lambda: _answers(url), process, log=log)
        yield url


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.ConnectionError:
        return False
    return True


def write_scene(item: Json, folder: Path, bbox: Box) -> None:
    """Write the assets of an item around a box in degrees, under the paths of their hrefs."""
    epsg, collection = item["properties"]["proj:epsg"], item["collection"]
    for asset in item["assets"].values():
        path = folder / urlsplit(asset["href"]).path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = asset["proj:shape"]
        to_crs = Affine(*asset["proj:transform"])
        with rasterio.open(
            path, "w", driver="GTiff", height=rows, width=columns, count=1,
            dtype=_KINDS[collection], nodata=_NO_DATA[collection], crs=f"EPSG:{epsg}",
            transform=to_crs, tiled=True, blockxsize=_BLOCK, blockysize=_BLOCK,
            compress="deflate", sparse_ok=True,
        ) as raster:  # fmt: skip
            window = _find_window(to_crs, (rows, columns), epsg, bbox)
            raster.write(_draw(item, window, to_crs, raster), 1, window=window)


def _find_window(to_crs: Affine, shape: tuple[int, int], epsg: int, bbox: Box) -> Window:
    """Find the blocks around a box."""
    transformer = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{epsg}", always_xy=True)
    box = shapely.box(*bbox).buffer(_MARGIN_DEGREES).bounds
    west, south, east, north = transformer.transform_bounds(*box, densify_pts=21)
    around = windows.from_bounds(west, south, east, north, to_crs)
    return Window.from_slices(
        *(
            (
                max(0, floor(first / _BLOCK) * _BLOCK),
                min(size, ceil(last / _BLOCK) * _BLOCK),
            )
            for (first, last), size in zip(around.toranges(), shape, strict=True)
        )
    )


def _draw(item: Json, window: Window, to_crs: Affine, raster: Any) -> np.ndarray:  # noqa: ANN401
    shape = (round(window.height), round(window.width))
    if item["collection"] != "sentinel-1-rtc":
        return np.full(shape, VALUE, dtype=raster.dtypes[0])
    epsg = item["properties"]["proj:epsg"]
    transformer = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{epsg}", always_xy=True)
    footprint = shapely.segmentize(shapely.geometry.shape(item["geometry"]), 0.01)
    outline = shapely.transform(
        footprint, lambda points: np.column_stack(transformer.transform(*points.T))
    )
    drawn: np.ndarray = rasterize(
        [(outline, VALUE)], out_shape=shape, transform=windows.transform(window, to_crs),
        fill=_NO_DATA["sentinel-1-rtc"], dtype=raster.dtypes[0],
    )  # fmt: skip
    return drawn
