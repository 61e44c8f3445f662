"""The progress of a run: its counts so far, for the log and for the caller."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from floodscan.store import check_locked

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Mapping

    from floodscan.pipeline import BatchResult
    from floodscan.store import RunFolder

    OnProgress = Callable[[int, int], None]

_log = logging.getLogger(__name__)


class Progress:
    """Counts the batches of a run as they end, and reports how many events are done."""

    def __init__(
        self, folder: RunFolder, counts: Counter[str], n_events: int, report: OnProgress | None
    ) -> None:
        self.counts = counts
        self._folder = folder
        self._n_events = n_events
        self._report = report
        self._show()

    def follow(self, results: Iterable[BatchResult]) -> None:
        """Count batches as they end."""
        for result in results:
            check_locked(self._folder.path)
            _log.info("batch %s is written: %s", result.name, sum_up(result.counts))
            self.counts.update(result.counts)
            self._show()

    def _show(self) -> None:
        if self._report is not None:
            self._report(self.counts["events"], self._n_events)


def sum_up(counts: Mapping[str, int]) -> str:
    """Write counts of events, slots and requests for the log."""
    slots = f"{counts['filled']} of {counts['slots']} slots filled"
    return f"{counts['events']} events, {slots}, {counts['requests']} requests"
