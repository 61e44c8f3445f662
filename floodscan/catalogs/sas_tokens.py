"""SAS tokens of Planetary Computer: one for each container and process, kept in memory alone.

A token opens a container for less than an hour. The ``planetary-computer`` package fetches and
keeps it, and fetches another one before it ends. It has no bound on time, and asks once per thread.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from planetary_computer.sas import SASToken

_TRIES = 3
_SECONDS = 60.0
_BLOB_HOST = ".blob.core.windows.net"


class Container(NamedTuple):
    """A container of Azure's blob storage."""

    account: str
    name: str


def find_container(url: str) -> Container | None:
    """Return the container of a blob; None if a URL is of another kind."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    name, _, blob = parts.path.lstrip("/").partition("/")
    if not host.endswith(_BLOB_HOST) or not name or not blob:
        return None
    return Container(host.removesuffix(_BLOB_HOST), name)


@cache
def _lock_of(container: Container) -> threading.Lock:
    del container
    return threading.Lock()


def ask_token(account: str, name: str) -> SASToken:
    """Return a token that is valid for at least a minute.

    Raises:
        PermissionError: Planetary Computer gives none, or does not answer in a minute.
    """
    with _lock_of(Container(account, name)):
        return _bounded(account, name)


def forget_token(account: str, name: str, token: str) -> None:
    """Drop a token that was refused, unless another one has already taken its place."""
    from planetary_computer import sas  # noqa: PLC0415 - takes half a second to import

    with _lock_of(Container(account, name)):
        for url, held in [*sas.TOKEN_CACHE.items()]:
            if held.token == token:
                sas.TOKEN_CACHE.pop(url, None)


def _bounded(account: str, name: str) -> SASToken:
    """Ask in a thread that may be left behind."""
    found: list[SASToken | str] = ["does not answer"]

    def ask() -> None:
        from planetary_computer import sas  # noqa: PLC0415 - takes half a second to import
        from requests import RequestException  # noqa: PLC0415

        try:
            found[0] = sas.get_token(account, name, retry_total=_TRIES)
        except (RequestException, ValueError, TypeError) as err:
            found[0] = type(err).__name__  # its text quotes the URL

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if isinstance(found[0], str):
        message = f"no SAS token from Planetary Computer ({found[0]})"
        raise PermissionError(message)
    return found[0]
