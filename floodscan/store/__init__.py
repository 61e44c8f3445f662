"""A run's folder: what is in it, and how files get there whole or not at all."""

from floodscan.store.claim import check_claimed, claimed, find_driver
from floodscan.store.folder import FILES, PACKED, RunFolder, read_manifest
from floodscan.store.geoparquet import to_geoparquet

__all__ = ["FILES", "PACKED", "RunFolder", "check_claimed", "claimed", "find_driver", "read_manifest", "to_geoparquet"]
