"""A run's folder: what is in it, and how files get there whole or not at all."""

from floodscan.store.geoparquet import to_geoparquet
from floodscan.store.lock import check_claimed, claimed, find_driver
from floodscan.store.run_folder import FILES, PACKED, RunFolder

__all__ = [
    "FILES",
    "PACKED",
    "RunFolder",
    "check_claimed",
    "claimed",
    "find_driver",
    "to_geoparquet",
]
