"""Azurite, the Azure Storage emulator: containers of blobs behind shared access signatures (SAS).

`.ci/azurite` pins its version; `npm ci --prefix .ci/azurite` installs it.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from floodscan.testing.servers.process import (
    LOOPBACK,
    ServerUnavailableError,
    child,
    free_port,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "devstoreaccount1"
# Published for all emulators: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_INSTALLED = Path(__file__).parents[3] / ".ci" / "azurite" / "node_modules" / ".bin"
_PROGRAM = "azurite-blob"
# Without the first of these it tries to reach the internet.
_OPTIONS = ("--disableTelemetry", "--silent", "--inMemoryPersistence", "--skipApiVersionCheck")


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running storage account.

    Attributes:
        authority: Its host and port.
    """

    authority: str

    def upload(self, folder: Path, container: str) -> None:
        """Put the files of a folder into a new container, under their paths in the folder."""
        with self._client() as client:
            client.create_container(container)
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    self.put(container, file.relative_to(folder).as_posix(), file.read_bytes())

    def put(self, container: str, name: str, content: bytes) -> None:
        """Write a blob, or replace it."""
        with self._client() as client:
            client.get_blob_client(container, name).upload_blob(content, overwrite=True)

    def list(self, container: str) -> list[str]:
        """List the names of all blobs of a container."""
        with self._client() as client:
            return list(client.get_container_client(container).list_blob_names())

    def read(self, container: str, name: str) -> bytes:
        """Read a blob."""
        with self._client() as client:
            return bytes(client.get_blob_client(container, name).download_blob().readall())

    def delete(self, container: str, name: str) -> None:
        """Delete a blob."""
        with self._client() as client:
            client.get_blob_client(container, name).delete_blob()

    def address(self, container: str, path: str = "") -> str:
        """Return the ``abfs://`` address of a path, as `open_catalog` reads it."""
        options = {
            f"{kind}_storage_{name}": value
            for kind in ("blob", "dfs")
            for name, value in (("authority", self.authority), ("scheme", "http"))
        }
        return f"abfs://{container}@{ACCOUNT}/{path}?{urlencode(options)}"

    def _client(self) -> BlobServiceClient:
        return BlobServiceClient(f"http://{self.authority}/{ACCOUNT}", credential=KEY)


def sign(account: str, container: str, lifetime: timedelta) -> tuple[str, datetime]:
    """Make a SAS to read and list a container.

    Returns:
        The SAS, without a question mark, and the time at which it expires, in whole seconds.
    """
    expiry = (datetime.now(UTC) + lifetime).replace(microsecond=0)
    permission = ContainerSasPermissions(read=True, list=True)
    sas = generate_container_sas(
        account, container, account_key=KEY, permission=permission, expiry=expiry
    )
    return str(sas), expiry


@contextlib.contextmanager
def azurite_server(*, log: Path) -> Iterator[Azurite]:
    """Run Azurite with an empty account, in memory.

    Args:
        log: File for the output of the server.

    Yields:
        The account, once it answers.

    Raises:
        ServerUnavailableError: It is not installed, or did not start.
    """
    port = free_port()
    command = [_find_program(), "--blobHost", LOOPBACK, "--blobPort", str(port), *_OPTIONS]
    with child(command, log=log) as process:
        wait_until(lambda: _answers(port), process, log=log)
        yield Azurite(f"{LOOPBACK}:{port}")


def _find_program() -> str:
    program = shutil.which(_PROGRAM) or shutil.which(_PROGRAM, path=str(_INSTALLED))
    if program is None or shutil.which("node") is None:
        message = "Azurite isn't installed (Node.js and `npm ci --prefix .ci/azurite`)"
        raise ServerUnavailableError(message)
    return program


def _answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
