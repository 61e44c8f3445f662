"""The kinds of work that the engine does with batches: scan, and choose again.

Dask is imported where a cluster is used, because to import it takes a second.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import tee
from typing import TYPE_CHECKING

from floodscan.assessment.labels import Reason
from floodscan.assessment.outcomes import give_up
from floodscan.catalogs.sources import plan_each
from floodscan.engine.in_process import Fetched
from floodscan.errors import ClusterError, public_traceback
from floodscan.pipeline import finish_batch, send, write
from floodscan.planning.expected_items import largest_first
from floodscan.reselection import reselect_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dask.delayed import Delayed
    from distributed import Client

    from floodscan.pipeline import BatchResult, Run
    from floodscan.planning.slots import Batch, BatchPlan
    from floodscan.reselection import Reselection, StoredBatch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanWork:
    """Search, score and choose scenes for the events of a batch.

    Attributes:
        run: Settings that all batches share.
    """

    run: Run
    _plans: dict[str, BatchPlan] = field(default_factory=dict)

    def plan_ahead(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches, and plan some at once before, which takes less time."""
        early_plans = self.run.early_plans
        to_plan, planned = tee(batches)
        without_plan = (batch for batch in to_plan if batch.packed not in early_plans)
        plans = plan_each(self.run.catalog, without_plan, self.run.recipe)
        for batch in planned:
            early = early_plans.get(batch.packed)
            self._plans[batch.name] = replace(early, name=batch.name) if early else next(plans)
            yield batch

    def _plan(self, batch: Batch) -> BatchPlan:
        plan = self._plans.pop(batch.name, None)
        return self.run.plan(batch) if plan is None else plan

    def fetch(self, batch: Batch) -> Fetched:
        """Send the searches of a batch; they are answered while others are chosen."""
        plan = self._plan(batch)
        sent = send(self.run, largest_first(plan.searches, self.run.recipe))
        return Fetched(partial(finish_batch, self.run, plan, sent), sent.drop)

    def draw(self, batch: Batch) -> Delayed:
        """Draw the searches, choices and the write of a batch."""
        from floodscan.engine.graph import draw_batch  # noqa: PLC0415 - see above

        return draw_batch(self.run, self._plan(batch))

    def isolate(self, batch: Batch, client: Client) -> BatchResult:
        """Run a batch without the events that crash their workers."""
        from floodscan.engine.isolation import isolate  # noqa: PLC0415 - see above

        return isolate(self.run, batch, client)

    def fail(self, batch: Batch, err: Exception) -> BatchResult | None:
        """Fail the events of a batch if the run keeps going."""
        if not self.run.keep_going:
            return None
        _log.error("batch %s failed by a bug: %s", batch.name, public_traceback(err))
        detail = f"{type(err).__name__}; the log has its traceback"
        hint = "report the bug; --retry-failed tries again"
        outcomes = [
            give_up(plan, Reason.INTERNAL_ERROR, detail=detail, hint=hint)
            for plan in self.run.plan(batch).plans
        ]
        return write(self.run.folder, batch.name, [], given_up=outcomes)


@dataclass(frozen=True, slots=True)
class ReselectionWork:
    """Choose again for the events of a batch, as one task.

    Attributes:
        reselection: Settings that all batches share.
    """

    reselection: Reselection

    def fetch(self, batch: StoredBatch) -> Fetched:
        """Only choose again: there is nothing to search for."""
        return Fetched(partial(reselect_batch, self.reselection, batch))

    def draw(self, batch: StoredBatch) -> Delayed:
        """Draw the one task of a batch."""
        from floodscan.engine.graph import (  # noqa: PLC0415 - see above
            PickledCall,
            TaskKind,
            draw_task,
        )

        call = PickledCall.of(reselect_batch, self.reselection, batch)
        return draw_task(TaskKind.RESELECT, call)

    def isolate(self, batch: StoredBatch, client: Client) -> BatchResult:
        """Run a batch once more.

        Raises:
            ClusterError: Its workers crash again.
        """
        from distributed import KilledWorker  # noqa: PLC0415 - see above

        result: BatchResult
        try:
            result = client.compute(self.draw(batch)).result()
        except KilledWorker as err:
            message = f"batch {batch.name}: every worker that ran it crashed"
            raise ClusterError(f"{message}; look for the cause in the logs of the workers") from err
        return result

    def fail(self, batch: StoredBatch, err: Exception) -> None:
        """End the run: only a scan keeps going after a bug."""
