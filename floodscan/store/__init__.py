"""A run's folder: what is in it, and how files get there whole or not at all."""

from floodscan.store.claim import Owner, claimed, find_owner
from floodscan.store.folder import FILES, PACKED, RunFolder, read_manifest
from floodscan.store.geoparquet import to_geoparquet

__all__ = ["FILES", "PACKED", "Owner", "RunFolder", "claimed", "find_owner", "read_manifest", "to_geoparquet"]
