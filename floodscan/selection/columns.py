"""Columns of a table as numbers that numpy can sort and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]

NO_INSTANT = np.iinfo(np.int64).min
"""``microseconds`` of an unknown time."""


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; ``combine_chunks`` copies also what is one array already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def microseconds(times: pa.ChunkedArray) -> Indices:
    """Count microseconds since 1970, shape (n,); an unknown time is ``NO_INSTANT``."""
    return np.asarray(one_array(times).cast(pa.int64()).fill_null(NO_INSTANT))


def encode(values: pa.ChunkedArray) -> Indices:
    """Number the distinct values of a column in the order of their first rows, null included."""
    encoded = pc.dictionary_encode(one_array(values), null_encoding="encode")
    return np.asarray(encoded.indices).astype(np.int64)


def dense_ranks(values: pa.ChunkedArray | pa.Array) -> Indices:
    """Number the distinct values of a column in ascending order, from 1, shape (n,)."""
    ranks = pc.rank(values, sort_keys="ascending", tiebreaker="dense")
    return np.asarray(ranks).astype(np.int64)


def is_value(values: pa.ChunkedArray | pa.Array, value: str) -> Mask:
    """True where a column without nulls has a value, shape (n,)."""
    return np.asarray(pc.equal(values, value))


def group_starts(keys: Sequence[Indices]) -> Mask:
    """True at each row that differs in any key from the row before it, shape (n,).

    The first row starts a group.
    """
    starts = np.ones(len(keys[0]), dtype=bool)
    starts[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return starts


def code_texts(values: pa.ChunkedArray) -> Indices:
    """Number the distinct texts of a column in ascending order, from 1, shape (n,); null is 0."""
    encoded = one_array(values).dictionary_encode()
    codes = pa.array(dense_ranks(encoded.dictionary)).take(encoded.indices)
    return np.asarray(codes.fill_null(0))
