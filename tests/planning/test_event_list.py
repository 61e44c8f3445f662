"""The events of a run on disk: two orders, each event once, and little memory."""

from __future__ import annotations

import resource
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from floodscan import EventError, OutputError, Phase, scan
from floodscan.model import DateKind
from floodscan.planning.event_list import hilbert_index, list_events, unpack_events
from floodscan.planning.slots import cut_batches
from tests.sweeps import DEMO, demo_copies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from floodscan import Event


def scattered(n: int) -> Iterator[Event]:
    """Make events at random places."""
    draw = Random(4)  # noqa: S311 - no secret
    for number in range(n):
        west, south = draw.uniform(-170, 170), draw.uniform(-60, 60)
        yield replace(DEMO, event_id=f"e{number:05}", bbox=(west, south, west + 0.5, south + 0.5))


def test_events_come_back_as_they_were_in_two_orders() -> None:
    """The ids are in the order of the input, and the events in order along the curve."""
    events = list(scattered(1000))
    listed = list_events(events)
    assert list(listed.ids) == [event.event_id for event in events]
    assert len(listed) == 1000
    assert "e00999" in listed.ids
    assert "e01000" not in listed.ids
    assert 1 not in list_events([replace(DEMO, event_id="1")]).ids
    read = list(listed.in_order())
    assert [event.place for event in read] == sorted(event.place for event in read)
    packed = [event for batch in cut_batches(listed, run_id="run") for event in batch.events]
    assert sorted(packed, key=lambda event: event.event_id) == events


def test_events_of_one_place_are_in_order_of_their_days_and_ids() -> None:
    """Ids are sorted by code point, as Python sorts text."""
    events = [
        replace(DEMO, event_id=name) for name in ("ü", "a\N{WATER WAVE}", "z", "Z", "10", "9", "")
    ]
    later = replace(DEMO, event_id="0", onset=DEMO.onset.replace(year=2022))
    ids = [event.place[-1] for event in list_events([later, *events]).in_order()]
    assert ids == [*sorted(event.event_id for event in events), "0"]


def test_an_event_that_is_given_twice_is_refused_by_name(tmp_path: Path) -> None:
    """The message has its number in the input, and nothing is written."""
    first, second = demo_copies(2)
    with pytest.raises(
        EventError, match="events: event 3, field 'event_id': 'copy-000' is used twice"
    ):
        scan([first, second, first], catalog="demo", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_list_is_read_by_several_at_once() -> None:
    """Each thread reads all events, and looks up ids in between."""
    listed = list_events(scattered(1000))

    def read(_: int) -> list[str]:
        return [event.place[-1] for event in listed.in_order() if event.place[-1] in listed.ids]

    with ThreadPoolExecutor(4) as threads:
        orders = list(threads.map(read, range(4)))
    assert len(orders[0]) == 1000
    assert all(order == orders[0] for order in orders)


def peak_bytes(n: int) -> int:
    """Measure the peak memory of Python while n events are listed and cut into batches."""
    tracemalloc.start()
    try:
        assert (
            sum(len(batch.packed) for batch in cut_batches(list_events(scattered(n)), run_id="run"))
            == n
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_longer_list_takes_no_more_memory() -> None:
    """Ten times the events need less than 100 bytes more each; an event has a kilobyte."""
    peak_bytes(500)
    assert peak_bytes(5000) - peak_bytes(500) < 4500 * 100


def test_a_full_temporary_disk_is_reported() -> None:
    """The message says what to do."""
    allowed, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))
    try:
        with pytest.raises(
            OutputError,
            match=r"events can't be sorted: .*; set TMPDIR to a folder with more space",
        ):
            list_events(scattered(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, most))


def test_the_curve_steps_from_cell_to_neighbouring_cell() -> None:
    """Cells with consecutive numbers are neighbours."""
    cells = {hilbert_index(x, y): (x, y) for x in range(32) for y in range(32)}
    assert sorted(cells) == list(range(1024))
    steps = [
        abs(cells[i + 1][0] - cells[i][0]) + abs(cells[i + 1][1] - cells[i][1]) for i in range(1023)
    ]
    assert set(steps) == {1}
    columns, rows = np.array(list(cells.values())).T
    assert hilbert_index(columns, rows).tolist() == list(cells)


def test_events_of_the_same_and_of_other_dates_come_back() -> None:
    """Their kinds and times are as they were."""
    later = {phase: day + timedelta(days=1) for phase, day in DEMO.phase_dates.items()}
    events = [
        replace(DEMO, event_id="a", date_kind=DateKind.ACTIVATION, peak=DEMO.onset),
        replace(DEMO, event_id="b", phase_dates=later, end=DEMO.onset, assumed_onset_hour=6.0),
        replace(DEMO, event_id="c", phase_dates=dict(DEMO.phase_dates)),
    ]
    found = unpack_events(list_events(events).in_order())
    assert found == events
    assert [type(event.date_kind) for event in found] == [DateKind] * 3
    assert {type(phase) for event in found for phase in event.phase_dates} == {Phase}
