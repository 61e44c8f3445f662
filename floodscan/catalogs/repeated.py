"""Columns with the same value in each row, made once per process.

The cost of a small table is mostly that of making its columns, however few rows they have. To take
a part of a column that exists costs much less.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from floodscan.schemas import ITEMS

if TYPE_CHECKING:
    from collections.abc import Hashable

_MOST_ROWS = 1024
"""More rows are not kept."""


def repeat(column: str, value: Hashable, n_rows: int) -> pa.Array:
    """Make a column of ITEMS with the same value in each row."""
    if n_rows > _MOST_ROWS:
        return _repeat(column, value, n_rows)
    return _keep(column, value, _round_up(n_rows))[:n_rows]


def repeat_keys(keys: tuple[str, ...], n_rows: int) -> tuple[pa.Array, pa.Array]:
    """Make the offsets and the keys of a column of maps with the same keys in each row."""
    n_made = n_rows if n_rows > _MOST_ROWS else _round_up(n_rows)
    ends, made = (_repeat_keys if n_rows > _MOST_ROWS else _keep_keys)(keys, n_made)
    return ends[: n_rows + 1], made[: n_rows * len(keys)]


def _round_up(n_rows: int) -> int:
    """Return the next power of two, so that few lengths are kept."""
    return 1 << n_rows.bit_length()


def _repeat(column: str, value: Hashable, n_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, ITEMS.field(column).type), n_rows)


def _repeat_keys(keys: tuple[str, ...], n_rows: int) -> tuple[pa.Array, pa.Array]:
    ends = np.arange(n_rows + 1, dtype=np.int32) * np.int32(len(keys))
    return pa.array(ends), pa.array(keys * n_rows, pa.string())


_keep = lru_cache(maxsize=32)(_repeat)
_keep_keys = lru_cache(maxsize=32)(_repeat_keys)
