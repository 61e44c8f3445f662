"""Dates and times of events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from floodscan import Phase, Recipe
from floodscan.inputs.moments import parse_times
from floodscan.inputs.notices import FieldError

OFFSETS = Recipe().phase_offset_days
TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    "value",
    [
        "2021-07-15T02:00+09:00",
        "2021-07-14T17:00Z",
        "2021/07/14 17:00:00+00",  # as GDAL writes it into Shapefiles
        datetime(2021, 7, 15, 2, tzinfo=TOKYO),
        datetime(2021, 7, 14, 17),  # noqa: DTZ001 - without a zone it is UTC
    ],
)
def test_time_of_an_event_date_is_its_onset(value: object) -> None:
    """Date and time are those of UTC."""
    dates, times = parse_times({"event_date": value}, OFFSETS)
    assert dates[Phase.EVENT] == date(2021, 7, 14)
    assert dates[Phase.PRE_EVENT] == date(2021, 7, 10)
    assert times["onset"] == datetime(2021, 7, 14, 17, tzinfo=UTC)
    assert not times["onset_assumed"]


def test_a_given_onset_is_kept() -> None:
    """Whatever the time of the date."""
    given = {"event_date": "2021-07-15T02:00+09:00", "onset": "2021-07-13T06:00Z"}
    assert parse_times(given, OFFSETS)[1]["onset"] == datetime(2021, 7, 13, 6, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2021-07-15", "20210715", 20210715, date(2021, 7, 15)])
def test_a_date_without_a_time_starts_at_midnight(value: object) -> None:
    """In UTC."""
    assert parse_times({"event_date": value}, OFFSETS)[1]["onset"] == datetime(
        2021, 7, 15, tzinfo=UTC
    )


@pytest.mark.parametrize("year", ["0001", "1899", "2200", "9999"])
def test_a_year_that_no_flood_has_is_refused(year: str) -> None:
    """Dates of phases and windows around it might not exist."""
    with pytest.raises(FieldError, match="is not from 1900 to 2199"):
        parse_times({"event_date": f"{year}-01-01"}, OFFSETS)
