"""Ordered sets of ids on disk."""

from __future__ import annotations

from floodscan.planning.scratch import IdSet


def test_ids_stay_in_order_and_unique_in_memory_and_on_disk() -> None:
    """More ids than are written at once, some of which are added again."""
    names = [f"flood-{number}" for number in range(1234)]
    ids = IdSet(names)
    assert [ids.add(name) for name in (names[0], names[-1], "new", "new")] == [
        False,
        False,
        True,
        False,
    ]
    assert list(ids) == [*names, "new"]
    assert len(ids) == 1235
    assert all(name in ids for name in names)
    assert "flood-1234" not in ids
    assert 1 not in ids
