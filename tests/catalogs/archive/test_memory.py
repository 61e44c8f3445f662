"""A join allocates from the C library, and leaves Arrow's allocator as it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pyarrow as pa
import pytest

from floodscan.catalogs.archive.memory import REUSED_MEMORY


def test_the_usual_allocator_is_back_after_the_last_join() -> None:
    """Joins run in several threads, and end in any order, or with an error."""
    usual = pa.default_memory_pool().backend_name
    inside = Barrier(3)

    def join() -> str:
        with REUSED_MEMORY:
            inside.wait(timeout=60)
            return str(pa.default_memory_pool().backend_name)

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: join(), range(3))) == ["system"] * 3
    assert pa.default_memory_pool().backend_name == usual
    with pytest.raises(OSError, match="full"), REUSED_MEMORY:
        raise OSError("full")
    assert pa.default_memory_pool().backend_name == usual
