"""Fixtures of the servers, which run once for the whole session, and of their items."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from floodscan.testing.servers import catalog as catalog_files
from floodscan.testing.servers.azurite import Azurite, azurite_server
from floodscan.testing.servers.launch import lean_server, pgstac_server, sas_server
from floodscan.testing.servers.pgstac import Binaries
from floodscan.testing.servers.process import Server, ServerUnavailableError
from floodscan.testing.servers.sas import TOKEN_PATH
from floodscan.testing.servers.seaweed import Seaweed, seaweed_server
from tests.servers import records
from tests.services import missing, open_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan.testing.servers.catalog import Json

LANDING_ID = "floodscan-demo"


@dataclass(frozen=True, slots=True)
class StacApi:
    """A running STAC API.

    Attributes:
        url: Its landing page, without a final slash.
        landing_id: Id of the landing page.
        server: The server behind it.
    """

    url: str
    landing_id: str
    server: Server

    def searches(self) -> int:
        """Return the number of pages read so far; tests compare two of these counts."""
        return self.server.searches()


@dataclass(frozen=True, slots=True)
class SasEndpoint:
    """A running SAS token endpoint.

    Attributes:
        url: Value of `PC_SDK_SAS_URL`.
        server: The server behind it.
    """

    url: str
    server: Server

    def tokens(self) -> int:
        """Return the number of tokens so far; tests compare two of these counts."""
        return self.server.requests().total()


@pytest.fixture(scope="session")
def foreign_data() -> Path:
    """The folder of other people's records; tests are skipped without it."""
    folder = records.foreign_folder()
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: set {records.FOREIGN_VARIABLE} to a folder of records")
    return folder


@pytest.fixture(scope="session")
def served_items() -> list[Json]:
    """The items that `lean_api` and `pgstac_api` serve: the demo and generated ones elsewhere."""
    return records.unique([*records.demo_items(), *records.generated_items()])


@pytest.fixture(scope="session")
def catalog_folder(served_items: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which `lean_api` and `pgstac_api` read."""
    return _write_catalog(tmp_path_factory.mktemp("catalog"), served_items)


@pytest.fixture(scope="session")
def lean_api(catalog_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StacApi]:
    """A STAC API in memory, which starts in a second or two."""
    with lean_server(catalog_folder, landing_id=LANDING_ID, log=_log(tmp_path_factory)) as server:
        yield StacApi(server.url, LANDING_ID, server)


@pytest.fixture(scope="session")
def postgres() -> None:
    """Skip a test where PostgreSQL with PostGIS is not installed, except on CI, where it fails."""
    try:
        Binaries.find()
    except ServerUnavailableError as error:
        missing(error)


@pytest.fixture(scope="session")
def pgstac_api(catalog_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StacApi]:
    """The STAC API of Planetary Computer; skipped without PostGIS, except on CI, where it fails."""
    with _pgstac(catalog_folder, _log(tmp_path_factory)) as api:
        yield api


@pytest.fixture(scope="session")
def foreign_items(foreign_data: Path) -> list[Json]:
    """The items that `foreign_lean_api` and `foreign_pgstac_api` serve: real ones of others."""
    return records.unique(records.real_items(foreign_data))


@pytest.fixture(scope="session")
def foreign_folder(foreign_items: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which `foreign_lean_api` and `foreign_pgstac_api` read."""
    return _write_catalog(tmp_path_factory.mktemp("foreign-catalog"), foreign_items)


@pytest.fixture(scope="session")
def foreign_lean_api(
    foreign_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StacApi]:
    """As `lean_api`, with real items."""
    with lean_server(foreign_folder, landing_id=LANDING_ID, log=_log(tmp_path_factory)) as server:
        yield StacApi(server.url, LANDING_ID, server)


@pytest.fixture(scope="session")
def foreign_pgstac_api(
    foreign_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StacApi]:
    """As `pgstac_api`, with real items."""
    with _pgstac(foreign_folder, _log(tmp_path_factory)) as api:
        yield api


@pytest.fixture(scope="session")
def sas_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SasEndpoint]:
    """A SAS token endpoint."""
    with sas_server(log=_log(tmp_path_factory)) as server:
        yield SasEndpoint(server.url + TOKEN_PATH, server)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An account of Azure Storage; skipped without Azurite, except on CI, where it fails."""
    with open_service(azurite_server(log=_log(tmp_path_factory))) as account:
        yield account


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A server of S3; skipped without SeaweedFS, except on CI, where it fails."""
    with open_service(seaweed_server(log=_log(tmp_path_factory))) as server:
        yield server


@pytest.fixture
def local_signing(
    sas_endpoint: SasEndpoint, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SasEndpoint]:
    """Let `planetary_computer` sign with tokens of this endpoint, from an empty cache."""
    with signing_by(sas_endpoint.url, monkeypatch):
        yield sas_endpoint


@contextlib.contextmanager
def signing_by(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `planetary_computer` sign with tokens of an endpoint, from an empty cache."""
    from planetary_computer import sas  # noqa: PLC0415
    from planetary_computer.settings import Settings  # noqa: PLC0415

    monkeypatch.setenv("PC_SDK_SAS_URL", url)
    monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    # the library reads its settings once per process
    Settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()
    yield
    Settings.get.cache_clear()
    sas.TOKEN_CACHE.clear()


def _write_catalog(folder: Path, items: list[Json]) -> Path:
    collections = records.collections_for(items, records.demo_collections())
    catalog_files.write(folder, collections=collections, items=items)
    return folder


@contextlib.contextmanager
def _pgstac(folder: Path, log: Path) -> Iterator[StacApi]:
    with open_service(pgstac_server(folder, landing_id=LANDING_ID, log=log)) as server:
        yield StacApi(server.url, LANDING_ID, server)


def _log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "server.log"
