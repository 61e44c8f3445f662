"""Tables of events: variants of CSV, all formats alike, and other people's files."""

from __future__ import annotations

import json
import shutil
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from floodscan import Event, EventError, EventWarning, Recipe, read_events

if TYPE_CHECKING:
    from pathlib import Path

OFFSETS = Recipe().phase_offset_days
HEAD = "event_id,west,south,east,north,event_date"
ROW = "first,6.0,49.0,6.5,49.5,2021-07-15"


def read(path: Path) -> list[Event]:
    """Read a file with the default offsets."""
    return read_events(path, phase_offset_days=OFFSETS)


def read_csv(folder: Path, *lines: str) -> list[Event]:
    """Read lines of CSV."""
    (folder / "e.csv").write_text("\n".join([*lines, ""]))
    return read(folder / "e.csv")


VARIANTS = {
    "semicolons": ("event_id;west;south;east;north;event_date", ROW.replace(",", ";")),
    "tabs": (HEAD.replace(",", "\t"), ROW.replace(",", "\t")),
    "bars": (HEAD.replace(",", "|"), ROW.replace(",", "|")),
    "blanks around": (HEAD.replace(",", " , "), ROW.replace(",", " , ")),
    "blanks within": (HEAD.replace("_", " "), ROW),
    "upper case": (HEAD.upper(), ROW),
    "BOM": (f"\ufeff{HEAD}", ROW),
    "minx": ("event_id,minx,miny,maxx,maxy,event_date", ROW),
    "xmin": ("EVENT_ID,XMin,YMin,XMax,YMax,Event_Date", ROW),
    "another order": ("event_date,north,east,south,west,event_id", ",".join(ROW.split(",")[::-1])),
    "box in one column": ("event_id;bbox;event_date", "first;6.0,49.0,6.5,49.5;2021-07-15"),
    "WKT": (
        "event_id;geometry;event_date",
        "first;POLYGON ((6 49, 6.5 49, 6.5 49.5, 6 49.5, 6 49));2021-07-15",
    ),
    "WKT of ogr2ogr": (
        "WKT,event_id,event_date",
        '"MULTIPOLYGON (((6 49, 6.5 49, 6.5 49.5, 6 49.5, 6 49)))",first,2021-07-15',
    ),
}


@pytest.mark.parametrize("lines", VARIANTS.values(), ids=VARIANTS)
def test_obvious_variants_of_csv_are_read(lines: tuple[str, str], tmp_path: Path) -> None:
    """They give the same event."""
    (event,) = read_csv(tmp_path, *lines)
    assert event.event_id == "first"
    assert event.aoi.equals(shapely.box(6.0, 49.0, 6.5, 49.5))
    assert event.bbox == (6.0, 49.0, 6.5, 49.5)
    assert event.onset == datetime(2021, 7, 15, tzinfo=UTC)


MISSING = {
    "ID;lon;lat;event_date": "columns are missing: event_id; an area: west, south, east and north; "
    "or minx, miny, maxx and maxy; or geometry. Found: ID, lon, lat, event_date. lon and lat are a "
    "point, which has no area",
    "name;x;y": "columns are missing: event_id; a date: event_date, or pre_month, pre_event, event "
    "and post_event; an area: west, south, east and north; or minx, miny, maxx and maxy; or "
    "geometry. Found: name, x, y. x and y are a point, which has no area",
    "event_id,west,south,east,event_date": "columns are missing: north. "
    "Found: event_id, west, south, east, event_date",
    "event_id,bbox,pre_month,event": "columns are missing: pre_event, post_event (each phase needs "
    "its column, or none and event_date). Found: event_id, bbox, pre_month, event",
}


@pytest.mark.parametrize("header", MISSING)
def test_a_missing_column_is_one_problem(header: str, tmp_path: Path) -> None:
    """It says which columns are needed and which were found, however many rows there are."""
    with pytest.raises(EventError) as error:
        read_csv(tmp_path, header, *["a,1,2,3,4,5"] * 50)
    assert [problem.text for problem in error.value.problems] == [MISSING[header]]


