"""The log records of workers, in the log of the driver."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import WorkerPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Worker

    from floodscan.clusters import Opener

_OURS = "floodscan"


class _SetLevel(WorkerPlugin):
    """Sets the level of floodscan's logger on each worker, also on those that come later."""

    name = "floodscan-log-level"

    def __init__(self, level: int) -> None:
        self._level = level

    def setup(self, worker: Worker) -> None:
        del worker
        logging.getLogger(_OURS).setLevel(self._level)

    def teardown(self, worker: Worker) -> None:
        del worker
        logging.getLogger(_OURS).setLevel(logging.NOTSET)


@contextmanager
def open_with_records(opener: Opener, level: int) -> Iterator[Client | None]:
    """Open a client, and send floodscan's records on its workers to the loggers of this process.

    Records of Dask on workers stay there: SLURM keeps them in the logs of the jobs.

    Args:
        opener: Opens the client.
        level: Records below this level are dropped.
    """
    with opener() as client:
        if client is not None:
            client.register_plugin(_SetLevel(level))
            client.forward_logging(_OURS, level=level)
        yield client
