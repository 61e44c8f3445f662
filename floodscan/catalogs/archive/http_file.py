"""A file on a web server, read by ranges of bytes."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_POOL = urllib3.PoolManager(
    retries=urllib3.Retry(
        total=5,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=[429, 500, 502, 503, 504],
        raise_on_status=False,
    ),
    timeout=urllib3.Timeout(connect=10, read=60),
)


class HttpFile(io.RawIOBase):
    """A file that is read at any place; each read is a request.

    Attributes:
        size: Bytes.
        version: ETag, or time of the last change; empty if the server sends neither.
    """

    def __init__(self, url: str) -> None:
        """Ask for the first byte, which tells the size.

        Raises:
            OSError: The server has no such file, or does not answer ranges.
        """
        super().__init__()
        self._url = url
        self._place = 0
        response = self._ask(0, 1)
        _read(response)
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if not total.isdigit():
            message = "the server does not tell the size of the file"
            raise OSError(message)
        self.size = int(total)
        self.version = response.headers.get("ETag") or response.headers.get("Last-Modified", "")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read from the place on; fewer bytes only at the end of the file."""
        left = max(self.size - self._place, 0)
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        content = _read(self._ask(self._place, wanted))
        if len(content) != wanted:
            message = f"the server sent {len(content)} bytes instead of {wanted}"
            raise OSError(message)
        self._place += wanted
        return content

    def _ask(self, start: int, size: int) -> BaseHTTPResponse:
        headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
        try:
            response = _POOL.request("GET", self._url, headers=headers, preload_content=False)
        except urllib3.exceptions.HTTPError as err:
            message = f"can't be reached ({type(err).__name__})"
            raise OSError(message) from None  # its cause quotes the URL, which may hold a secret
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            return response
        response.close()  # the body may be the whole file
        if response.status == HTTPStatus.OK:
            message = "the server does not answer requests for ranges of bytes"
            raise OSError(message)
        message = f"the server answered with HTTP status {response.status}"
        raise OSError(message)


def _read(response: BaseHTTPResponse) -> bytes:
    try:
        return response.data
    except urllib3.exceptions.HTTPError as err:
        message = f"the answer broke off ({type(err).__name__})"
        raise OSError(message) from None
