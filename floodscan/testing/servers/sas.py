"""A SAS token endpoint, as `planetary_computer` uses it: `GET {url}/{account}/{container}`."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from floodscan.testing.servers import azurite
from floodscan.testing.servers.counting import RequestCounter

if TYPE_CHECKING:
    from starlette.requests import Request

LIFETIME_VARIABLE = "FLOODSCAN_TEST_SAS_SECONDS"
TOKEN_PATH = "/token"  # noqa: S105


def create_app() -> RequestCounter:
    """Make the app; every token differs from the earlier ones.

    Tokens for the account of Azurite are valid there. All others have a made-up signature.
    """
    lifetime = timedelta(seconds=float(os.environ[LIFETIME_VARIABLE]))
    serial = itertools.count(1)

    async def token(request: Request) -> JSONResponse:
        account, container = (request.path_params[name] for name in ("account", "container"))
        if account == azurite.ACCOUNT:
            text, end = azurite.sign(account, container, lifetime)
            return JSONResponse({"msft:expiry": _spell(end), "token": text})
        expiry = _spell(datetime.now(UTC) + lifetime)
        text = f"st=2020-01-01T00%3A00%3A00Z&se={expiry.replace(':', '%3A')}&sp=rl&sv=2021-06-08"
        text += f"&sr=c&sig={account}.{container}.{next(serial)}"
        return JSONResponse({"msft:expiry": expiry, "token": text})

    route = Route(TOKEN_PATH + "/{account}/{container}", token)
    return RequestCounter(Starlette(routes=[route]))


def _spell(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
