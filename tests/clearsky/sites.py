"""A site of files behind SAS tokens, as ``tests.clearsky.conftest`` starts it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import shapely
from pyproj import Transformer

from floodscan.catalogs.rate_limiter import LocalRateLimiter
from floodscan.clearsky.base import Area, Scene
from floodscan.clearsky.files import READ_LIMITS, Line
from floodscan.clearsky.reader import CloudReader
from floodscan.planning.targets import Target
from floodscan.testing.scene_classes import TilePlace, draw_classes, write_classes
from floodscan.testing.servers.proxy import fault_proxy
from tests.servers.fixtures import signing_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pytest
    from numpy.typing import NDArray

    from floodscan.testing.servers.process import Server
    from floodscan.testing.servers.proxy import FaultProxy, Script

ACCOUNT, CONTAINER = "sentinel2l2a01", "sentinel2-l2"
HOST = f"http://{ACCOUNT}.blob.core.windows.net/{CONTAINER}"
COLLECTION = "sentinel-2-l2a"
PLACE = TilePlace(32631, 399960.0, 5600040.0)
LIMITS = replace(
    READ_LIMITS,
    request_seconds=3.0,
    silence_seconds=2.5,
    search_seconds=20.0,
    tries=3,
    search_tries=3,
    pause_seconds=0.01,
    max_pause_seconds=0.02,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Running servers.

    Attributes:
        folder: The files of the container.
        files: The server of files.
        sas: The server of tokens.
    """

    folder: Path
    files: Server
    sas: Server

    @contextlib.contextmanager
    def reached(
        self, patch: pytest.MonkeyPatch, *, script: Script | None = None, latency: float = 0.0
    ) -> Iterator[FaultProxy]:
        """Let this process reach the files under their addresses at Azure, by a proxy.

        Args:
            patch: Sets the environment.
            script: Returns the fault of the n-th read.
            latency: Seconds by which each read is delayed.
        """
        with (
            fault_proxy(self.files.url, script=script or (lambda _: None), latency=latency) as way,
            signing_by(f"{self.sas.url}/token", patch),
        ):
            way.everywhere = True
            patch.setenv("http_proxy", way.url)
            patch.setenv("no_proxy", "127.0.0.1")
            yield way


@cache
def classes_of(seed: int, *, wedge: float = 0.0) -> NDArray[np.uint8]:
    """Draw a tile once."""
    return draw_classes(seed, wedge=wedge)


def write_tile(folder: Path, name: str, *, seed: int, place: TilePlace, wedge: float = 0.0) -> None:
    """Write a tile to the container."""
    write_classes(folder / f"{name}.tif", classes_of(seed, wedge=wedge), place)


def scene_of(name: str, place: TilePlace = PLACE, *, href: str | None = None) -> Scene:
    """Describe a tile as its item does."""
    west, south, east, north = place.bounds
    corners = [(west, south), (west, north), (east, north), (east, south)]
    back = Transformer.from_crs(f"EPSG:{place.epsg}", "OGC:CRS84", always_xy=True)
    return Scene(
        collection=COLLECTION,
        item_id=name,
        href=href or f"{HOST}/{name}.tif",
        epsg=place.epsg,
        bounds=place.bounds,
        footprint=shapely.Polygon([back.transform(*corner) for corner in corners]),
    )


def area_of(west: float, south: float, east: float, north: float) -> Area:
    """Return a box of longitudes and latitudes as a target."""
    box = shapely.box(west, south, east, north)
    return Area.of(Target("aoi", box, (west, south, east, north)))


def reader_for(name: str, **changes: object) -> CloudReader:
    """Make a reader with connections of its own."""
    line = Line(LocalRateLimiter(name=name), LIMITS)
    return replace(CloudReader(line=line, max_scenes=80, n_at_once=16), **changes)  # type: ignore[arg-type]
