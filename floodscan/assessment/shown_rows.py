"""The candidates that manifests show: the chosen ones, and the best of the others in each slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from floodscan.assessment.items import SCENE_COLUMNS
from floodscan.assessment.manifest import MEASURES
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
        By event id and target id, rows with the columns ``MEASURES``. The chosen ones also have
        the ``SCENE_COLUMNS``.
    """
    if len(candidates) == 0:
        return {}
    selected = candidates["selected"].to_numpy(zero_copy_only=False)
    ranked = candidates["rank"].is_valid().to_numpy(zero_copy_only=False)
    slots = slot_numbers(candidates)
    behind = np.flatnonzero(~selected & ranked)
    runners_up = behind[np.unique(slots[behind], return_index=True)[1]]
    chosen = np.flatnonzero(selected)
    scenes = iter(_list_rows(candidates.select(SCENE_COLUMNS).take(pa.array(chosen))))
    shown = pa.array(np.union1d(chosen, runners_up))
    found: dict[str, RowsByTarget] = {}
    for row in _list_rows(candidates.select(MEASURES).take(shown)):
        if row["selected"]:
            row.update(next(scenes))
        found.setdefault(row["event_id"], {}).setdefault(row["target_id"], []).append(row)
    return found


def _list_rows(table: pa.Table) -> list[Json]:
    """List rows as ``to_pylist`` does, which takes ten times as long for each time."""
    values = {name: table[name].to_pylist() for name in table.column_names if name != "datetime"}
    if "datetime" in table.column_names:
        instants = table["datetime"].cast(pa.int64()).to_pylist()
        values["datetime"] = [
            None if instant is None else _EPOCH + timedelta(microseconds=instant)
            for instant in instants
        ]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
