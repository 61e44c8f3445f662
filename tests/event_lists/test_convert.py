"""Each row becomes events or is rejected, and the file that is written is an event file."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from floodscan.errors import EventError, EventWarning, OutputError
from floodscan.event_lists.convert import convert_list, write_conversion
from floodscan.event_lists.rows import ListOptions
from floodscan.inputs.event_files import read_events
from floodscan.model import DEFAULT_PHASE_OFFSET_DAYS, DateKind
from tests.event_lists.made_up import (
    KML,
    RING,
    SQUARE,
    activation,
    answer,
    convert,
    database,
    episode,
    quoted,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

GOOD = f"1|2/18/2015|3/1/2015|{quoted(KML.format(RING))}"


def test_the_file_is_read_as_an_event_file(tmp_path: Path) -> None:
    """Onset with its hour, assumed hour, end and kind of the date arrive at the events."""
    paths = [
        write(tmp_path / "ems.json", answer(activation(eventTime=None), activation())),
        write(tmp_path / "gfd.csv", database(GOOD)),
    ]
    found = []
    for number, path in enumerate(paths):
        out = tmp_path / f"{number}.parquet"
        write_conversion(convert(path), out)
        found += read_events(out, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS)
    dated, _, begun, _, database_event = found
    assert (dated.date_kind, dated.onset_assumed) == (DateKind.ACTIVATION, True)
    assert (begun.date_kind, begun.onset_assumed) == (DateKind.ONSET, False)
    assert begun.onset.hour == 15
    assert (database_event.assumed_onset_hour, database_event.onset_assumed) == (12.0, True)
    assert database_event.end is not None
    frame = gpd.read_parquet(tmp_path / "0.parquet")
    assert frame.crs.to_authority() == ("OGC", "CRS84")


def test_rejected_rows_are_written_with_file_row_field_and_reason(tmp_path: Path) -> None:
    """Beside the events; control characters are escaped."""
    bad = [
        "2|18.2.2015|3/1/2015|x",
        "3|2/18/2015|3/1/2015|x\x1b[31m",
        f"|2/18/2015|3/1/2015|{quoted(KML.format(RING))}",
        f"a/b|2/18/2015|3/1/2015|{quoted(KML.format(RING))}",
        f"5|2/18/2015|3/1/2015|{quoted(KML.format('6,49 7,49 6,49'))}",
        f"6|2/18/2015|3/1/2015|{quoted(KML.format('6,49 7,49 6.5,49 6,49'))}",
    ]
    path, out = write(tmp_path / "gfd.csv", database(GOOD, *bad)), tmp_path / "events.parquet"
    done = convert(path)
    write_conversion(done, out)
    with (tmp_path / "events.rejected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert done.n_rows == 7 == len(done.events) + len(rows)
    assert {row["file"] for row in rows} == {str(path)}
    assert [(row["row"], row["field"]) for row in rows] == [
        ("line 3", "Began"),
        ("line 4", "geometry"),
        ("line 5", "event_id"),
        ("line 6", "event_id"),
        ("line 7", "geometry"),
        ("line 8", "geometry"),
    ]
    assert rows[1]["reason"].isprintable()


def test_a_list_without_a_bad_row_leaves_no_file_of_rejected_rows(tmp_path: Path) -> None:
    """An older one is removed, and one list gives the same bytes twice."""
    path, out = write(tmp_path / "gfd.csv", database(GOOD)), tmp_path / "events.parquet"
    stale = write(tmp_path / "events.rejected.csv", "old")
    write_conversion(convert(path), out)
    first = out.read_bytes()
    write_conversion(convert(path), out)
    assert not stale.exists()
    assert out.read_bytes() == first


def test_floods_before_a_day_are_rejected(tmp_path: Path) -> None:
    """With the day in the reason."""
    path = write(tmp_path / "gfd.csv", database(GOOD, GOOD.replace("2015", "2003")))
    done = convert(path, since=date(2014, 10, 1))
    assert len(done.events) == 1
    assert [each.reason for each in done.rejected] == ["2003-02-18 is before 2014-10-01"]


def test_early_polar_and_continental_events_are_noted(tmp_path: Path) -> None:
    """They are used all the same; the notes name the options that help."""
    old, polar, wide = (
        quoted(KML.format(ring))
        for ring in (RING, "6,84 7,84 7,85 6,85 6,84", "0,0 20,0 20,20 0,20 0,0")
    )
    rows = [f"1|2/18/1998|3/1/1998|{old}"]
    rows += [f"{n}|2/18/2016|3/1/2016|{kml}" for n, kml in ((2, polar), (3, wide))]
    path = write(tmp_path / "gfd.csv", database(*rows))
    with pytest.warns(EventWarning) as caught:
        done = convert_list([path])
    text = "\n".join(str(each.message) for each in caught)
    assert len(done.events) == 3
    assert "launched, get no scenes; --since leaves them out: line 2" in text
    assert "beyond 84° north or 80° south, where UTM ends: line 3" in text
    assert "larger than 1,000,000 km²; --max-area cuts them: line 4" in text


def test_large_areas_are_cut_into_events_that_make_up_the_area(tmp_path: Path) -> None:
    """Each piece is small enough, and they overlap nowhere."""
    path = write(tmp_path / "gfd.csv", database(GOOD))
    done = convert(path, max_area_km2=1000.0)
    sizes, geometries = done.events["area_km2"].to_pylist(), done.events["geometry"].to_numpy()
    pieces = shapely.from_wkb(geometries)
    assert (done.n_rows, done.n_cut, len(pieces)) == (1, 1, 14)
    assert max(sizes) <= 1000
    assert shapely.area(pieces).sum() == pytest.approx(1.0)
    assert shapely.union_all(pieces).symmetric_difference(shapely.from_wkt(SQUARE)).area < 1e-9
    ids = done.events["event_id"].to_pylist()
    assert (ids[0], ids[-1]) == ("GFD_1_part01", "GFD_1_part14")


def test_a_box_around_the_earth_is_an_event_only_in_pieces(tmp_path: Path) -> None:
    """An outline in an event file is at most half the Earth wide."""
    head = "event_id,event_date,west,south,east,north"
    path = write(tmp_path / "t.csv", f"{head}\na,2021-07-15,-180,-60,180,60\n")
    (rejected,) = convert(path).rejected
    assert (rejected.field, rejected.reason) == ("geometry", "is wider than half the Earth")
    out = tmp_path / "events.parquet"
    write_conversion(convert(path, max_area_km2=50_000_000.0), out)
    events = read_events(out, phase_offset_days=DEFAULT_PHASE_OFFSET_DAYS)
    assert sum(event.aoi.area for event in events) == pytest.approx(360 * 120)


def test_more_pieces_than_anyone_wants_are_a_reason(tmp_path: Path) -> None:
    """Instead of hours of cutting."""
    path = write(tmp_path / "gfd.csv", database(GOOD))
    (rejected,) = convert(path, max_area_km2=0.1).rejected
    assert rejected.reason == "would be more than 10000 pieces of 0.1 km²"


def test_ids_that_are_used_twice_get_numbers_that_are_free(tmp_path: Path) -> None:
    """Also where the list has such an id itself."""
    features = [
        {**episode(1), "properties": {"event_id": each, "event_date": "2021-07-15"}}
        for each in ("a", "a", "a_2", "a")
    ]
    path = write(tmp_path / "t.geojson", {"type": "FeatureCollection", "features": features})
    ids = convert(path).events["event_id"].to_pylist()
    assert ids == ["a", "a_3", "a_2", "a_4"]


def test_files_of_two_kinds_are_not_one_list(tmp_path: Path) -> None:
    """The message names both."""
    paths = [
        write(tmp_path / "ems.json", answer(activation())),
        write(tmp_path / "gfd.csv", database(GOOD)),
    ]
    with pytest.raises(EventError, match=r"gfd.csv: is of kind gfd, but ems.json is of kind ems"):
        convert_list(paths)


def test_rows_of_several_files_keep_their_file(tmp_path: Path) -> None:
    """Also if both files have a row of the same name."""
    fire = activation(category="Fire", subCategory="", name="")
    paths = [write(tmp_path / f"{name}.json", answer(fire)) for name in "ab"]
    done = convert(*paths)
    assert [(each.file, each.row) for each in done.rejected] == [
        (str(path), "EMSR001") for path in paths
    ]


def test_the_list_becomes_geoparquet_only(tmp_path: Path) -> None:
    """Another ending is refused before anything is written."""
    path = write(tmp_path / "gfd.csv", database(GOOD))
    with pytest.raises(OutputError, match=r"must end in \.parquet"):
        write_conversion(convert_list([path], options=ListOptions()), tmp_path / "events.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["gfd.csv"]
