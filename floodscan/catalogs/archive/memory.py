"""The memory of a join.

A join frees the columns of some rows and asks for as much memory for the next rows. Arrow's own
allocator gets most of it anew, in huge pages that the kernel fills with zeros: an eighth of the CPU
of a join with many items. The allocator of the C library uses the freed memory again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from types import TracebackType


class _ReusedMemory:
    """A context in which Arrow allocates from the C library, in all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_entered = 0
        self._usual: pa.MemoryPool | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_entered:
                self._usual = pa.default_memory_pool()
                pa.set_memory_pool(pa.system_memory_pool())
            self._n_entered += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            pa.default_memory_pool().release_unused()
            self._n_entered -= 1
            if not self._n_entered:
                pa.set_memory_pool(self._usual)


REUSED_MEMORY = _ReusedMemory()
