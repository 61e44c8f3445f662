"""A data API as Planetary Computer has one: titiler's routes for the items of a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query
from rio_tiler.io import STACReader
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.core.factory import MultiBaseTilerFactory

from floodscan.testing.servers.counting import RequestCounter
from floodscan.testing.servers.process import ITEMS_VARIABLE

ROOT = "/api/data/v1"


def _find_item(collection: Annotated[str, Query()], item: Annotated[str, Query()]) -> str:
    """Return the path of an item."""
    return str(Path(os.environ[ITEMS_VARIABLE], collection, f"{item}.json"))


def create_app() -> RequestCounter:
    """Make the app. An item is the file ``FOLDER/COLLECTION/ITEM.json``."""
    routes = MultiBaseTilerFactory(reader=STACReader, path_dependency=_find_item)
    app = FastAPI()
    app.include_router(routes.router, prefix=f"{ROOT}/item")
    add_exception_handlers(app, DEFAULT_STATUS_CODES)
    return RequestCounter(app)
