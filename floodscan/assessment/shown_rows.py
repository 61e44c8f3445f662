"""The candidates that manifests show: the chosen ones, and the best of the others in each slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from floodscan.selection import slot_numbers

if TYPE_CHECKING:
    Json = dict[str, Any]
    RowsByTarget = dict[str, list[Json]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def list_shown_rows(candidates: pa.Table) -> dict[str, RowsByTarget]:
    """List the rows that the manifests of several events show.

    Args:
        candidates: Ranked CANDIDATES.

    Returns:
        By event id and target id, rows with all columns.
    """
    selected = candidates["selected"].to_numpy(zero_copy_only=False)
    ranked = candidates["rank"].is_valid().to_numpy(zero_copy_only=False)
    slots = slot_numbers(candidates)
    behind = np.flatnonzero(~selected & ranked)
    runners_up = behind[np.unique(slots[behind], return_index=True)[1]]
    shown = candidates.take(pa.array(np.union1d(np.flatnonzero(selected), runners_up)))
    found: dict[str, RowsByTarget] = {}
    for row in _list_rows(shown):
        found.setdefault(row["event_id"], {}).setdefault(row["target_id"], []).append(row)
    return found


def _list_rows(table: pa.Table) -> list[Json]:
    """List rows as ``to_pylist`` does, which takes ten times as long for each time."""
    columns = {name: table[name] for name in table.column_names}
    columns["datetime"] = columns["datetime"].cast(pa.int64())
    values = {name: column.to_pylist() for name, column in columns.items()}
    values["datetime"] = [
        None if instant is None else _EPOCH + timedelta(microseconds=instant)
        for instant in values["datetime"]
    ]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
