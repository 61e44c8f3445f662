"""Local clusters whose workers start fast: many tests of the engine kill workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dask import config
from distributed.utils import get_mp_context

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package", autouse=True)
def fast_workers() -> Iterator[None]:
    """Fork workers from a process that has imported all they need, which takes seconds."""
    with config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        context = get_mp_context()  # the first call sets distributed's own list
        context.set_forkserver_preload(["distributed", "floodscan.engine.graph"])
        yield
