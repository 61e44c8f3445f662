"""What a run has read, counted for its record and for the screen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floodscan.store import RunFolder

_COLUMNS = {
    "cached": "cached",
    "n_requests": "requests",
    "n_retries": "retries",
    "n_bytes": "bytes",
}


def count_reads(folder: RunFolder) -> Counter[str]:
    """Count what was read for the batches that are done; nothing if no scene was to be read.

    Returns:
        ``scenes``, and of these the ``unread`` and the ``cached`` ones; ``requests``, ``retries``
        and ``bytes``. A scene counts once for each part of a batch that needs it.
    """
    totals: Counter[str] = Counter()
    for _, rows in folder.reads.batches([*_COLUMNS, "unread"]):
        totals.update(
            scenes=len(rows),
            unread=len(rows) - rows["unread"].null_count,
            **{name: sum(rows[column].to_pylist()) for column, name in _COLUMNS.items()},
        )
    return totals


def count_reasons(folder: RunFolder) -> Counter[str]:
    """Count the scenes that could not be read, by the reason."""
    reasons: Counter[str] = Counter()
    for _, rows in folder.reads.batches(["unread"]):
        reasons.update(rows["unread"].drop_null().to_pylist())
    return reasons
