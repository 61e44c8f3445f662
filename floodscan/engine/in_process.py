"""Batches in this process, one after the other, without Dask: to import it takes a second.

The next batches are searched for while one batch is chosen and written.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from floodscan.errors import FloodscanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dask.delayed import Delayed
    from distributed import Client

    from floodscan.pipeline import BatchResult

B = TypeVar("B")
"""A batch, of whatever kind."""

B_contra = TypeVar("B_contra", contravariant=True)

_AHEAD = 4  # batches whose answers are in memory

_NO_BUGS = (FloodscanError, OSError)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A batch whose searches are sent. It ends with one of two calls.

    Attributes:
        finish: Waits for the answers, chooses and writes.
        drop: Drops the searches that are not sent yet, and waits for the others.
    """

    finish: Callable[[], BatchResult]
    drop: Callable[[], None] = lambda: None


class Work(Protocol[B_contra]):
    """What is done with each batch of a run."""

    def fetch(self, batch: B_contra) -> Fetched:
        """Send the searches of a batch in this process."""

    def draw(self, batch: B_contra) -> Delayed:
        """Draw the graph of a batch; its result is a BatchResult."""

    def isolate(self, batch: B_contra, client: Client) -> BatchResult:
        """Run a batch whose workers crashed, on a cluster that runs nothing else."""

    def fail(self, batch: B_contra, err: Exception) -> BatchResult | None:
        """Fail the events of a batch because of a bug; None if a bug ends the run."""


def run_in_process(work: Work[B], batches: Iterable[B]) -> Iterator[BatchResult]:
    """Run batches in this process, see ``run_batches``."""
    todo = iter(batches)
    fetched: deque[tuple[B, Fetched]] = deque()
    try:
        while True:
            for batch in islice(todo, _AHEAD - len(fetched)):
                fetched.append((batch, work.fetch(batch)))
            if not fetched:
                return
            batch, next_one = fetched.popleft()
            yield keep_going(work, batch, next_one.finish)
    finally:
        for _, unused in fetched:
            unused.drop()


def keep_going(
    work: Work[B],
    batch: B,
    do: Callable[[], BatchResult],
    *,
    ends_run: Callable[[Exception], bool] = lambda err: isinstance(err, _NO_BUGS),
) -> BatchResult:
    """Run a batch by ``do``. A bug in it fails the batch's events, if the work goes on then.

    Args:
        work: What is done with the batch.
        batch: The batch.
        do: Runs it.
        ends_run: Whether an error is no bug, such as a full disk, and ends the run.
    """
    try:
        return do()
    except Exception as err:
        if ends_run(err) or (failed := work.fail(batch, err)) is None:
            raise
        return failed
