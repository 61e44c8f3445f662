"""Azurite hands out blobs to those with a valid SAS, and the token endpoint signs such ones."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pyarrow.fs import AzureFileSystem, FileSelector

from floodscan.testing.servers.azurite import ACCOUNT, Azurite, azurite_server, sign
from floodscan.testing.servers.process import ServerUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.fixtures import SasEndpoint

NAME = "part-0000_2018-01-01T00:00:00+00:00_2018-02-01T00:00:00+00:00.parquet"
CONTENT = b"some bytes"


@pytest.fixture(scope="module")
def container(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A container with a blob."""
    folder = tmp_path_factory.mktemp("blobs")
    (folder / "items.parquet").mkdir()
    (folder / "items.parquet" / NAME).write_bytes(CONTENT)
    azurite.upload(folder, "signed")
    return "signed"


def open_blobs(azurite: Azurite, sas: str | None) -> AzureFileSystem:
    """Open the account with pyarrow."""
    return AzureFileSystem(
        ACCOUNT,
        sas_token=None if sas is None else f"?{sas}",
        blob_storage_authority=azurite.authority,
        blob_storage_scheme="http",
        dfs_storage_authority=azurite.authority,
        dfs_storage_scheme="http",
    )


def read(blobs: AzureFileSystem, container: str) -> bytes:
    """Read the blob."""
    with blobs.open_input_file(f"{container}/items.parquet/{NAME}") as file:
        content: bytes = file.read()
        return content


def test_a_sas_reads_and_lists_its_container(
    azurite: Azurite, container: str, tmp_path: Path
) -> None:
    """It does neither in another container."""
    azurite.upload(tmp_path, "other")
    sas, _ = sign(ACCOUNT, container, timedelta(minutes=5))
    blobs = open_blobs(azurite, sas)
    assert read(blobs, container) == CONTENT
    found = blobs.get_file_info(FileSelector(container, recursive=True))
    assert [each.path for each in found if each.is_file] == [f"{container}/items.parquet/{NAME}"]
    with pytest.raises(OSError, match="403"):
        blobs.get_file_info(FileSelector("other"))


def test_a_sas_expires(azurite: Azurite, container: str) -> None:
    """Afterwards it is refused, also by a file that is open."""
    sas, end = sign(ACCOUNT, container, timedelta(seconds=3))
    blobs = open_blobs(azurite, sas)
    file = blobs.open_input_file(f"{container}/items.parquet/{NAME}")
    assert file.read(4) == CONTENT[:4]
    time.sleep(max(0.0, end.timestamp() - time.time()) + 1)
    with pytest.raises(OSError, match="403"):
        file.read(4)
    with pytest.raises(OSError, match="403"):
        read(blobs, container)


@pytest.mark.parametrize("change", [("sig=", "sig=x"), ("sp=rl", "sp=rwl")])
def test_a_wrong_sas_is_refused(azurite: Azurite, container: str, change: tuple[str, str]) -> None:
    """Another signature, and another permission with the same signature."""
    sas, _ = sign(ACCOUNT, container, timedelta(minutes=5))
    with pytest.raises(OSError, match="403"):
        read(open_blobs(azurite, sas.replace(*change)), container)


def test_tokens_of_the_endpoint_are_valid(
    azurite: Azurite, container: str, local_signing: SasEndpoint
) -> None:
    """The signing library gets one for the account and container."""
    from planetary_computer import sas  # noqa: PLC0415 - after its settings

    before = local_signing.tokens()
    token = sas.get_token(ACCOUNT, container)
    assert local_signing.tokens() == before + 1
    assert token.ttl() > 2000
    assert read(open_blobs(azurite, token.token), container) == CONTENT


def test_a_blob_is_replaced_and_deleted(azurite: Azurite, container: str) -> None:
    """So a test breaks a single file."""
    sas, _ = sign(ACCOUNT, container, timedelta(minutes=5))
    blobs = open_blobs(azurite, sas)
    azurite.put(container, "more/x", b"1")
    azurite.put(container, "more/x", b"22")
    assert blobs.get_file_info(f"{container}/more/x").size == 2
    azurite.delete(container, "more/x")
    assert not blobs.get_file_info(f"{container}/more/x").is_file


def test_a_missing_azurite_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error has the command."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with (
        pytest.raises(ServerUnavailableError, match="npm ci --prefix"),
        azurite_server(log=tmp_path / "log"),
    ):
        pytest.fail("Azurite was started")
