"""A scheduler that does not count workers as crashed if they end on purpose."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler
from distributed.core import Status

_ENDING = {Status.closing, Status.closing_gracefully}


class LenientScheduler(Scheduler):
    """Blames a task for the loss of its worker only if the worker crashed.

    At the end of its lifetime a worker hands its data to another worker. If there is no other,
    distributed counts the end as a crash, and fails tasks that were on four crashed workers.
    """

    async def remove_worker(self, address: str, *, expected: bool = False, **others: Any) -> Any:  # noqa: ANN401 - as inherited
        """Remove a worker; its end is expected if the worker announced it."""
        worker = self.workers.get(self.coerce_address(address))
        ending = worker is not None and worker.status in _ENDING
        return await super().remove_worker(address, expected=expected or ending, **others)
