"""The folder of a run: its files, who may write to it, and how files appear in it complete."""

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
