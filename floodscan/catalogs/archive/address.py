"""Addresses of archives: a file, a folder or a pattern, on disk or in object storage."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDINGS = (".parquet", ".geoparquet")
_BLOB_HOST = ".blob.core.windows.net"
_SCHEMES = {
    "file": "file",
    "s3": "s3",
    "abfs": "abfs",
    "abfss": "abfs",
    "az": "abfs",
    "http": "http",
    "https": "http",
}
_WILDCARDS = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an archive is.

    Attributes:
        scheme: ``file``, ``s3``, ``abfs`` or ``http``.
        path: Path in the file system: of a disk, ``bucket/key`` or ``container/blob``; for HTTP
            the URL. It may hold wildcards.
        public: The address as it was given, without user and query, for messages and files.
        account: Storage account of Azure; else empty.
        query: Settings behind the path, which may be secret.
    """

    scheme: str
    path: str
    public: str
    account: str = ""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            ValueError: It names no account, or nothing in a container.
        """
        found = _SCHEME.match(text)
        scheme = _SCHEMES.get(found[1].lower()) if found else None
        if scheme is None:
            return cls("file", os.path.abspath(text), text)  # noqa: PTH100 - wildcards are no path
        parts = urlsplit(text)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        if scheme == "file":
            path = url2pathname(text.partition(":")[2].removeprefix("//localhost"))
            return cls("file", os.path.abspath(re.sub("^//+", "/", path)), text)  # noqa: PTH100
        if scheme == "http" and (parts.hostname or "").endswith(_BLOB_HOST):
            account = str(parts.hostname).removesuffix(_BLOB_HOST)
            public = f"abfs://{parts.path.lstrip('/').partition('/')[0]}@{account}"
            rest = parts.path.lstrip("/").partition("/")[2]
            return cls("abfs", unquote(parts.path).strip("/"), f"{public}/{rest}", account, query)
        host = parts.netloc.rpartition("@")[2]
        if scheme == "http":
            return cls(scheme, text, f"{parts.scheme}://{host}{parts.path}", "", query)
        if scheme == "s3":
            path = f"{host}/{unquote(parts.path).strip('/')}".rstrip("/")
            return cls(scheme, path, f"s3://{host}{parts.path}", "", query)
        return cls._parse_azure(text, query)

    @classmethod
    def _parse_azure(cls, text: str, query: tuple[tuple[str, str], ...]) -> Address:
        """Read ``abfs://CONTAINER@ACCOUNT/PATH``; an account may have its domain behind it."""
        parts = urlsplit(text)
        container, _, host = parts.netloc.partition("@")
        account = host.partition(".")[0] or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
        if not container or not account:
            message = "names no storage account: write abfs://CONTAINER@ACCOUNT/PATH"
            raise ValueError(message)
        path = f"{container}/{unquote(parts.path).strip('/')}".rstrip("/")
        return cls("abfs", path, f"abfs://{container}@{account}{parts.path}", account, query)

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings behind the path."""
        return dict(self.query)

    @property
    def name(self) -> str:
        """Name of the file or folder, without the ending; of a pattern, the folder before it."""
        path = self.path.partition("?")[0] if self.scheme == "http" else self.path
        folders = split_at_wildcard(path)[0] if self._has_wildcards() else path
        return Path(folders).stem or "archive"

    def _has_wildcards(self) -> bool:
        there = self.scheme == "file" and Path(self.path).exists()
        return self.scheme != "http" and not there and bool(_WILDCARDS.search(self.path))

    def matches(self) -> list[str] | None:
        """List the files and folders on disk that fit the wildcards; None if there are none."""
        return sorted(glob.glob(self.path, recursive=True)) if self._has_wildcards() else None  # noqa: PTH207 - the pattern is absolute


def is_archive(text: str) -> bool:
    """Return whether a text is the address of an archive, and not of a STAC API."""
    if not text.lower().startswith(("http://", "https://")):
        return True
    try:
        parts = urlsplit(text)
    except ValueError:  # reported by the catalog
        return False
    is_blob = (parts.hostname or "").endswith(_BLOB_HOST)
    return is_blob or parts.path.lower().endswith(ENDINGS)


def split_at_wildcard(path: str) -> tuple[str, str]:
    """Cut a path into the folders before the first wildcard, and the rest."""
    parts = path.split("/")
    first = next((n for n, part in enumerate(parts) if _WILDCARDS.search(part)), len(parts))
    return "/".join(parts[:first]), "/".join(parts[first:])


def fits(path: str, pattern: str) -> bool:
    """Return whether a path in object storage fits a pattern, in which ``**`` is any folders."""
    return _fits(path.split("/"), pattern.split("/"))


def _fits(names: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return True  # a folder that fits stands for the files in it
    if patterns[0] == "**":
        return any(_fits(names[n:], patterns[1:]) for n in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], patterns[0]) and _fits(names[1:], patterns[1:])


def is_data(path: str, folder: str) -> bool:
    """Return whether a file in a folder is data, as data sets are written: hidden files are not."""
    inner = path[len(folder) :].strip("/").split("/")
    hidden = any(part.startswith(("_", ".")) for part in inner)
    return not hidden and path.lower().endswith(ENDINGS)
