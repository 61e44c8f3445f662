"""Tables of any origin: columns that options name, any system, points with a radius, and Excel."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from floodscan.errors import EventError, InputError
from tests.event_lists.made_up import SQUARE, convert, workbook, write

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "code;when;east;north"


def test_columns_are_those_that_the_options_name(tmp_path: Path) -> None:
    """With a format of dates, and points in another system."""
    path = write(tmp_path / "t.csv", f"\ufeff{HEAD}\na;15.07.2021;500000;5427000\n")
    done = convert(
        path,
        id_column="code",
        date_column="When",
        date_format="%d.%m.%Y",
        x="east",
        y="north",
        crs="EPSG:32632",
        buffer_km=3.0,
    )
    (event,) = done.events.to_pylist()
    area = shapely.from_wkb(event["geometry"])
    assert (event["event_id"], event["event_date"]) == ("a", date(2021, 7, 15))
    assert (area.centroid.x, area.centroid.y) == pytest.approx((9.0, 48.995), abs=0.001)
    assert event["area_km2"] == pytest.approx(28.3, rel=0.01)


def test_rows_without_ids_are_numbered(tmp_path: Path) -> None:
    """By the name of the file and the line."""
    path = write(tmp_path / "My List.csv", f'date,wkt\n2021-07-15,"{SQUARE}"\n')
    assert convert(path).events["event_id"].to_pylist() == ["my_list_2"]


@pytest.mark.parametrize(
    ("text", "spelled", "day", "onset"),
    [
        ("2021-07-15", None, 15, None),
        ("2021-07-15T18:00Z", None, 15, 18),
        ("2021-07-15T00:30+02:00", None, 14, 22),
        ("2021-07-15T00:00", None, 15, None),
        ("20210715", "%Y%m%d", 15, None),
        ("15/7/21 06h", "%d/%m/%y %Hh", 15, 6),
    ],
)
def test_a_date_has_an_hour_only_if_it_is_given(
    text: str, spelled: str | None, day: int, onset: int | None, tmp_path: Path
) -> None:
    """Midnight without a zone is none."""
    path = write(tmp_path / "t.csv", f'id,date,wkt\na,{text},"{SQUARE}"\n')
    (event,) = convert(path, date_format=spelled).events.to_pylist()
    assert event["event_date"].day == day
    assert (event["onset"] and event["onset"].hour) == onset


def test_times_of_an_event_file_are_kept(tmp_path: Path) -> None:
    """Converting an event file again changes nothing but its size and pieces."""
    head = "event_id,event_date,onset,peak,end,date_kind,assumed_onset_hour,wkt"
    row = f'a,2021-07-15,,2021-07-16T06:00Z,2021-07-20,activation,6,"{SQUARE}"'
    (event,) = convert(write(tmp_path / "t.csv", f"{head}\n{row}\n")).events.to_pylist()
    assert event["peak"] == datetime(2021, 7, 16, 6, tzinfo=UTC)
    assert event["end"] == datetime(2021, 7, 20, 23, 59, 59, tzinfo=UTC)
    assert (event["date_kind"], event["assumed_onset_hour"]) == ("activation", 6.0)


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".fgb", ".parquet", ".geojson"])
def test_points_of_each_type_of_file_become_circles(ending: str, tmp_path: Path) -> None:
    """In the system of the file."""
    path = tmp_path / f"t{ending}"
    points = gpd.GeoDataFrame(
        {"id": ["a"], "date": ["2021-07-15"]},
        geometry=[shapely.Point(500_000, 5_427_000)],
        crs="EPSG:32632",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points.to_parquet(path) if ending == ".parquet" else points.to_file(path)
    assert "is a point" in convert(path).rejected[0].reason
    (event,) = convert(path, buffer_km=3.0).events.to_pylist()
    centre = shapely.from_wkb(event["geometry"]).centroid
    assert (centre.x, centre.y) == pytest.approx((9.0, 48.995), abs=0.001)


def test_ids_that_are_numbers_are_whole(tmp_path: Path) -> None:
    """Also in a column that is one of floats because a number is missing."""
    areas = [shapely.box(n, 0, n + 1, 1) for n in range(3)]
    columns = {"id": [7.0, None, 8.0], "date": ["2021-07-15"] * 3}
    path = tmp_path / "t.parquet"
    gpd.GeoDataFrame(columns, geometry=areas, crs="EPSG:4326").to_parquet(path)
    done = convert(path)
    assert done.events["event_id"].to_pylist() == ["7", "8"]
    assert [(each.row, each.field) for each in done.rejected] == [("row 2", "event_id")]


def test_a_box_in_four_columns_is_an_area(tmp_path: Path) -> None:
    """As in an event file."""
    path = write(tmp_path / "t.csv", "id,date,west,south,east,north\na,2021-07-15,6,49,7,50\n")
    (event,) = convert(path).events.to_pylist()
    assert shapely.from_wkb(event["geometry"]).equals(shapely.from_wkt(SQUARE))


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        (HEAD, {"date_column": "then"}, r"--date-column names 'then', which is no column; did you"),
        (HEAD, {"x": "east", "y": "north"}, "has no column event_date; name one with --date-colu"),
        (HEAD, {"date_column": "when", "x": "east"}, "a point needs both --x and --y"),
        (HEAD, {"date_column": "when"}, "has no area: name columns with --x and --y, or with --wk"),
        ("date,wkt", {"crs": "EPSG:3857"}, "--crs is the system of --x and --y, or of --wkt"),
        ("date,wkt", {"wkt": "wkt", "crs": "EPSG:1"}, "has a coordinate system that can't be con"),
    ],
)
def test_missing_columns_are_one_message(
    head: str, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    """Which says what to do."""
    path = write(tmp_path / "t.csv", f"{head}\na;b;c;d\n")
    with pytest.raises(EventError, match=message):
        convert(path, kind="table", **options)


def test_an_excel_file_is_a_table(tmp_path: Path) -> None:
    """Its first sheet, with a header after empty rows."""
    book = workbook([""], ["id", "date", "wkt"], ["a", "2021-07-15", SQUARE], ["b", "soon", SQUARE])
    done = convert(write(tmp_path / "t.xlsx", book))
    assert done.events["event_id"].to_pylist() == ["a"]
    assert [(each.row, each.field) for each in done.rejected] == [("row 4", "date")]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", workbook(), workbook([""])])
def test_a_broken_or_empty_excel_file_is_one_message(content: bytes, tmp_path: Path) -> None:
    """Not an error of the library."""
    with pytest.raises(EventError, match=r"t.xlsx: (can't be read|has no event in it)"):
        convert(write(tmp_path / "t.xlsx", content))


def test_excel_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence has the command of pip."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(InputError, match=r"pip install 'floodscan\[excel\]'"):
        convert(write(tmp_path / "t.xlsx", workbook(["id"])))
