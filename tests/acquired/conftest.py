"""A catalog of scenes and products, of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from floodscan import Recipe
from floodscan.testing.fake_catalog import ItemsInMemory
from floodscan.testing.servers import catalog as catalog_files
from floodscan.testing.servers.launch import lean_server, pgstac_server
from tests.acquired.products import (
    CATALOG_ID,
    PRODUCTS,
    demo_items,
)
from tests.catalogs.archive.test_same_as_api import write_archive
from tests.servers import records
from tests.services import open_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of both collections, on disk."""
    path, items = tmp_path_factory.mktemp("catalog"), demo_items()
    collections = records.collections_for(items, records.demo_collections())
    catalog_files.write(path, collections=collections, items=items)
    return path


@pytest.fixture(scope="session")
def products_lean_api(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A STAC API of it, in memory."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with lean_server(folder, landing_id=CATALOG_ID, log=log) as server:
        yield server.url


@pytest.fixture(scope="session")
def products_pgstac_api(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The STAC API of Planetary Computer; skipped without PostGIS, except on CI, where it fails."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with open_service(pgstac_server(folder, landing_id=CATALOG_ID, log=log)) as server:
        yield server.url


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of it."""
    path = tmp_path_factory.mktemp("archive") / "both"
    write_archive(path, demo_items(), row_group_size=50)
    return str(path)


@pytest.fixture(scope="session")
def memory() -> ItemsInMemory:
    """A catalog of it without a server."""
    assets = {asked.collection: asked.assets for asked in Recipe().sensors.values()}
    return ItemsInMemory.read(demo_items(), {**assets, PRODUCTS: ()})
