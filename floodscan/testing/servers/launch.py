"""Start the servers, each in a process of its own, and stop them at the end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from floodscan.testing.servers import rasters
from floodscan.testing.servers.pgstac import database_of
from floodscan.testing.servers.process import (
    CATALOG_VARIABLE,
    ITEMS_VARIABLE,
    LANDING_VARIABLE,
    serve,
)
from floodscan.testing.servers.sas import LIFETIME_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.testing.servers.process import Server


@contextlib.contextmanager
def lean_server(catalog: Path, *, landing_id: str, log: Path) -> Iterator[Server]:
    """Serve a catalog from memory.

    Args:
        catalog: Folder of the catalog, as `catalog.write` leaves it.
        landing_id: Id of the landing page.
        log: File for the output of the server.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: It did not start.
    """
    env = {CATALOG_VARIABLE: str(catalog), LANDING_VARIABLE: landing_id}
    with serve("floodscan.testing.servers.lean:create_app", log=log, env=env) as server:
        yield server


@contextlib.contextmanager
def pgstac_server(catalog: Path, *, landing_id: str, log: Path) -> Iterator[Server]:
    """Serve a catalog from PostgreSQL, in a database of its own.

    Args:
        catalog: Folder of the catalog, as `catalog.write` leaves it.
        landing_id: Id of the landing page.
        log: File for the output of the server.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: PostgreSQL or PostGIS is not installed, or did not start.
    """
    with database_of(catalog) as database:
        env = {**database, LANDING_VARIABLE: landing_id}
        with serve("floodscan.testing.servers.pgstac:create_app", log=log, env=env) as server:
            yield server


@contextlib.contextmanager
def sas_server(*, log: Path, lifetime_seconds: float = 2700.0) -> Iterator[Server]:
    """Serve SAS tokens.

    Args:
        log: File for the output of the server.
        lifetime_seconds: Seconds until a token expires.

    Yields:
        The server; tokens are below its `TOKEN_PATH`.

    Raises:
        ServerUnavailableError: It did not start.
    """
    env = {LIFETIME_VARIABLE: str(lifetime_seconds)}
    with serve("floodscan.testing.servers.sas:create_app", log=log, env=env) as server:
        yield server


@contextlib.contextmanager
def raster_server(folder: Path, *, log: Path) -> Iterator[Server]:
    """Serve the files of a folder in ranges, and blobs to those who have a SAS token.

    Args:
        folder: The folder.
        log: File for the output of the server.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: It did not start.
    """
    env = {rasters.FOLDER_VARIABLE: str(folder)}
    with serve("floodscan.testing.servers.rasters:create_app", log=log, env=env) as server:
        yield server


@contextlib.contextmanager
def data_server(items: Path, *, log: Path) -> Iterator[Server]:
    """Serve the statistics of the items of a folder, as Planetary Computer's data API does.

    Args:
        items: The folder, with a file ``COLLECTION/ITEM.json`` for each item.
        log: File for the output of the server.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: It did not start.
    """
    env = {ITEMS_VARIABLE: str(items)}
    with serve("floodscan.testing.servers.data_api:create_app", log=log, env=env) as server:
        yield server