@pytest.mark.parametrize("ending", ["geojson", "parquet", "gpkg"])
def test_the_geometry_of_a_file_is_its_area(ending: str, tmp_path: Path) -> None:
    """Whatever other columns are called."""
    frame = made_events().iloc[:1].assign(wkt="POINT (0 0)", bbox="0 0 1 1")
    (event,) = read(write(frame, tmp_path / f"e.{ending}"))
    assert event.aoi.equals(frame.geometry[0])


def write_area(folder: Path, wkt: str) -> None:
    """Write a file beside the events."""
    frame = gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.from_wkt(wkt)], crs=4326)
    frame.to_file(folder / "area.gpkg")


def test_an_aoi_may_be_a_file_of_any_type(tmp_path: Path) -> None:
    """Its areas are joined."""
    write_area(tmp_path, "POLYGON ((6 49, 6.5 49, 6.5 49.5, 6 49.5, 6 49))")
    (event,) = read_csv(tmp_path, "event_id,aoi,event_date", "first,area.gpkg,2021-07-15")
    assert event.aoi.equals(shapely.box(6.0, 49.0, 6.5, 49.5))


def made_events() -> gpd.GeoDataFrame:
    """Make events of every kind that all formats can hold."""
    areas = [
        shapely.box(6, 49, 6.5, 49.5),
        shapely.box(6, 49, 7, 50).difference(shapely.box(6.4, 49.4, 6.6, 49.6)),
        shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)]),
        shapely.MultiPolygon([shapely.box(177, -18, 180, -17), shapely.box(-180, -18, -179, -17)]),
        shapely.from_wkt("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))"),
    ]
    columns = {
        "event_id": [f"e{number}" for number in range(5)],
        "event_date": ["2021-07-15", "2021-07-15", "2020-02-29", "2019-01-01", "2022-12-31"],
        "onset": ["2021-07-14T18:00:00Z", None, None, None, None],
        "target_crs": ["EPSG:32632", None, None, None, None],
        "country": ["LU", "DE", "Côte d'Ivoire", "FJ", None],
    }
    return gpd.GeoDataFrame(columns, geometry=areas, crs="OGC:CRS84")


def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    """Write events in the format of an ending."""
    ending = path.name.partition(".")[2]
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending in {"parquet", "geoparquet"}:
        frame.to_parquet(path)
    elif ending == "shp.zip":
        folder = path.parent / "zipped"
        folder.mkdir()
        frame.to_file(folder / "e.shp", encoding="utf-8")
        shutil.make_archive(str(path.with_suffix("")), "zip", folder)
    else:
        with warnings.catch_warnings():  # GDAL's, about what the format does not have
            warnings.simplefilter("ignore")
            frame.to_file(path, encoding="utf-8" if ending == "shp" else None)
    return path


def by_id(events: list[Event]) -> dict[str, str]:
    """List the digests: FlatGeobuf sorts features by place."""
    return {event.event_id: event.digest for event in events}


FORMATS = ["csv", "geojson", "parquet", "geoparquet", "gpkg", "fgb", "shp", "shp.zip"]


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_events_in_all_formats_are_the_same(ending: str, tmp_path: Path) -> None:
    """Each attribute is, to the last digit of the digest."""
    frame = made_events()
    path = write(frame, tmp_path / f"e.{ending}")
    with pytest.warns(EventWarning, match=r"invalid areas are repaired: (line|row|feature) \d"):
        events = read(path)
    frame.to_csv(tmp_path / "same.csv", index=False)
    with pytest.warns(EventWarning):
        expected = read(tmp_path / "same.csv")
    assert by_id(events) == by_id(expected)
    assert len(by_id(events)) == 5


