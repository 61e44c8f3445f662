"""Addresses of assets: absolute, without credentials, and refused where no file can be.

An href comes from a server that the user may not know, and whoever reads the results may open it: a
notebook, a map in a browser, GDAL. ``javascript:`` and ``data:`` are programs and contents instead
of addresses, and ``file:`` or ``C:`` would open a file of the reader's own machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urljoin

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSED_SCHEMES = frozenset({"about", "blob", "data", "file", "javascript", "vbscript"})
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20]")  # browsers read a scheme without them
_USER = re.compile(r"(?<=://)[^/?#]*@")
_SECRET = re.compile(
    r"(^sig|^auth|^jwt|key|token|secret|password|signature|credential|keyid|accessid)$",
    re.IGNORECASE,
)


class RefusedHrefError(ValueError):
    """An href that is not the address of a file; its text is the reason."""


def resolve(href: str, locate: Callable[[], str | None]) -> str:
    """Return the address that an href stands for.

    Args:
        href: As the item has it.
        locate: Returns the item's own address, to which a relative href refers; None if the item
            has none, which leaves the href as it is.

    Raises:
        RefusedHrefError: It is not the address of a file that anybody can read.
    """
    scheme = _find_scheme(href)
    if not scheme:
        try:
            base = locate()
            href = href if base is None else urljoin(base, href)
        except ValueError:
            raise RefusedHrefError("its href is not a valid address") from None
        scheme = _find_scheme(href)
    if scheme in _REFUSED_SCHEMES or len(scheme) == 1:
        raise RefusedHrefError(f"its href begins with {scheme}:")
    return href


def _find_scheme(href: str) -> str:
    found = _SCHEME.match(_IGNORED.sub("", href))
    return found[1].lower() if found else ""


def find_self(links: bytes) -> str | None:
    """Return the href of the link ``self`` among an item's links, which are JSON; None without."""
    try:
        found = msgspec.json.decode(links)
    except msgspec.DecodeError:
        return None
    for link in found if isinstance(found, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self":
            href = link.get("href")
            return href if isinstance(href, str) and href else None
    return None


def unsigned(href: str) -> str:
    """Remove user and password from an href, and the query if it contains a credential."""
    if "@" not in href and "?" not in href:
        return href
    address, _, query = _USER.sub("", href, count=1).partition("?")
    signed = any(is_secret(name) for name, _ in parse_qsl(query, keep_blank_values=True))
    return f"{address}?{query}" if query and not signed else address


def is_secret(name: str) -> bool:
    """Return whether a parameter of a URL with this name holds a credential."""
    return _SECRET.search(name) is not None
