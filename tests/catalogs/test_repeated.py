"""Columns with the same value in each row are parts of columns that are kept."""

from __future__ import annotations

import pyarrow as pa
import pytest

from floodscan.catalogs.repeated import repeat, repeat_keys
from floodscan.schemas import ITEMS


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 1023, 1024, 1025, 3000])
def test_each_row_has_the_value(n_rows: int) -> None:
    """Whether the rows are kept or too many for that."""
    shapes = (("B02", (10980, 10980)), ("B09", (1830, 1830)))
    for column, value in {"collection": "c", "proj_shapes": shapes, "platform": None}.items():
        made = repeat(column, value, n_rows)
        assert made.equals(pa.array([value] * n_rows, ITEMS.field(column).type))
        made.validate(full=True)


@pytest.mark.parametrize("keys", [(), ("vv",), ("B02", "B09", "B10")])
@pytest.mark.parametrize("n_rows", [0, 1, 7, 1024, 1025])
def test_each_row_has_the_keys(keys: tuple[str, ...], n_rows: int) -> None:
    """Maps are made of them."""
    values = pa.array([f"{number}" for number in range(n_rows * len(keys))], pa.string())
    maps = pa.MapArray.from_arrays(*repeat_keys(keys, n_rows), values)
    maps.validate(full=True)
    rows = maps.to_pylist()
    assert [[key for key, _ in row] for row in rows] == [[*keys]] * n_rows
    assert [value for row in rows for _, value in row] == values.to_pylist()


def test_a_short_column_is_a_part_of_a_kept_one() -> None:
    """It takes no memory of its own."""
    first, second = (repeat("collection", "kept", n_rows) for n_rows in (5, 6))
    assert first.buffers()[2].address == second.buffers()[2].address
