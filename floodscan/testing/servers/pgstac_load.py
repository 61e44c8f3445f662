"""Load a catalog into the database named by the environment.

Run as ``python -m floodscan.testing.servers.pgstac_load CATALOG``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from pypgstac.db import PgstacDB
from pypgstac.load import Loader
from pypgstac.migrate import Migrate

from floodscan.testing.servers.catalog import COLLECTIONS_FILE, ITEMS_FILE

# Without these, pgstac compares and sorts numbers as text.
QUERYABLES = {
    "$schema": "https://json-schema.org/draft/2019-09/schema",
    "$id": "https://example.com/queryables",
    "type": "object",
    "title": "Queryables",
    "properties": {
        "eo:cloud_cover": {"type": "number"},
        "platform": {"type": "string"},
        "s2:mgrs_tile": {"type": "string"},
        "sar:polarizations": {"type": "array"},
        "sat:orbit_state": {"type": "string"},
        "sat:relative_orbit": {"type": "integer"},
    },
}


def load(catalog: Path) -> None:
    """Create the schema of pgstac and load a catalog.

    Args:
        catalog: Folder of the catalog, as `catalog.write` leaves it.
    """
    with PgstacDB(dsn="") as database:
        Migrate(database).run_migration()
        loader = Loader(database)
        loader.load_collections(str(catalog / COLLECTIONS_FILE))
        loader.load_items(str(catalog / ITEMS_FILE))
        text = orjson.dumps(QUERYABLES).decode()
        database.connect().execute("SELECT upsert_queryables(%s::jsonb)", [text])


if __name__ == "__main__":
    load(Path(sys.argv[1]))
