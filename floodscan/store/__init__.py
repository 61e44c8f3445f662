"""A run's folder: what is in it, and how files get there whole or not at all."""

from floodscan.store.geoparquet import to_geoparquet
from floodscan.store.lock import check_locked, find_lock_holder, locked
from floodscan.store.run_folder import FILES, PACKED, RunFolder

__all__ = [
    "FILES",
    "PACKED",
    "RunFolder",
    "check_locked",
    "find_lock_holder",
    "locked",
    "to_geoparquet",
]
