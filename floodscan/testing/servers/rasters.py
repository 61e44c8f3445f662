"""Files of a folder in ranges, each container behind the SAS tokens of ``sas.py``.

The server stands for Azure's blob storage. A client reaches it as an HTTP proxy, so that addresses
such as ``http://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`` lead here. A blob is the file
``FOLDER/CONTAINER/BLOB``, and needs a token of its account and container that has not ended. Files
of any other host need none.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from floodscan.testing.servers.counting import RequestCounter

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER_VARIABLE = "FLOODSCAN_TEST_RASTERS"
BLOB_HOST = ".blob.core.windows.net"


class SasCheck:
    """Refuses blobs without a token.

    Args:
        app: The app that answers all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; a proxy is asked for whole addresses."""
        if scope["type"] == "http":
            scope["path"] = f"/{scope['path'].removeprefix('http://').partition('/')[2]}"
            scope["raw_path"] = scope["path"].encode()
        if scope["type"] == "http" and not _is_allowed(Request(scope)):
            refusal = PlainTextResponse("AuthenticationFailed", status_code=403)
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_allowed(request: Request) -> bool:
    account, is_blob, _ = request.headers["host"].partition(BLOB_HOST)
    if not is_blob:
        return True
    container = request.url.path.split("/")[1]
    end = request.query_params.get("se", "")
    signed = request.query_params.get("sig", "").startswith(f"{account}.{container}.")
    return signed and datetime.fromisoformat(end) > datetime.now(UTC)


def create_app() -> RequestCounter:
    """Make the app."""
    files = StaticFiles(directory=os.environ[FOLDER_VARIABLE])
    return RequestCounter(SasCheck(Starlette(routes=[Mount("/", files)])))
