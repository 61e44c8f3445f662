"""The files of archives: listed and opened on disk, in object storage, or over HTTPS.

pyarrow reads disks, Azure and S3. It has no file system for HTTP, so an ``HttpFile`` asks a web
server for ranges of bytes.

A SAS token of Planetary Computer ends within an hour. It is fetched by the ``planetary-computer``
package, renewed before it ends, and kept in memory only.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import fs

from floodscan.catalogs.archive.address import fits, is_data, split_at_wildcard
from floodscan.catalogs.archive.http_file import HttpFile
from floodscan.catalogs.sas_tokens import ask_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from floodscan.catalogs.archive.address import Address

_RENEW_SECONDS = 300.0
_AZURE_SETTINGS = (
    *("blob_storage_authority", "blob_storage_scheme"),
    *("dfs_storage_authority", "dfs_storage_scheme"),
)
_S3_SETTINGS = ("region", "endpoint_override", "scheme")
_AWS_CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file of an archive.

    Attributes:
        path: Path in the file system, or URL.
        size: Bytes.
        version: Changes with the content: an ETag, or the time of the last change.
    """

    path: str
    size: int
    version: str


def list_files(address: Address) -> list[DataFile]:
    """List the files of an archive by path.

    Raises:
        OSError: There is no such file or folder, or it can't be listed.
    """
    if address.scheme == "file":
        found = _list_disk(address)
    elif address.scheme == "http":
        with HttpFile(address.path) as file:
            found = [DataFile(address.path, file.size, file.version)]
    else:
        found = _list_storage(address)
    if not found:
        message = "no .parquet file there"
        raise FileNotFoundError(message)
    return found


def _list_disk(address: Address) -> list[DataFile]:
    matched = address.matches()
    paths = [Path(path) for path in ([address.path] if matched is None else matched)]
    files = dict.fromkeys(file for path in paths for file in _walk(path))
    infos = [(file, file.stat()) for file in sorted(files)]
    return [DataFile(str(file), info.st_size, str(info.st_mtime_ns)) for file, info in infos]


def _walk(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            message = "no such file or folder"
            raise FileNotFoundError(message)
        return [path]
    return [file for file in path.rglob("*") if is_data(str(file), str(path)) and file.is_file()]


def _list_storage(address: Address) -> list[DataFile]:
    folder, pattern = split_at_wildcard(address.path)
    system = open_system(address)
    if "/" in folder:  # a SAS may list a container, but not ask for its properties
        info = system.get_file_info(folder)
        if info.type == fs.FileType.File:
            return [_data_file(info)]
        if info.type == fs.FileType.NotFound:
            message = "no such file or folder"
            raise FileNotFoundError(message)
    listed: Sequence[fs.FileInfo] = system.get_file_info(fs.FileSelector(folder, recursive=True))
    files = [each for each in listed if each.is_file and is_data(each.path, folder)]
    matched = [each for each in files if fits(each.path[len(folder) + 1 :], pattern)]
    return sorted(map(_data_file, matched if pattern else files), key=lambda file: file.path)


def _data_file(info: fs.FileInfo) -> DataFile:
    return DataFile(info.path, info.size, str(info.mtime_ns))


@contextmanager
def open_file(address: Address, path: str) -> Iterator[pa.NativeFile]:
    """Open a file of an archive for reading at any place."""
    if address.scheme == "http":
        with HttpFile(path) as file:
            yield pa.PythonFile(file, mode="r")
    elif address.scheme == "file":
        with pa.OSFile(path) as file:  # a memory map of a file that shrinks kills the process
            yield file
    else:
        with open_system(address).open_input_file(path) as file:
            yield file


@dataclass(frozen=True, slots=True)
class _Opened:
    system: fs.FileSystem
    renewed_at: float


_OPENED: dict[Address, _Opened] = {}
_OPENING = threading.Lock()


def open_system(address: Address) -> fs.FileSystem:
    """Open a file system once per process, and again before its SAS token ends."""
    with _OPENING:
        held = _OPENED.get(address)
        if held is None or time.time() >= held.renewed_at:
            held = (
                _open_azure(address)
                if address.scheme == "abfs"
                else _Opened(_open_s3(address), float("inf"))
            )
            _OPENED[address] = held
        return held.system


def forget_system(address: Address) -> None:
    """Drop a file system whose credential was refused, and its token of Planetary Computer."""
    with _OPENING:
        held = _OPENED.pop(address, None)
    if held is not None and isfinite(held.renewed_at):  # the user's own credential has no end here
        from planetary_computer import sas  # noqa: PLC0415 - takes half a second to import

        sas.TOKEN_CACHE.clear()


def _open_azure(address: Address) -> _Opened:
    settings = {k: v for k, v in address.query if k in _AZURE_SETTINGS}
    credential, ends = _find_azure_credential(address)
    system = fs.AzureFileSystem(address.account, **settings, **credential)
    left = ends - time.time()
    return _Opened(system, ends - min(_RENEW_SECONDS, left / 2))


def _find_azure_credential(address: Address) -> tuple[dict[str, str], float]:
    """Find the user's own credential, or else a SAS token of Planetary Computer, and its end."""
    forever = float("inf")
    if any(name == "sig" for name, _ in address.query):
        signed = [each for each in address.query if each[0] not in _AZURE_SETTINGS]
        return {"sas_token": "?" + _encode(signed)}, forever
    if token := os.environ.get("AZURE_STORAGE_SAS_TOKEN"):
        return {"sas_token": "?" + token.lstrip("?")}, forever
    if key := os.environ.get("AZURE_STORAGE_KEY"):
        return {"account_key": key}, forever
    return _ask_planetary_computer(address)


def _encode(query: Sequence[tuple[str, str]]) -> str:
    from urllib.parse import urlencode  # noqa: PLC0415

    return urlencode(query)


def _ask_planetary_computer(address: Address) -> tuple[dict[str, str], float]:
    try:
        token = ask_token(address.account, address.path.partition("/")[0])
    except PermissionError as err:
        hint = "for another account set AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_KEY"
        message = f"{err}; {hint}"
        raise PermissionError(message) from None
    return {"sas_token": "?" + token.token.lstrip("?")}, token.expiry.timestamp()


def _open_s3(address: Address) -> fs.FileSystem:
    settings: dict[str, Any] = {k: v for k, v in address.query if k in _S3_SETTINGS}
    if not {"region", "endpoint_override"}.intersection(settings):
        settings["region"] = _find_region(address.path.partition("/")[0])
    return fs.S3FileSystem(anonymous=_is_anonymous(address), **settings)


def _is_anonymous(address: Address) -> bool:
    """Return True if the user has no credentials for S3, as for public buckets."""
    if "anonymous" in address.settings:
        return address.settings["anonymous"] != "false"
    shared = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    has_file = Path(shared).expanduser().exists()
    return not has_file and not any(map(os.environ.get, _AWS_CREDENTIALS))


@lru_cache(maxsize=8)
def _find_region(bucket: str) -> str:
    given = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return given or str(fs.resolve_s3_region(bucket))
