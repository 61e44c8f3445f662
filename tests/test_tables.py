"""Tables are cut by event without looking at each row."""

from __future__ import annotations

import pyarrow as pa

from floodscan.schemas import CANDIDATES, split_by_event


def test_a_table_is_cut_by_event() -> None:
    """Each part holds its event's rows in their order, whatever chunks they came in."""
    parts = [
        pa.table({"event_id": ids, "n": numbers})
        for ids, numbers in ((["b", "a"], [1, 2]), (["a", "c"], [3, 4]))
    ]
    cut = split_by_event(pa.concat_tables(parts))
    assert {event_id: part["n"].to_pylist() for event_id, part in cut.items()} == {
        "b": [1],
        "a": [2, 3],
        "c": [4],
    }


def test_a_table_without_rows_has_no_event() -> None:
    """Nothing to cut."""
    assert split_by_event(CANDIDATES.empty_table()) == {}
