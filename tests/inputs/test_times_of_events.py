"""Times of events: onset, peak and end, with an hour or without, and the kind of the date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from floodscan import EventError, Recipe, read_events
from floodscan.model import DateKind, Event

if TYPE_CHECKING:
    from pathlib import Path

EVENT = 'event_id = "first"\nbbox = [6.0, 49.0, 6.5, 49.5]\nevent_date = 2021-07-15\n'


def read_one(path: Path) -> Event:
    """Read a file with one event."""
    (event,) = read_events(path, phase_offset_days=Recipe().phase_offset_days)
    return event


def from_toml(folder: Path, lines: str = "") -> Event:
    """Read an event with further lines."""
    path = folder / "events.toml"
    path.write_text(f"[[event]]\n{EVENT}{lines}\n")
    return read_one(path)


def from_csv(folder: Path, **fields: str) -> Event:
    """Read an event from a table with further columns."""
    path = folder / "events.csv"
    names, values = ",".join(fields), ",".join(fields.values())
    path.write_text(
        f"event_id,west,south,east,north,event_date,{names}\n"
        f"first,6.0,49.0,6.5,49.5,2021-07-15,{values}\n"
    )
    return read_one(path)


def test_a_date_alone_is_an_onset_without_an_hour(tmp_path: Path) -> None:
    """It starts the day, and is marked as assumed."""
    event = from_toml(tmp_path)
    assert (event.onset, event.onset_assumed) == (datetime(2021, 7, 15, tzinfo=UTC), True)
    assert (event.peak, event.end, event.date_kind) == (None, None, DateKind.ONSET)


@pytest.mark.parametrize("text", ["2021-07-14", "20210714", " 2021-07-14 "])
def test_an_onset_may_be_a_bare_date(tmp_path: Path, text: str) -> None:
    """In TOML and in tables."""
    for event in (from_csv(tmp_path, onset=text), from_toml(tmp_path, "onset = 2021-07-14")):
        assert (event.onset, event.onset_assumed) == (datetime(2021, 7, 14, tzinfo=UTC), True)


@pytest.mark.parametrize("text", ["2021-07-15T00:00", "2021-07-15T02:00+02:00"])
def test_an_onset_at_midnight_with_its_hour_is_not_assumed(tmp_path: Path, text: str) -> None:
    """The hour is written."""
    event = from_csv(tmp_path, onset=text)
    assert (event.onset, event.onset_assumed) == (datetime(2021, 7, 15, tzinfo=UTC), False)


def test_midnight_in_a_column_of_times_is_a_bare_date(tmp_path: Path) -> None:
    """A table of times can't hold a date without an hour in another way."""
    path = tmp_path / "events.parquet"
    onsets = pd.to_datetime(["2021-07-14T00:00", "2021-07-14T18:00"])
    areas = [shapely.box(6, 49, 7, 50)] * 2
    table = {"event_id": ["a", "b"], "event_date": [date(2021, 7, 15)] * 2, "onset": onsets}
    gpd.GeoDataFrame(table, geometry=areas, crs="OGC:CRS84").to_parquet(path)
    events = read_events(path, phase_offset_days=Recipe().phase_offset_days)
    assert [event.onset_assumed for event in events] == [True, False]


def test_peak_and_end_are_read(tmp_path: Path) -> None:
    """Without an hour, the peak is at noon and the end at the end of the day."""
    event = from_csv(tmp_path, peak="2021-07-16", end="2021-07-20")
    assert event.peak == datetime(2021, 7, 16, 12, tzinfo=UTC)
    assert event.end == datetime(2021, 7, 20, 23, 59, 59, tzinfo=UTC)
    event = from_toml(tmp_path, "peak = 2021-07-15T20:00:00+02:00\nend = 2021-07-15T18:00:00Z")
    assert event.peak == event.end == datetime(2021, 7, 15, 18, tzinfo=UTC)


def test_a_peak_on_the_day_of_the_onset_is_in_order(tmp_path: Path) -> None:
    """Noon of that day may be before the hour of the onset."""
    event = from_csv(tmp_path, onset="2021-07-15T18:00Z", peak="2021-07-15", end="2021-07-15")
    assert event.peak == datetime(2021, 7, 15, 12, tzinfo=UTC)


def test_assumed_hour_and_kind_of_the_date_are_read(tmp_path: Path) -> None:
    """Converters of lists set them row by row."""
    event = from_csv(tmp_path, assumed_onset_hour="12", date_kind="activation")
    assert (event.assumed_onset_hour, event.date_kind) == (12.0, DateKind.ACTIVATION)
    assert Recipe().onset_of(event) == datetime(2021, 7, 15, 12, tzinfo=UTC)
    assert Recipe().last_before(event) == datetime(2021, 7, 12, 12, tzinfo=UTC)
    wide = Recipe(onset_guard_minutes=5760, assumed_onset_hour=6)
    assert wide.last_before(event) == datetime(2021, 7, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"onset": "noon"}, "field 'onset': 'noon' is not a time"),
        ({"peak": "2021-07-14"}, "field 'peak': .* is before the onset"),
        ({"onset": "2021-07-15T18:00Z", "peak": "2021-07-15T17:00Z"}, "field 'peak'"),
        (
            {"peak": "2021-07-17", "end": "2021-07-16"},
            "field 'end': .* before the onset or the peak",
        ),
        ({"assumed_onset_hour": "24"}, "field 'assumed_onset_hour': '24' is not an hour"),
        ({"assumed_onset_hour": "noon"}, "field 'assumed_onset_hour'"),
        ({"date_kind": "activated"}, "field 'date_kind': .* did you mean 'activation'"),
    ],
)
def test_invalid_times_are_reported(tmp_path: Path, fields: dict[str, Any], named: str) -> None:
    """With the field and what is wrong."""
    with pytest.raises(EventError, match=named):
        from_csv(tmp_path, **fields)


@pytest.mark.parametrize(
    "lines", ["peak = 2021-07-16", "end = 2021-07-16", "assumed_onset_hour = 9"]
)
def test_each_time_is_part_of_the_digest(tmp_path: Path, lines: str) -> None:
    """A run with other times has other batches."""
    assert from_toml(tmp_path, lines).digest != from_toml(tmp_path).digest
    assert from_toml(tmp_path, "onset = 2021-07-15T00:00:00Z").digest != from_toml(tmp_path).digest
