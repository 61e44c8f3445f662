"""Servers of files and tokens, and a tile of classes, for the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from floodscan.testing.servers.launch import raster_server, sas_server
from tests.clearsky.sites import CONTAINER, PLACE, Site, write_tile

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def raster_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Files behind SAS tokens: the tile ``clouds`` at ``PLACE``."""
    pytest.importorskip("rasterio")
    folder = tmp_path_factory.mktemp("rasters")
    container = folder / CONTAINER
    container.mkdir()
    write_tile(container, "clouds", seed=1, place=PLACE)
    logs = tmp_path_factory.mktemp("logs")
    with (
        raster_server(folder, log=logs / "files.log") as files,
        sas_server(log=logs / "sas.log") as sas,
    ):
        yield Site(container, files, sas)
