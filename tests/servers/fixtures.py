"""Fixtures of the servers, one of each for the whole session, and the catalog behind them."""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.servers import catalog as catalog_files
from tests.servers import records
from tests.servers.launch import lean_server, pgstac_server, sas_server
from tests.servers.process import Server, ServerUnavailableError
from tests.servers.sas import TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.catalog import Json

LANDING_ID = "floodscan-demo"


@dataclass(frozen=True, slots=True)
class StacApi:
    """A STAC API that runs for the tests.

    Attributes:
        url: Its landing page, without a slash at the end.
        landing_id: Id of the landing page.
        server: The server behind it.
    """

    url: str
    landing_id: str
    server: Server

    def searches(self) -> int:
        """Pages asked for since the server's start; tests compare two of these counts."""
        return self.server.searches()


@dataclass(frozen=True, slots=True)
class SasEndpoint:
    """A SAS token endpoint that runs for the tests.

    Attributes:
        url: What `PC_SDK_SAS_URL` is set to.
        server: The server behind it.
    """

    url: str
    server: Server

    def tokens(self) -> int:
        """Tokens asked for since the server's start; tests compare two of these counts."""
        return self.server.requests().total()


def shared_data() -> Path:
    """The folder of other people's records, which isn't part of the repository.

    Returns:
        The folder; the test that asks is skipped where there is none.
    """
    if not records.SHARED_DATA.is_dir():
        pytest.skip(f"needs the real records of {records.SHARED_DATA}")
    return records.SHARED_DATA


@pytest.fixture(scope="session")
def served_items() -> list[Json]:
    """What the STAC APIs serve: the demo's items and, where they are at hand, the real ones."""
    return records.unique([*records.demo_items(), *records.real_items()])


@pytest.fixture(scope="session")
def catalog_folder(served_items: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which the STAC APIs read."""
    folder = tmp_path_factory.mktemp("catalog")
    collections = records.collections_for(served_items, records.demo_collections())
    catalog_files.write(folder, collections=collections, items=served_items)
    return folder


@pytest.fixture(scope="session")
def lean_api(catalog_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StacApi]:
    """A STAC API in memory, up in a second or two."""
    log = tmp_path_factory.mktemp("lean") / "server.log"
    with lean_server(catalog_folder, landing_id=LANDING_ID, log=log) as server:
        yield StacApi(server.url, LANDING_ID, server)


@pytest.fixture(scope="session")
def pgstac_api(catalog_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StacApi]:
    """The STAC API of Planetary Computer; skipped without PostGIS, except on CI, where it fails."""
    log = tmp_path_factory.mktemp("pgstac") / "server.log"
    with contextlib.ExitStack() as stack:
        try:
            running = pgstac_server(catalog_folder, landing_id=LANDING_ID, log=log)
            server = stack.enter_context(running)
        except ServerUnavailableError as error:
            _unavailable(str(error))
        yield StacApi(server.url, LANDING_ID, server)


@pytest.fixture(scope="session")
def sas_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SasEndpoint]:
    """A SAS token endpoint."""
    log = tmp_path_factory.mktemp("sas") / "server.log"
    with sas_server(log=log) as server:
        yield SasEndpoint(server.url + TOKEN_PATH, server)


@pytest.fixture
def local_signing(
    sas_endpoint: SasEndpoint, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SasEndpoint]:
    """Let `planetary_computer` sign with the tests' endpoint, from an empty cache of tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from planetary_computer import sas  # noqa: PLC0415
        from planetary_computer.settings import Settings  # noqa: PLC0415

    monkeypatch.setenv("PC_SDK_SAS_URL", sas_endpoint.url)
    monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    # The settings are read once per process, whatever the environment says later.
    Settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()
    yield sas_endpoint
    Settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI must have PostgreSQL with PostGIS: {reason}")
    pytest.skip(reason)
