"""How a STAC API is searched, as its landing page says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pystac_client import ConformanceClasses

if TYPE_CHECKING:
    from pystac_client import Client


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How an API is searched, as its landing page says.

    Attributes:
        url: Where searches are posted.
        lean: Whether the API conforms to the ``fields`` extension, so that a search may leave out
            parts of items.
    """

    url: str
    lean: bool


def guess_endpoint(url: str) -> Endpoint:
    """Return the endpoint that most landing pages name."""
    return Endpoint(f"{public_url(url).rstrip('/')}/search", lean=True)


def read_endpoint(client: Client, url: str) -> Endpoint:
    """Return the endpoint that the landing page of a URL names."""
    link = client.get_search_link()
    address = str(link.absolute_href) if link else f"{public_url(url).rstrip('/')}/search"
    return Endpoint(address, client.conforms_to(ConformanceClasses.FIELDS))


@lru_cache
def public_url(url: str) -> str:
    """Remove from a URL what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
