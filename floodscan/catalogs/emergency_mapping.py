"""The public API of Copernicus EMS Rapid Mapping: activations by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson

from floodscan.catalogs.limits import Budget, Limits, RequestError
from floodscan.catalogs.rate_limiter import LocalRateLimiter
from floodscan.catalogs.transport import Request, Transport
from floodscan.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Json = dict[str, Any]

ACTIVATIONS_URL: Final = (
    "https://rapidmapping.emergency.copernicus.eu/backend/dashboard-api/public-activations/"
)
_SERVICE: Final = "Copernicus EMS"


def fetch_activations(codes: Sequence[str], url: str = ACTIVATIONS_URL) -> list[Json]:
    """Ask for activations, with their areas and products.

    Args:
        codes: Such as ``EMSR871``.
        url: Address of the API.

    Returns:
        The activations as the API gives them, in the order of the codes.

    Raises:
        CatalogError: The API can't be reached, or does not know a code.
    """
    limits = Limits(search_seconds=300.0)
    transport = Transport(url, limits, LocalRateLimiter())
    return [_fetch(code, url, transport, Budget(limits)) for code in codes]


def _fetch(code: str, url: str, transport: Transport, budget: Budget) -> Json:
    request = Request("GET", f"{url}?{urlencode({'code': code})}")
    try:
        found = transport.ask(request, budget, decode=_decode, use=lambda results: results)
    except RequestError as err:
        raise CatalogError(_SERVICE, err.reason) from err
    for activation in found:
        if activation.get("code") == code:
            return activation
    raise CatalogError(_SERVICE, f"has no activation '{code}'; write a code like EMSR871")


def _decode(content: bytes | bytearray) -> list[Json]:
    """Read an answer.

    Raises:
        ValueError: It is no list of activations.
    """
    raw = orjson.loads(content)
    results = raw.get("results") if isinstance(raw, dict) else None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        message = "no list of activations"
        raise ValueError(message)
    return results
