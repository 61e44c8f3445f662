"""Workers on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floodscan.clusters.local import open_local_client

if TYPE_CHECKING:
    from distributed import Worker


def is_profiled(dask_worker: Worker) -> bool:
    """Tell whether something looks at all threads of a worker again and again."""
    return "profile" in dask_worker.periodic_callbacks


def test_workers_are_not_profiled() -> None:
    """Dask's profiler can stop a process for good on some Pythons."""
    with open_local_client(1) as client:
        assert list(client.run(is_profiled).values()) == [False]
