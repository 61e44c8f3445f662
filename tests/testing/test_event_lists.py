"""Generated event lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from floodscan import Recipe, read_events
from floodscan.testing.event_lists import write_event_list

if TYPE_CHECKING:
    from pathlib import Path


def test_a_list_is_the_same_again_and_has_the_sizes_of_districts(tmp_path: Path) -> None:
    """All its events are valid, and lie after Sentinel's time and before it."""
    for name in ("one.parquet", "two.parquet"):
        write_event_list(tmp_path / name, n_events=300)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    offsets = Recipe().phase_offset_days
    events = read_events(tmp_path / "one.parquet", phase_offset_days=offsets)
    assert len({event.event_id for event in events}) == 300
    areas = shapely.area([event.aoi for event in events])
    assert 0 < areas.min() < areas.max() < 0.9  # square degrees, which are larger in the north
    years = {event.onset.year for event in events}
    assert min(years) < 2014
    assert max(years) in {2025, 2026}
