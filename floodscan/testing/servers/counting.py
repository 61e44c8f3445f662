"""An ASGI layer that counts the requests of an app, and returns the counts on request."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COUNTERS_PATH = "/_counters"


class RequestCounter:
    """Wraps an app and counts its requests by method and path, but not those for the counts."""

    def __init__(self, app: ASGIApp) -> None:
        """Count the requests of one app.

        Args:
            app: The app that answers everything but `COUNTERS_PATH`.
        """
        self.app = app
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request and pass it on, or answer with the counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == COUNTERS_PATH:
            answer = Response(orjson.dumps(self.counts), media_type="application/json")
            await answer(scope, receive, send)
        else:
            self.counts[f"{scope['method']} {scope['path']}"] += 1
            await self.app(scope, receive, send)