@pytest.mark.parametrize("ending", ["geojson", "parquet", "gpkg", "fgb", "shp"])
def test_another_coordinate_system_is_converted(ending: str, tmp_path: Path) -> None:
    """Areas in metres cover the same ground."""
    frame = made_events().iloc[:2].to_crs("EPSG:32632")
    options = {"RFC7946": "NO"} if ending == "geojson" else {}
    if ending == "parquet":
        frame.to_parquet(tmp_path / "e.parquet")
    else:
        frame.to_file(tmp_path / f"e.{ending}", **options)
    for event, area in zip(
        sorted(read(tmp_path / f"e.{ending}"), key=lambda event: event.event_id),
        made_events().geometry,
        strict=False,
    ):
        assert event.aoi.symmetric_difference(area).area < 1e-8


@pytest.mark.parametrize("ending", ["parquet", "gpkg", "fgb", "shp"])
def test_no_coordinate_system_is_noted(ending: str, tmp_path: Path) -> None:
    """WGS 84 is assumed."""
    frame = made_events().iloc[:2].set_crs(None, allow_override=True)
    path = write(frame, tmp_path / f"e.{ending}")
    with pytest.warns(EventWarning, match=r"WGS 84 is assumed, because no coordinate .*: e\."):
        events = read(path)
    assert events[0].aoi.area > 0


def test_a_file_of_several_layers_is_refused(tmp_path: Path) -> None:
    """No layer is left out in silence."""
    made_events().to_file(tmp_path / "e.gpkg", layer="north")
    made_events().to_file(tmp_path / "e.gpkg", layer="south")
    with pytest.raises(EventError, match="must have one layer, but has: north, south"):
        read(tmp_path / "e.gpkg")


def test_a_geojson_feature_is_an_event(tmp_path: Path) -> None:
    """A file need not be a collection."""
    frame = made_events().iloc[:1]
    frame.to_file(tmp_path / "all.geojson", driver="GeoJSON")
    collection = json.loads((tmp_path / "all.geojson").read_text())
    (tmp_path / "one.geojson").write_text(json.dumps(collection["features"][0]))
    assert [event.event_id for event in read(tmp_path / "one.geojson")] == ["e0"]


def test_times_of_tables_are_read(tmp_path: Path) -> None:
    """With and without zones, in each type of column."""
    frame = made_events().iloc[:1][["event_id", "geometry"]]
    moment = pd.Timestamp("2021-07-14T20:00:00+02:00")
    frame["event_date"] = [moment]
    for ending in ("parquet", "fgb", "geojson", "csv", "shp"):
        (event,) = read(write(frame, tmp_path / f"e.{ending}"))
        assert event.onset == datetime(2021, 7, 14, 18, tzinfo=UTC), ending


def test_the_published_table_of_floods_names_what_is_missing(foreign_data: Path) -> None:
    """It has geometries as KML, and other names than floodscan needs."""
    with pytest.raises(EventError, match="columns are missing: event_id; a date") as error:
        read(foreign_data / "floods" / "gfd_qcdatabase_2019_08_01.csv")
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("ending", ["shp", "gpkg", "fgb", "parquet", "geojson", "csv"])
def test_published_outlines_are_read_and_repaired(
    ending: str, foreign_data: Path, tmp_path: Path
) -> None:
    """All 4,825 floods of the Dartmouth Flood Observatory; 156 of them are invalid as they are."""
    frame = gpd.read_file(foreign_data / "floods" / "dfo_polys_20191203.shp")
    frame["event_id"], frame["event_date"] = (
        "dfo_" + frame.index.astype(str),
        frame["Began"].dt.date,
    )
    frame = frame[["event_id", "event_date", "geometry"]]
    path = write(frame, tmp_path / f"dfo.{ending}")
    with pytest.warns(EventWarning, match="invalid areas are repaired: .* and 146 more"):
        events = read(path)
    assert len(events) == 4825
    assert all(event.aoi.is_valid for event in events)
    west, _, east, _ = zip(*(event.bbox for event in events), strict=True)
    assert max((e - w) % 360 for w, e in zip(west, east, strict=True)) < 180
