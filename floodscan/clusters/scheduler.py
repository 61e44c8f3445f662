"""A scheduler that tells workers which end on purpose from those that crash."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler
from distributed.core import Status

_LEAVING = {Status.closing, Status.closing_gracefully}


class LenientScheduler(Scheduler):
    """Holds the end of a worker against its tasks only where the worker did not say that it ends.

    At the end of its lifetime a worker hands its data over. Where there is nobody to take it,
    distributed counts that as a crash, and after four of them its tasks as poison.
    """

    async def remove_worker(self, address: str, *, expected: bool = False, **others: Any) -> Any:  # noqa: ANN401 - as inherited
        """Remove a worker, as is expected where it said so."""
        worker = self.workers.get(self.coerce_address(address))
        leaving = worker is not None and worker.status in _LEAVING
        return await super().remove_worker(address, expected=expected or leaving, **others)
